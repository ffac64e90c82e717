//! Keeping house: partial pools in bounds, remote frees taken in, chains posted, memory looked after.
//!
//! I1  A cache keeps at most [`PARTIAL_FLOOR`] partial pools (16 MiB of address space), or its even share of all pools
//!     committed if that is more and it has allocated lately; when it would keep another, the first other of that class becomes
//!     nobody's. So what a thread holds back that sleeps or only frees is bounded, whatever it did before. On a spree (`spree`) it
//!     keeps a quarter of the floor. A program with one thread never gives up its own.
//!
//! Does not know: clocks; the segment layer looks at those.

use crate::cache::Cache;
use crate::current;
use crate::spree::SPREE_POOLS;
use strata_core::pool::{Freed, Pool};
use strata_core::size_class::SizeClass;
use strata_segment::Sweep;

/// Partial pools of all classes together that any cache may keep.
const PARTIAL_FLOOR: u32 = 256;

/// Refills between two rounds of housekeeping.
const ROUND: u32 = 64;

/// Frees of other pools' blocks between two rounds, on a thread that hardly allocates.
const FOREIGN_ROUND: u32 = 1024;

/// Refills between two glances at the clock; each time a page of blocks or more was used up.
const GLANCE: u32 = if cfg!(strata_loom) { ROUND } else { 1 };

/// Pools of each class looked after in one round.
const POOLS_A_ROUND: u32 = 4;

impl Cache {
    /// Puts an owned pool, current nowhere, into its queue.
    pub(crate) fn keep_partial(&self, class: SizeClass, pool: &'static Pool) {
        self.queue(class).push(class, pool);
        self.partial_pools.set(self.partial_pools.get() + 1);
        if self.partial_excess() > 0 {
            self.evict_other(class, pool);
        }
    }

    /// Keeps a pool that a free took over, which had room before or was full; or leaves it at once, if it would only take
    /// another's place that the next free may want back.
    pub(crate) fn keep_taken_over(&self, class: SizeClass, pool: &'static Pool, had_room: bool) {
        self.spree.note(self.refills.get(), had_room);
        if had_room && self.partial_excess() >= 0 && self.spree.is_elsewhere(pool) {
            // SAFETY: ours, current nowhere, in no queue.
            unsafe { self.leave(pool) };
        } else {
            self.keep_partial(class, pool);
        }
    }

    /// By how many the partial pools are more than this cache may keep at the moment.
    fn partial_excess(&self) -> i64 {
        let count = self.partial_pools.get();
        if count < SPREE_POOLS { -1 } else { i64::from(count).saturating_sub_unsigned(self.partial_limit()) }
    }

    /// Takes a pool out of its queue.
    pub(crate) fn drop_partial(&self, class: SizeClass, pool: &Pool) {
        debug_assert!(pool.is_owned_by(self.identity()), "a pool in a queue is signed by its owner");
        self.queue(class).remove(pool);
        self.partial_pools.set(self.partial_pools.get() - 1);
    }

    /// How many partial pools this cache may keep at the moment, at least the floor (I1).
    fn partial_limit(&self) -> u64 {
        match self.runtime().map_or(1, |runtime| runtime.registry.live()) {
            0 | 1 => u64::MAX,
            _ if self.spree.is_on(self.refills.get()) => u64::from(SPREE_POOLS),
            _ if self.only_frees.get() != 0 => u64::from(PARTIAL_FLOOR),
            caches => (self.directory().committed_pools() / caches).max(PARTIAL_FLOOR.into()),
        }
    }

    /// Leaves the first pool of a class to nobody, or the last if that is `kept`, which the thread is just freeing into.
    #[cold]
    fn evict_other(&self, class: SizeClass, kept: &Pool) {
        let is_other = |pool: &&Pool| !core::ptr::eq(*pool, kept);
        let queue = self.queue(class);
        if let Some(other) = queue.first().filter(is_other).or_else(|| queue.last().filter(is_other)) {
            self.evict(class, other);
        }
    }

    fn evict(&self, class: SizeClass, pool: &'static Pool) {
        self.drop_partial(class, pool);
        // SAFETY: ours, out of its queue.
        unsafe { self.leave(pool) };
    }

    /// Leaves a pool to nobody, and to the next look, which will come.
    ///
    /// # Safety
    /// - The pool is this cache's, current nowhere and in no queue, and not used again.
    unsafe fn leave(&self, pool: &Pool) {
        // SAFETY: the caller's promise.
        unsafe { self.directory().leave_pool(pool) };
        self.directory().keep_looking();
    }

    /// Takes in what others gave back to a partial pool; `false` if that was all of it and the pool is gone.
    pub(crate) fn look_after(&self, class: SizeClass, pool: &'static Pool) -> bool {
        let Some(taken) = pool.remote().take_all(pool) else { return true };
        // SAFETY: ours, not current; the blocks came from its own word.
        if let Freed::StillLive = unsafe { pool.accept(taken) } {
            return true;
        }
        self.drop_partial(class, pool);
        self.fresh.forget_class(class);
        // SAFETY: ours, out of its queue, and nothing in it lives.
        unsafe { self.directory().release_pool(pool) };
        false
    }

    /// Every so many refills, a round.
    #[inline]
    pub(crate) fn housekeeping(&self) {
        let refills = self.refills.get().wrapping_add(1);
        self.refills.set(refills);
        if refills.is_multiple_of(ROUND) {
            self.round();
            current::hire_janitor();
        } else if refills.is_multiple_of(GLANCE) {
            self.directory().tick();
            self.sweep_after_a_look();
        }
        self.answer_appeal();
    }

    /// Lets go of what is not needed, once each time that all caches are asked to: memory is short.
    #[inline]
    fn answer_appeal(&self) {
        let appeals = self.directory().appeals();
        if self.appeals.get() != appeals {
            self.appeals.set(appeals);
            // SAFETY: housekeeping is the owner's.
            unsafe { self.collect() };
        }
    }

    /// Every so many frees of blocks of other pools, a round: a thread that only frees has no refills.
    #[inline]
    pub(crate) fn note_foreign_free(&self) {
        let count = self.foreign_frees.get().wrapping_add(1);
        self.foreign_frees.set(count);
        if count.is_multiple_of(FOREIGN_ROUND) {
            self.round();
        }
    }

    #[cold]
    #[inline(never)]
    fn round(&self) {
        let refills = self.refills.get();
        self.only_frees.set(u32::from(refills == self.refills_before.get()));
        self.refills_before.set(refills);
        self.trim_partial();
        self.flush_outbox();
        for class in SizeClass::all() {
            self.look_after_some(class, POOLS_A_ROUND);
        }
        self.answer_appeal();
        self.directory().tick();
        self.sweep_after_a_look();
    }

    /// Brings the partial pools within the limit, which may have become lower.
    fn trim_partial(&self) {
        let limit = self.partial_limit();
        for class in SizeClass::all() {
            while u64::from(self.partial_pools.get()) > limit
                && let Some(first) = self.queue(class).first()
            {
                self.evict(class, first);
            }
        }
    }

    /// Looks after the first `limit` pools of a class, each once.
    fn look_after_some(&self, class: SizeClass, limit: u32) {
        let mut kept_first: Option<&Pool> = None;
        for _ in 0..limit {
            let Some(pool) = self.queue(class).first() else { return };
            if kept_first.is_some_and(|first| core::ptr::eq(first, pool)) {
                return;
            }
            if self.look_after(class, pool) {
                kept_first.get_or_insert(pool);
                self.queue(class).rotate();
            }
        }
    }

    /// Blocks that the program does not have, but their pools believe it has, go back to them.
    pub(crate) fn give_back_held(&self) {
        self.empty_pockets();
        self.give_all_that_waits();
    }

    /// Takes in everything that others gave back, posts everything of theirs, and lets go of pools without live blocks.
    ///
    /// # Safety
    /// - The caller is the thread whose cache this is.
    pub unsafe fn collect(&self) {
        if self.runtime().is_none() {
            return;
        }
        self.give_back_held();
        self.flush_outbox();
        for class in SizeClass::all() {
            self.look_after_some(class, self.partial_pools.get());
            self.collect_current(class);
        }
        self.sweep(Sweep::All);
        self.directory().tick();
    }

    /// Takes in the current pool's remote frees; releases it if nothing in it lives.
    fn collect_current(&self, class: SizeClass) {
        let Some((pool, mut state)) = self.take_current(class) else { return };
        if let Some(taken) = pool.remote().take_all(pool) {
            // SAFETY: ours, settled; the blocks came from its own word.
            state = unsafe { pool.accept(taken) };
        }
        match state {
            // SAFETY: ours, current no longer, in no queue, and nothing in it lives.
            Freed::Empty => unsafe { self.directory().release_pool(pool) },
            Freed::StillLive => self.make_current(class, pool),
        }
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::identity::Runtime;
    use crate::scene::{free, new};
    use std::vec::Vec;
    use strata_core::address::UserPtr;
    use strata_core::layout::LARGEST_CLASS_BYTES;

    /// Fills pools of two blocks each and frees the second of each: as many partial pools, if the cache keeps them.
    fn make_partial_pools(cache: &Cache, count: u32) -> Vec<UserPtr> {
        let class = SizeClass::of(LARGEST_CLASS_BYTES);
        let blocks: Vec<_> = (0..2 * count + 2).map(|_| new(cache, class)).collect();
        let (kept, freed): (Vec<_>, Vec<_>) = blocks.chunks(2).map(|pair| (pair[0], pair[1])).unzip();
        freed.into_iter().for_each(|block| free(cache, block, class));
        cache.empty_pockets();
        kept
    }

    #[test]
    fn a_cache_among_others_keeps_no_more_partial_pools_than_the_floor_or_its_share() {
        static RUNTIME: Runtime = Runtime::new();
        let [cache, _, _] = core::array::from_fn(|_| RUNTIME.enter().unwrap());
        free_most_of_many_pools(cache, PARTIAL_FLOOR as usize + 50, apart);
        assert_eq!(cache.partial_pools.get(), PARTIAL_FLOOR);
    }

    #[test]
    fn a_cache_alone_keeps_all_of_its_partial_pools() {
        static RUNTIME: Runtime = Runtime::new();
        let cache = RUNTIME.enter().unwrap();
        make_partial_pools(cache, PARTIAL_FLOOR + 50);
        assert!(cache.partial_pools.get() >= PARTIAL_FLOOR + 50);
    }

    #[test]
    fn a_cache_that_is_alone_no_longer_comes_down_to_its_limit_in_the_next_round() {
        static RUNTIME: Runtime = Runtime::new();
        let cache = RUNTIME.enter().unwrap();
        make_partial_pools(cache, PARTIAL_FLOOR + 50);
        let _others: [&Cache; 2] = core::array::from_fn(|_| RUNTIME.enter().unwrap());
        cache.round();
        assert!(u64::from(cache.partial_pools.get()) <= cache.partial_limit());
    }

    #[test]
    fn a_thread_that_only_frees_has_no_share_beyond_the_floor() {
        static RUNTIME: Runtime = Runtime::new();
        let [cache, _] = core::array::from_fn(|_| RUNTIME.enter().unwrap());
        make_partial_pools(cache, 4 * PARTIAL_FLOOR);
        // A block that is wanted ends the spree.
        new(cache, SizeClass::of(16));
        assert!(cache.partial_limit() > PARTIAL_FLOOR.into());
        // A round without a refill before it.
        cache.round();
        cache.round();
        assert_eq!(cache.partial_limit(), PARTIAL_FLOOR.into());
        assert!(cache.partial_pools.get() <= PARTIAL_FLOOR);
    }

    /// Puts blocks of one pool far apart.
    fn apart(blocks: &mut Vec<UserPtr>) {
        let stride = Pool::capacity(SizeClass::of(256)) as usize + 1;
        *blocks = (0..blocks.len()).map(|index| blocks[index * stride % blocks.len()]).collect();
    }

    /// Takes blocks of a quarter of a KiB in so many pools, and frees seven of eight, as `order` says; how many pools the frees took
    /// over.
    fn free_most_of_many_pools(cache: &Cache, pools: usize, order: impl Fn(&mut Vec<UserPtr>)) -> u32 {
        let class = SizeClass::of(256);
        let mut blocks: Vec<_> =
            (0..pools * Pool::capacity(class) as usize).map(|_| new(cache, class)).collect();
        order(&mut blocks);
        let before = cache.foreign_frees.get();
        let freed = blocks.into_iter().enumerate().filter(|(index, _)| index % 8 != 0);
        freed.for_each(|(_, block)| free(cache, block, class));
        cache.foreign_frees.get() - before
    }

    #[test]
    fn a_thread_that_drops_much_and_wants_nothing_keeps_few_of_the_pools() {
        for order in [|_: &mut Vec<UserPtr>| {}, |blocks: &mut Vec<UserPtr>| blocks.reverse()] {
            static RUNTIME: Runtime = Runtime::new();
            let [cache, _] = core::array::from_fn(|_| RUNTIME.enter().unwrap());
            let taken_over = free_most_of_many_pools(cache, 200, order);
            assert_eq!(cache.partial_pools.get(), SPREE_POOLS);
            assert!(
                (199..250).contains(&taken_over),
                "{taken_over}: nearly each once, whichever comes first"
            );
        }
    }

    #[test]
    fn a_thread_that_drops_much_here_and_there_keeps_its_share() {
        static RUNTIME: Runtime = Runtime::new();
        let [cache, _] = core::array::from_fn(|_| RUNTIME.enter().unwrap());
        let taken_over = free_most_of_many_pools(cache, 200, apart);
        assert!(cache.partial_pools.get() > 2 * SPREE_POOLS, "{}", cache.partial_pools.get());
        assert!(taken_over < 600, "{taken_over}");
    }

    #[test]
    fn a_partial_pool_whose_last_blocks_others_freed_is_given_back_when_it_is_looked_after() {
        static RUNTIME: Runtime = Runtime::new();
        let (owner, other) = (RUNTIME.enter().unwrap(), RUNTIME.enter().unwrap());
        let class = SizeClass::of(LARGEST_CLASS_BYTES);
        let kept = make_partial_pools(owner, 3);
        let before = owner.partial_pools.get();
        free(other, kept[0], class);
        other.flush_outbox();
        assert_eq!(owner.partial_pools.get(), before);
        owner.look_after_some(class, u32::MAX);
        assert_eq!(owner.partial_pools.get(), before - 1);
    }

    #[test]
    fn a_cache_lets_go_when_all_are_asked_to() {
        static RUNTIME: Runtime = Runtime::new();
        let cache = RUNTIME.enter().unwrap();
        let (class, other) = (SizeClass::of(100), SizeClass::of(1000));
        let block = new(cache, class);
        free(cache, block, class);
        assert_eq!(RUNTIME.directory.census().used_pools, 1);
        RUNTIME.directory.purge_all();
        assert_eq!(RUNTIME.directory.census().used_pools, 1, "it is the cache's, which was not asked");
        RUNTIME.directory.ask_caches();
        new(cache, other);
        assert_eq!(RUNTIME.directory.census().used_pools, 1, "the one of the other class");
    }

    #[test]
    fn collecting_leaves_no_pool_in_use_when_no_block_is() {
        static RUNTIME: Runtime = Runtime::new();
        let (cache, other) = (RUNTIME.enter().unwrap(), RUNTIME.enter().unwrap());
        let blocks: Vec<_> = SizeClass::all().map(|class| (new(cache, class), class)).collect();
        for (index, (block, class)) in blocks.into_iter().enumerate() {
            free(if index % 2 == 0 { cache } else { other }, block, class);
        }
        // SAFETY: the caches of a test have one user.
        unsafe { other.collect() };
        // SAFETY: as above.
        unsafe { cache.collect() };
        assert_eq!(RUNTIME.directory.census().used_pools, 0);
    }
}
