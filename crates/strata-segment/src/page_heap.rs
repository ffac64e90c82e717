//! The root of everything shared: the segments, and what is known about memory as a whole.
//!
//! One thread at a time makes a segment (`asking`), and publishes it under the first number that was free when it found
//! more memory to be needed. If another thread has taken it since, the latecomer gives its own segment back and uses that
//! one. One that was made for another reason (`reservation`) takes the next number instead.
//!
//! Does not know: pools, classes. Model: `loom-tests/tests/p10_publication.rs`.

use crate::fork_gate::ForkGate;
use crate::huge::cache::HugeCache;
use crate::huge::limit::HugeLimit;
use crate::purge::pass::PurgeWay;
use crate::purge::policy::peak::Peak;
use crate::purge::policy::pressure::Pressure;
use crate::purge::policy::reclaim::Reclaim;
use crate::purge::policy::refaults::Refaults;
use crate::purge::schedule::PurgeSchedule;
use crate::purge::thread::PurgeThread;
use crate::segments::asking::Asking;
use crate::segments::index::{Index, Kind};
use crate::segments::numa::{Locality, Placement};
use crate::segments::segment::Segment;
use crate::segments::vacancy::TRIES;
use crate::thp::knowledge::ThpPolicy;
use crate::thp::pages::HugePageChoice;
use strata_core::counters::Counter;
use strata_core::layout::{ARENA_BYTES, ARENAS_PER_SEGMENT, POOLS_PER_ARENA};
use strata_core::sync::mutation::PUBLISH_SKIPS;
use strata_core::sync::{AtomicU64, Ordering::Relaxed};
use strata_os::machine;

/// A segment takes no more of a limit on addresses than one part of so many.
const LIMIT_PART: u64 = 16;

/// What may be tuned at run time; every value may be changed at any moment.
#[derive(Debug)]
pub struct Tuning {
    /// Milliseconds that memory lies free before it is purged; `u64::MAX` for never.
    pub purge_delay_ms: AtomicU64,
    /// Arenas to reserve with a new segment, 1 to 64.
    pub segment_arenas: AtomicU64,
    /// Bytes of freed huge blocks kept for reuse, at most.
    pub huge_keep_bytes: AtomicU64,
    /// Whether a thread of our own may give memory back when no other calls: 1 or 0.
    pub purge_thread: AtomicU64,
    /// How memory goes that lay free for the delay: a [`PurgeWay`].
    pub purge: AtomicU64,
    /// When memory is taken in huge pages: a [`HugePageChoice`].
    pub huge_pages: AtomicU64,
}

/// Everything shared between threads: one for a program.
///
/// In the order of the fields: what a start touches lies together, up to the first slot (decision 0016).
#[repr(C)]
#[derive(Debug)]
pub struct PageHeap {
    /// What may be tuned.
    pub tuning: Tuning,
    /// The thread that makes purge passes when no other calls.
    pub purge_thread: PurgeThread,
    /// What forks wait at.
    pub fork_gate: ForkGate,
    pub(crate) purge_schedule: PurgeSchedule,
    pub(crate) refaults: Refaults,
    pub(crate) reclaim: Reclaim,
    pub(crate) peak: Peak,
    pub(crate) pressure: Pressure,
    pub(crate) asking: Asking,
    pub(crate) huge_cache: HugeCache,
    pub(crate) huge_limit: HugeLimit,
    pub(crate) thp: ThpPolicy,
    pub(crate) placement: Placement,
    pub(crate) counters: Counters,
    pub(crate) index: Index,
}

/// What the layer counts about itself.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) reserved_bytes: Counter,
    pub(crate) committed_bytes: Counter,
    pub(crate) pinned_bytes: Counter,
    pub(crate) segments: Counter,
    pub(crate) arenas: Counter,
    pub(crate) huge_blocks: Counter,
    pub(crate) huge_bytes: Counter,
    pub(crate) purged_bytes: Counter,
    pub(crate) purged_pools: Counter,
    pub(crate) purge_calls: Counter,
    pub(crate) passes: Counter,
}

const DEFAULT_PURGE_DELAY_MS: u64 = 500;
const DEFAULT_HUGE_KEEP_BYTES: u64 = 256 << 20;

impl PageHeap {
    strata_core::const_unless_loom! {
        /// No segment yet; a constant, for a `static`.
        pub fn new() -> Self {
            Self {
                index: Index::new(),
                tuning: Tuning {
                    purge_delay_ms: AtomicU64::new(DEFAULT_PURGE_DELAY_MS),
                    segment_arenas: AtomicU64::new(ARENAS_PER_SEGMENT as u64),
                    huge_keep_bytes: AtomicU64::new(DEFAULT_HUGE_KEEP_BYTES),
                    purge_thread: AtomicU64::new(1),
                    purge: AtomicU64::new(PurgeWay::Now as u64),
                    huge_pages: AtomicU64::new(HugePageChoice::Auto as u64),
                },
                purge_thread: PurgeThread::new(),
                fork_gate: ForkGate::new(),
                purge_schedule: PurgeSchedule::new(),
                refaults: Refaults::new(),
                reclaim: Reclaim::new(),
                peak: Peak::new(),
                pressure: Pressure::new(),
                asking: Asking::new(),
                huge_cache: HugeCache::new(),
                huge_limit: HugeLimit::new(),
                thp: ThpPolicy::new(),
                placement: Placement::new(),
                counters: Counters {
                    reserved_bytes: Counter::zero(),
                    committed_bytes: Counter::zero(),
                    pinned_bytes: Counter::zero(),
                    segments: Counter::zero(),
                    arenas: Counter::zero(),
                    huge_blocks: Counter::zero(),
                    huge_bytes: Counter::zero(),
                    purged_bytes: Counter::zero(),
                    purged_pools: Counter::zero(),
                    purge_calls: Counter::zero(),
                    passes: Counter::zero(),
                },
            }
        }
    }

    /// All published segments, oldest first.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &'static Segment> {
        self.index.segments()
    }

    /// Makes memory for at least one more arena's pools available, in an existing segment or a new one, local to the caller.
    ///
    /// `false`: the OS refused even the smallest piece. Another thread may take the memory before the caller does.
    pub(crate) fn grow(&self) -> bool {
        self.make_room(ARENA_BYTES);
        self.reclaim_kept(ARENA_BYTES);
        self.thp.timed(|| self.take_more())
    }

    fn take_more(&self) -> bool {
        let locality = self.locality_for_more();
        let add = |segment: &Segment| segment.add_arena(|start| self.take_arena(start));
        if self.gets_from(locality, add) || self.gets_again(locality) {
            self.count_arenas(1);
            return true;
        }
        self.add_segment(self.index.next_number(), locality)
    }

    /// Takes addresses again that were given back.
    fn gets_again(&self, locality: Locality) -> bool {
        let mut tries = TRIES;
        self.gets_from(locality, |segment| self.revive_in(segment, &mut tries))
    }

    /// Whether a segment of that locality has what is wanted.
    fn gets_from(&self, locality: Locality, mut get: impl FnMut(&'static Segment) -> bool) -> bool {
        let from = |segment: &'static Segment| (segment.serves(locality) && get(segment)).then_some(());
        self.index.find(Kind::Roomy, from).is_some()
    }

    fn count_arenas(&self, arenas: u64) {
        self.counters.arenas.add(arenas);
        self.counters.committed_bytes.add(arenas * ARENA_BYTES as u64);
    }

    fn count_segment(&self, segment: &Segment) {
        self.counters.segments.add(1);
        self.counters.reserved_bytes.add(segment.bytes() as u64);
    }

    /// Makes a segment with this number, the first that was free when more memory was found to be needed.
    fn add_segment(&self, number: usize, locality: Locality) -> bool {
        if !self.index.has_room_for(number) {
            return false;
        }
        let mut arenas = self.arenas_for_a_segment();
        loop {
            if let Some(segment) = Segment::reserve(arenas, locality, |start| self.take_arena(start)) {
                self.publish(segment, number);
                return true;
            }
            // Where 256 MiB of addresses are not to be had, 64, 16 and 4 MiB are tried.
            if arenas == 1 {
                return false;
            }
            arenas = (arenas / 4).max(1);
        }
    }

    /// As many as were chosen; under a limit on addresses no more than a part of it, so that others have room.
    fn arenas_for_a_segment(&self) -> u32 {
        // Relaxed: a number that stands alone.
        let chosen = self.tuning.segment_arenas.load(Relaxed).clamp(1, ARENAS_PER_SEGMENT as u64);
        let limit = if cfg!(strata_loom) { None } else { machine::address_space_limit() };
        let most = limit.map_or(chosen, |bytes| bytes / LIMIT_PART / ARENA_BYTES as u64);
        chosen.min(most.max(1)) as u32
    }

    /// Publishes a segment, or gives it back if another thread was faster: either way there is more memory now.
    fn publish(&self, segment: &'static Segment, number: usize) {
        if self.index.publish_at(number, segment) {
            self.count_segment(segment);
            self.count_arenas(1);
        } else {
            // SAFETY: it was never published.
            unsafe { segment.discard() };
        }
    }

    /// Publishes a segment that was not made for want of memory, under the first number that is free.
    pub(crate) fn publish_at_any_place(&self, segment: &'static Segment) {
        // I1 of `index`: slots never empty, so all before the one in which this succeeds are filled.
        let numbers = self.index.next_number() + PUBLISH_SKIPS..;
        let mut tried = numbers.take_while(|number| self.index.has_room_for(*number));
        // If there is no slot left, this one stays unused.
        if tried.any(|number| self.index.publish_at(number, segment)) {
            self.count_segment(segment);
            self.count_arenas((segment.bytes() / ARENA_BYTES) as u64);
            self.counters.pinned_bytes.add(segment.bytes() as u64);
        }
    }

    /// Bytes that may be touched and given back again: arenas and huge mappings.
    #[inline]
    pub fn returnable_bytes(&self) -> u64 {
        self.counters.committed_bytes.get().saturating_sub(self.counters.pinned_bytes.get())
    }

    /// Pools of all committed arenas, in use or not.
    #[inline]
    pub fn committed_pools(&self) -> u64 {
        self.counters.arenas.get() * (POOLS_PER_ARENA as u64 - 1)
    }

    /// Bytes given back to the OS since the start.
    pub fn purged_bytes(&self) -> u64 {
        self.counters.purged_bytes.get()
    }

    /// Whether `address` lies in a segment of ours (huge mappings are not looked up).
    pub fn contains(&self, address: usize) -> bool {
        self.segments().any(|segment| segment.contains(address))
    }
}

impl Default for PageHeap {
    fn default() -> Self {
        Self::new()
    }
}
