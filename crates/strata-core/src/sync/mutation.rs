//! The orderings and re-checks that the protocols rest on, each with a mutant that a model must catch.
//!
//! A site is a constant: the right value ships, and `--cfg strata_mutant="name"` (model builds only) puts the wrong one in
//! its place. `cargo xtask loom --mutants` builds each and demands that its model fails; the table is
//! `loom-tests/mutants.toml`.
//!
//! Does not know: what the protocols do with these; each constant names its user.

use super::Ordering;

macro_rules! sites {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $right:expr, mutant $mutant:literal = $wrong:expr;)*) => {$(
        $(#[$doc])*
        #[cfg(not(strata_mutant = $mutant))]
        pub const $name: $type = $right;
        $(#[$doc])*
        #[cfg(strata_mutant = $mutant)]
        pub const $name: $type = $wrong;
    )*};
}

sites! {
    /// `pool/remote.rs::push`: publishes the links of the chain.
    REMOTE_PUSH: Ordering = Ordering::Release, mutant "remote_push_relaxed" = Ordering::Relaxed;
    /// `pool/remote.rs::take_all`: sees the links of the chain.
    REMOTE_TAKE: Ordering = Ordering::Acquire, mutant "remote_take_relaxed" = Ordering::Relaxed;
    /// `pool/remote.rs::disown`: publishes what the owner did to the pool.
    DISOWN: Ordering = Ordering::Release, mutant "disown_relaxed" = Ordering::Relaxed;
    /// `pool/remote.rs::claim`: sees what the last owner did to the pool.
    CLAIM_POOL: Ordering = Ordering::Acquire, mutant "claim_pool_relaxed" = Ordering::Relaxed;
    /// `pool/remote.rs::push`: the freeing thread that becomes the owner sees what the last owner did.
    PUSH_CLAIM: Ordering = Ordering::AcqRel, mutant "push_claim_relaxed" = Ordering::Relaxed;
    /// `arena/bits.rs::release`: publishes what the last user did to the pools.
    BITS_RELEASE: Ordering = Ordering::Release, mutant "bits_release_relaxed" = Ordering::Relaxed;
    /// `arena/bits.rs::claim_where`: sees what the last user did to the pools.
    BITS_CLAIM: Ordering = Ordering::Acquire, mutant "bits_claim_relaxed" = Ordering::Relaxed;
    /// `arena/bits.rs::claim_where`: tests the bits again after a lost race.
    BITS_RETEST: bool = true, mutant "bits_no_retest" = false;
    /// `pool/remote.rs::disown`: refuses while a chain is pending.
    DISOWN_CHECKS_PENDING: bool = true, mutant "disown_ignores_pending" = false;
    /// `pool/remote.rs::push`: links the older chain behind the newer one.
    PUSH_LINKS_TAIL: bool = true, mutant "push_drops_tail" = false;
    /// `pool/remote.rs::push`: the free that leaves no live block in an unowned pool makes the freeing thread its owner.
    PUSH_TAKES_THE_LAST: bool = true, mutant "push_leaves_the_last" = false;
    /// `pool/remote.rs::push`: the free that gives an unowned pool room publishes it.
    PUSH_PUBLISHES: bool = true, mutant "push_never_publishes" = false;
    /// `arena/abandoned.rs::publish`: the thread that takes the bit sees that the pool is unowned.
    BIT_PUBLISH: Ordering = Ordering::AcqRel, mutant "bit_publish_relaxed" = Ordering::Relaxed;
    /// `arena/abandoned.rs::publish`: a bit that is set already is set again.
    SET_BITS_ARE_SET_AGAIN: bool = true, mutant "stale_bit_is_relied_on" = false;
    /// `arena/abandoned.rs::take`: sees that the pool is unowned.
    BIT_TAKE: Ordering = Ordering::AcqRel, mutant "bit_take_relaxed" = Ordering::Relaxed;
    /// `arena/summary.rs::clear_if`: checks again after clearing.
    SUMMARY_RECHECK: bool = true, mutant "summary_no_recheck" = false;
    /// `arena/summary.rs::raise`: orders the detail before the summary.
    SUMMARY_RAISE: Ordering = Ordering::AcqRel, mutant "summary_raise_relaxed" = Ordering::Relaxed;
    /// `arena/summary.rs::clear_if`: sees what was set below before an earlier raise.
    SUMMARY_CLEAR: Ordering = Ordering::AcqRel, mutant "summary_clear_relaxed" = Ordering::Relaxed;
    /// `pool/remote.rs::take_all`: takes the chain and empties the word in one step.
    TAKE_EXCHANGES: bool = true, mutant "take_loads_and_stores" = false;
    /// `pool/remote.rs::push`: counts all blocks of the chain.
    PUSH_COUNTS_ALL: bool = true, mutant "push_counts_one" = false;
    /// `counters.rs::add`: counts in one step.
    COUNTER_EXCHANGES: bool = true, mutant "counter_loads_and_stores" = false;
    /// `counters.rs::raise_peak`: a peak is only ever raised.
    FLOW_RAISES: bool = true, mutant "flow_peak_is_stored" = false;
    /// `counters.rs::read`: a peak is no less than what there is.
    FLOW_TELLS_NO_LESS: bool = true, mutant "flow_peak_is_told_as_it_is" = false;
    /// `cache/peaks.rs::add`: a thread's peak is only ever raised.
    SAID_RAISES: bool = true, mutant "said_peak_is_stored" = false;
    /// `segment/segments/vacancy.rs::vacate_free`: gives back what is free, and nothing else.
    VACATES_WHAT_IS_FREE: bool = true, mutant "vacates_what_is_used" = false;
    /// `segment/segments/vacancy.rs::give_up_addresses`: a thread that finds nothing meanwhile waits.
    VACATES_IN_TURN: bool = true, mutant "vacates_out_of_turn" = false;
    /// `segment/segments/hints.rs::raise`: raises the bits above as well.
    HINTS_REACH_THE_ROOT: bool = true, mutant "hint_without_its_word" = false;
    /// `cache/slabs.rs::release`: raises the bits above the slab.
    SLOTS_ARE_HINTED: bool = true, mutant "slot_without_its_hint" = false;
    /// `cache/slabs.rs::raise_above`: raises the bits up to slab 0.
    SLOT_HINTS_REACH_THE_ROOT: bool = true, mutant "slot_hint_without_its_word" = false;
    /// `segment/segments/findable.rs::free_pools`: raises the hints to runs.
    RUNS_ARE_HINTED: bool = true, mutant "run_without_its_hint" = false;
    /// `segment/segments/asking.rs::begin`: one thread asks for memory at a time.
    ASKS_IN_TURN: bool = true, mutant "asks_without_turn" = false;
    /// `segment/segments/asking.rs::drop`: publishes what the asker was given.
    ASKED: Ordering = Ordering::Release, mutant "asked_relaxed" = Ordering::Relaxed;
    /// `segment/in_flight.rs::begin`: who gives back and who is refused see each other.
    FLIGHT_FENCES: bool = true, mutant "flight_unfenced" = false;
    /// `segment/in_flight.rs::drop`: publishes what was given back.
    LANDED: Ordering = Ordering::Release, mutant "landing_relaxed" = Ordering::Relaxed;
    /// `segment/in_flight.rs::drop`: what landed during a search is noticed.
    LANDINGS_COUNT: bool = true, mutant "landing_unseen" = false;
    /// `segment/page_heap/pools.rs::take_from_any`: a pool that is taken for one block is in flight meanwhile.
    POOLS_ARE_IN_FLIGHT: bool = true, mutant "pool_unannounced" = false;
    /// `segment/huge/mod.rs::age`: extents that are about to be unmapped are in flight meanwhile.
    EXTENTS_ARE_IN_FLIGHT: bool = true, mutant "extent_unannounced" = false;
    /// `segment/fork_gate.rs::fence_between`: a thread that announces itself and one that forks see each other.
    GATE_FENCES: bool = true, mutant "gate_unfenced" = false;
    /// `segment/fork_gate.rs::fence_for_all`: the one who forks raises a barrier in all threads; without it their light fences are none.
    GATE_RAISES: bool = true, mutant "gate_not_raised" = false;
    /// `segment/fork_gate.rs::fence_by_forker`: who forks raises barriers before others rely on it.
    GATE_RAISES_FIRST: bool = true, mutant "gate_relied_on_early" = false;
    /// `segment/fork_gate.rs::fence_between`: a thread that relies on barriers sees the closing of each fork that raises none.
    GATE_RELIES: Ordering = Ordering::Acquire, mutant "gate_relied_on_relaxed" = Ordering::Relaxed;
    /// `segment/fork_gate.rs::drop`: the one who forks sees what was done.
    GATE_LEFT: Ordering = Ordering::Release, mutant "gate_left_relaxed" = Ordering::Relaxed;
    /// `segment/fork_gate.rs::open`: others write after the fork has read.
    GATE_OPENED: Ordering = Ordering::Release, mutant "gate_opened_relaxed" = Ordering::Relaxed;
    /// `segment/fork_gate.rs::was_inside`: a thread that finds the gate closed is not inside, whatever its word says.
    GATE_BELIEVES_LEFT: bool = true, mutant "gate_announced_is_inside" = false;
    /// `segment/segments/index.rs::publish_at`: takes a slot only if it is empty.
    PUBLISH_EXCHANGES: bool = true, mutant "publish_overwrites" = false;
    /// `segment/segments/growth.rs::publish_at_any_place`: begins with the first slot.
    PUBLISH_SKIPS: usize = 0, mutant "publish_leaves_a_gap" = 1;
    /// `segment/segments/segment.rs::add_arena`: gives the bit back when memory is refused.
    COMMIT_ROLLS_BACK: bool = true, mutant "refused_commit_keeps_the_bit" = false;
    /// `segment/segments/segment.rs::init_arena`: the headers are there before the bits say that there are pools.
    HEADERS_BEFORE_BITS: bool = true, mutant "bits_before_headers" = false;
    /// `segment/pools/claim.rs::claim`: asks whether the memory is dirty once the pools are its own.
    DIRTY_READ_AFTER_CLAIM: bool = true, mutant "dirty_read_before_claim" = false;
    /// `segment/pools/adopt.rs::adopt`: becomes the owner only of what is published.
    ADOPT_LOOKS: bool = true, mutant "adopt_trusts_the_bit" = false;
    /// `segment/pools/adopt.rs::adopt`: puts a published pool of another class back into the bitmap.
    ADOPT_PUTS_BACK: bool = true, mutant "adopt_loses_the_bit" = false;
    /// `segment/pools/adopt.rs::adopt_scarce_in`: abandons a pool that turned out to be full.
    SCARCE_LETS_GO: bool = true, mutant "scarce_keeps_the_full" = false;
    /// `segment/pools/release.rs::release`: the header is idle before the bit is given back.
    CLOSE_BEFORE_RELEASE: bool = true, mutant "pool_closed_late" = false;
    /// `segment/pools/release.rs::abandon`: the pool is unowned before its bit is set.
    PUBLISH_AFTER_DISOWN: bool = true, mutant "published_before_disowned" = false;
    /// `segment/pools/release.rs::abandon`: sets the bit of a pool that is published.
    ABANDON_PUBLISHES: bool = true, mutant "abandon_never_publishes" = false;
    /// `segment/pools/release.rs::publish`: the first bit of an arena's word raises the hint to it.
    FIRST_BIT_IS_HINTED: bool = true, mutant "first_bit_without_its_hint" = false;
    /// `segment/huge/cache.rs::fill`: publishes the extent, and what its last user did.
    HUGE_INSERT: Ordering = Ordering::Release, mutant "huge_insert_relaxed" = Ordering::Relaxed;
    /// `segment/huge/cache.rs::remove`: sees the extent, and what its last user did.
    HUGE_REMOVE: Ordering = Ordering::Acquire, mutant "huge_remove_relaxed" = Ordering::Relaxed;
    /// `core/arena/mod.rs::end_payload`: of two threads that free one huge block one gets it.
    HUGE_FREE_EXCHANGES: bool = true, mutant "huge_freed_twice" = false;
    /// `segment/huge/cache.rs::take_behind`: checks whether the extent is still the one that lies there.
    BEHIND_CHECKS: bool = true, mutant "behind_trusts_the_slot" = false;
    /// `cache/registry.rs::leave`: the cache is empty before its slot is free.
    LEAVE_EMPTIES_FIRST: bool = true, mutant "slot_freed_before_emptied" = false;
    /// `cache/registry.rs::delete`: flushes what the deleting thread holds of the heap's.
    DELETE_FLUSHES: bool = true, mutant "heap_deleted_before_flushed" = false;
    /// `cache/maintenance.rs::abandon`: flushes the magazines.
    ABANDON_FLUSHES: bool = true, mutant "abandon_forgets_the_magazines" = false;
    /// `cache/maintenance.rs::abandon`: lets the active pools go.
    ABANDON_LETS_GO: bool = true, mutant "abandon_keeps_the_active_pools" = false;
    /// `cache/free.rs::free_without_cache`: gives the block to its pool.
    CACHELESS_FREE_GIVES: bool = true, mutant "cacheless_free_gives_nothing" = false;
    /// `cache/flush.rs::give`: publishes the pool that its free gave room.
    FLUSH_PUBLISHES: bool = true, mutant "flush_forgets_to_publish" = false;
    /// `cache/flush.rs::give`: releases the pool whose last live block it frees.
    FLUSH_RELEASES: bool = true, mutant "flush_keeps_the_empty_pool" = false;
    /// `cache/chains.rs::sort`: a chain takes blocks of one pool only.
    FLUSH_SORTS: bool = true, mutant "flush_mixes_pools" = false;
    /// `recorder/sampled.rs::insert`: what the last one kept for the slot is done with.
    SAMPLE_CLAIM: Ordering = Ordering::Acquire, mutant "sample_claim_relaxed" = Ordering::Relaxed;
    /// `recorder/sampled.rs::remove`: the slot is done with.
    SAMPLE_RELEASE: Ordering = Ordering::Release, mutant "sample_release_relaxed" = Ordering::Relaxed;
    /// `recorder/sampled.rs::remove`: erases the address before the slot may be taken again.
    SAMPLE_ERASES: bool = true, mutant "sample_address_stays" = false;
    /// `cache/profile/filter.rs`: counts by exchanges.
    FILTER_EXCHANGES: bool = true, mutant "filter_miscounts" = false;
    /// `recorder/sites.rs::publish`: carries the site's words.
    SITE_PUBLISH: Ordering = Ordering::Release, mutant "site_publish_relaxed" = Ordering::Relaxed;
    /// `recorder/sites.rs::publish`: takes a place only if it is empty.
    SITE_EXCHANGES: bool = true, mutant "site_added_unseen" = false;
    /// `recorder/requests.rs::take`: takes a request only if no other thread has.
    REQUEST_EXCHANGES: bool = true, mutant "request_taken_twice" = false;
    /// `recorder/requests.rs::answer`: carries the answer, and what was done.
    REQUEST_ANSWERED: Ordering = Ordering::Release, mutant "request_answered_relaxed" = Ordering::Relaxed;
    /// `segment/segments/index.rs::publish_at`: carries the complete segment.
    PUBLISH: Ordering = Ordering::Release, mutant "publish_relaxed" = Ordering::Relaxed;
    /// `segment/segments/index.rs::segments`: sees the complete segment.
    PUBLISH_READ: Ordering = Ordering::Acquire, mutant "publish_read_relaxed" = Ordering::Relaxed;
    /// `segment/purge/decommit.rs::decommit_if_unowned`: becomes the owner before it decommits.
    DECOMMIT_CLAIMS: bool = true, mutant "decommit_without_claim" = false;
    /// `segment/purge/decommit.rs::decommit_if_unowned`: checks whether the pool is still of the class.
    DECOMMIT_RECHECKS: bool = true, mutant "decommit_trusts_the_bit" = false;
    /// `segment/purge/decommit.rs::decommit_if_unowned`: lets the pool go that it became the owner of.
    DECOMMIT_LETS_GO: bool = true, mutant "decommitted_pool_kept" = false;
    /// `segment/purge/pass.rs::purge_among`: holds the claim while it purges.
    PURGE_CLAIMS: bool = true, mutant "purge_without_claim" = false;
    /// `segment/purge/pass.rs::purge_among`: marks pools clean before it gives them back.
    PURGE_CLEANS_FIRST: bool = true, mutant "purge_cleans_late" = false;
    /// `segment/purge/pass.rs::purge_among`: what was purged with `MADV_FREE` is not known to be zero.
    LAZY_STAYS_DIRTY: bool = true, mutant "lazy_is_clean" = false;
    /// `segment/purge/schedule.rs::schedule` and `pass_now`: a release and a pass see each other.
    PURGE_FENCES: bool = true, mutant "purge_no_fence" = false;
    /// `segment/purge/parker.rs::unpark`: publishes what the woken thread is to find.
    UNPARK: Ordering = Ordering::Release, mutant "unpark_relaxed" = Ordering::Relaxed;
    /// `segment/purge/parker.rs::unpark`: wakes a thread that sleeps already.
    UNPARK_WAKES: bool = true, mutant "unpark_unheard" = false;
    /// `segment/purge/thread.rs::exchange`: hands the thread's place over.
    PURGE_THREAD_MOVES: Ordering = Ordering::AcqRel, mutant "purge_thread_moves_relaxed" = Ordering::Relaxed;
    /// `segment/purge/duty.rs::exit_fence`: a purge thread that exits and the thread that schedules a pass see each other.
    EXIT_FENCES: bool = true, mutant "purge_thread_exits_unseen" = false;
    /// `segment/purge/thread.rs::refuse`: leaves alone what was closed meanwhile.
    REFUSE_HEEDS_THE_END: bool = true, mutant "refused_reopens" = false;
    /// `segment/purge/schedule.rs::arm`: wakes the purge thread.
    ARM_CALLS: bool = true, mutant "armed_in_silence" = false;
    /// `stratalloc/watch/slot.rs::arm`: publishes the watch.
    WATCH_ARM: Ordering = Ordering::Release, mutant "watch_arm_relaxed" = Ordering::Relaxed;
    /// `stratalloc/watch/slot.rs::release`: publishes what a call did.
    WATCH_RELEASE: Ordering = Ordering::Release, mutant "watch_release_relaxed" = Ordering::Relaxed;
    /// `stratalloc/watch/slot.rs::vacate`: the content is gone before the slot is used again.
    WATCH_VACATE: Ordering = Ordering::Release, mutant "watch_vacate_relaxed" = Ordering::Relaxed;
    /// `stratalloc/watch/slot.rs::dismiss`: leaves the emptying to the watcher who has the watch.
    WATCH_DISMISS_HEEDS_THE_WATCHER: bool = true, mutant "watch_dismiss_takes_all" = false;
    /// `stratalloc/watch/duty.rs::claim_start`: of those who find no watcher, one starts it.
    WATCH_START_EXCHANGES: bool = true, mutant "watch_starts_twice" = false;
    /// `segment/pools/release.rs::release_span`: the bits of all pools of a span are given back, also of those that no block reached.
    RELEASE_FREES_SPAN: bool = true, mutant "release_frees_the_reached_only" = false;
    /// `cache/chains.rs::pool_of`: the books of a span are its first pool's.
    BLOCKS_LEAD_TO_THE_FIRST: bool = true, mutant "inner_pool_keeps_books" = false;
    /// `segment/pools/release.rs::release_span`: memory is marked dirty before its bits are given back.
    DIRTY_BEFORE_RELEASE: bool = true, mutant "dirty_after_release" = false;
}
