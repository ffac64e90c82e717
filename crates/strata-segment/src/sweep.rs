//! Giving back the free pages inside pools in which something lives: of a cache's own, and of those that nobody owns.
//!
//! ```text
//!   offered on the shelf ──claim──► ours ──look: in use of late?──► idle ──the next look──► holes dug, pages purged ──► left
//! ```
//!
//! A look for memory to give back does this with nobody's pools; a cache with its own, whenever it finds that there was a look
//! since its last one (`looks`). The same happens when the program takes more memory than ever (`ascent`). No blocks are dug that
//! were in use since the look before; and looks that the clock makes dig nothing while memory is in demand.
//!
//! I1  Whoever digs owns the pool, so no list changes under it; what others give back meanwhile waits in the pool's word.
//! I2  Blocks are off the list before their pages are purged, so no link is lost.
//!
//! Does not know: when it is time; `purge` does. Model: `loom-tests/tests/p22_sweep.rs`. Decisions 0010, 0019, 0023.

use crate::claim::bits_of;
use crate::directory::Directory;
use crate::purge::Which;
use crate::segment::Segment;
use strata_core::address::PoolIndex;
use strata_core::arena;
use strata_core::pool::{Format, Look, Pool, RemoteState, UNIT_BYTES};
use strata_core::size_class::SizeClass;
use strata_core::sync::Ordering::Relaxed;
use strata_core::sync::mutation::{SWEEP_CLAIMS, SWEEP_LEAVES};
use strata_os::{machine, memory};

/// Which pools are worth it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sweep {
    /// Those in use since the last look are left alone.
    Idle,
    /// All that may have free pages.
    All,
    /// Those not in use since the last look but one, until as much went as the program rose by (`ascent`).
    Rise,
}

impl Sweep {
    /// Looks before this one that a pool must have been idle for. Steps of height come as fast as the program grows: where one was
    /// enough, `churn` had nearly twice as many page faults for the same peak.
    const fn idle_looks(self) -> u32 {
        match self {
            Self::Idle | Self::All => 1,
            Self::Rise => 2,
        }
    }
}

impl Directory {
    /// How often somebody looked for memory to give back: when this changes, it is time to sweep one's own.
    #[inline]
    pub fn looks(&self) -> u64 {
        self.numbers.looks.get()
    }

    /// How often the program stood higher than ever by a step: when this changes, it is time to sweep one's own, too.
    #[inline]
    pub fn heights(&self) -> u64 {
        self.numbers.heights.get()
    }

    /// Looks at a pool of the caller's; `true` if another look may find more.
    ///
    /// # Safety
    /// - The caller owns the pool, which holds blocks of `class`, is current nowhere, and has live blocks.
    pub unsafe fn sweep_pool(&self, class: SizeClass, pool: &Pool, which: Sweep) -> bool {
        match (pool.look(class, which.idle_looks()), which) {
            (Look::Leave, _) => false,
            (Look::Again, Sweep::Idle | Sweep::Rise) => true,
            (Look::Again, Sweep::All) | (Look::Dig, _) => {
                // SAFETY: the caller's promise.
                let units = unsafe { self.dig(class, pool) };
                match which {
                    Sweep::Rise => self.ascent.note_dug(units.into()),
                    Sweep::Idle | Sweep::All => self.ascent.note_purge(units.into()),
                }
                false
            }
        }
    }

    /// Whether a sweep has done what it was for.
    pub fn is_enough(&self, which: Sweep) -> bool {
        which == Sweep::Rise && self.ascent.wanted() == 0
    }

    /// # Safety
    /// - As for [`sweep_pool`](Self::sweep_pool).
    unsafe fn dig(&self, class: SizeClass, pool: &Pool) -> u32 {
        // SAFETY: claimed from a segment.
        let (segment, _) = unsafe { Segment::of(pool) };
        if segment.is_pinned() {
            return 0;
        }
        // SAFETY: the caller's promise.
        let units = unsafe { pool.dig(class, machine::page_size()) };
        self.give_back_units(pool, units);
        units.count_ones()
    }

    /// Gives back what lies behind the blocks of a pool of the caller's, unless as much went as the program rose by. It has been of no
    /// use so far, whatever the blocks are: most classes of a thread never need a second page.
    ///
    /// # Safety
    /// - The caller owns the pool, which holds blocks of `class`.
    pub unsafe fn dig_tail(&self, class: SizeClass, pool: &Pool) {
        // SAFETY: claimed from a segment.
        let (segment, _) = unsafe { Segment::of(pool) };
        if self.is_enough(Sweep::Rise) || segment.is_pinned() {
            return;
        }
        let units = pool.dig_tail(class, machine::page_size());
        if units != 0 {
            self.give_back_units(pool, units);
            self.ascent.note_dug(units.count_ones().into());
        }
    }

    fn give_back_units(&self, pool: &Pool, mut units: u32) {
        // SAFETY: claimed from a segment.
        let (segment, arena) = unsafe { Segment::of(pool) };
        if units != 0 {
            segment.shun_huge_pages(arena);
        }
        while let Some(start) = bits_of(units.into()).next() {
            let length = (!(units >> start)).trailing_zeros();
            let bytes = length as usize * UNIT_BYTES;
            let first = pool.base().as_ptr().wrapping_byte_add(start as usize * UNIT_BYTES);
            // SAFETY: within the pool, hence not null.
            let first = unsafe { core::ptr::NonNull::new_unchecked(first) };
            // SAFETY: whole pages of a pool that is ours (I1), of which every block is free and on no list (I2).
            if unsafe { memory::purge(first, bytes) } {
                self.numbers.purged_bytes.add(bytes as u64);
            }
            self.numbers.purge_calls.add(1);
            units &= u32::MAX << (start + length);
        }
    }

    /// Units that had no memory were taken. At a new height, looks for free pages inside pools in use, and has caches look.
    #[inline]
    pub fn note_rise(&self, units: u32) {
        if units != 0 && self.ascent.climbs(units.into()) {
            self.look_from_above();
        }
    }

    #[cold]
    #[inline(never)]
    fn look_from_above(&self) {
        // Relaxed: a number that stands alone.
        if self.tuning.purge_delay_ms.load(Relaxed) != u64::MAX {
            self.numbers.heights.add(1);
            self.sweep_shelves(Sweep::Rise);
        }
    }

    /// Looks at every pool that nobody owns; whether another look may find more.
    pub(crate) fn sweep_unowned(&self, which: Which) -> bool {
        let which = match which {
            Which::Nothing => return false,
            Which::Settled => Sweep::Idle,
            Which::All => Sweep::All,
        };
        self.numbers.looks.add(1);
        self.sweep_shelves(which)
    }

    fn sweep_shelves(&self, which: Sweep) -> bool {
        let mut left = false;
        for segment in self.segments().filter(|segment| !segment.is_pinned()) {
            for class in SizeClass::all().rev() {
                if self.is_enough(which) {
                    return left;
                }
                for arena in bits_of(segment.shelf_summary(class).hints()) {
                    left |= self.sweep_arena(segment, arena, class, which);
                }
            }
        }
        left
    }

    fn sweep_arena(&self, segment: &Segment, arena: u32, class: SizeClass, which: Sweep) -> bool {
        let (taken, arena) = (segment.taken(arena), segment.arena(arena));
        // SAFETY: a raised bit means an initialised arena.
        let offered = unsafe { arena::shelf(arena) }.glance(class) & taken;
        let mut left = false;
        for index in bits_of(offered).filter_map(|bit| PoolIndex::new(bit as usize)) {
            // SAFETY: a pool of an initialised arena; its header is never unmapped.
            left |= self.sweep_if_nobodys(unsafe { arena.pool(index) }, class, which);
        }
        left
    }

    fn sweep_if_nobodys(&self, pool: &Pool, class: SizeClass, which: Sweep) -> bool {
        if pool.remote().glance().state() != RemoteState::Unowned
            || !pool.glance_worth_digging(class)
            || SWEEP_CLAIMS && !pool.remote().claim()
        {
            return false;
        }
        // The offer may be stale: the pool may serve another class by now.
        let mut left = false;
        if pool.format() == Format::Blocks(class) {
            // SAFETY: claimed just now, current nowhere; nobody leaves a pool in which nothing lives.
            left = unsafe { self.sweep_pool(class, pool, which) };
        }
        if SWEEP_CLAIMS && SWEEP_LEAVES {
            // SAFETY: ours by the claim, current nowhere, not used again.
            unsafe { self.leave_pool(pool) };
        }
        left
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use strata_core::pool::Memory;

    /// A pool of nobody's whose second half is free: every block was written, those of the second half were freed.
    fn half_free_pool(directory: &Directory, class: SizeClass) -> &'static Pool {
        let pool = directory.claim_pool().unwrap().first;
        pool.open(class, core::ptr::without_provenance_mut(1), Memory::Zero);
        let count = Pool::capacity(class);
        for index in 0..count {
            // SAFETY: opened just now: ours, and of this class.
            let block = unsafe { pool.carve_untouched(class) }.unwrap();
            // SAFETY: ours, of this length.
            unsafe { block.as_non_null().write_bytes(0xa5, class.block_bytes()) };
            if index >= count / 2 {
                // SAFETY: ours; blocks of the first half live.
                let _ = unsafe { pool.free_local(block) };
            }
        }
        // SAFETY: ours, current nowhere, and used no more.
        unsafe { directory.leave_pool(pool) };
        pool
    }

    const HALF_A_POOL: u64 = (strata_core::layout::POOL_BYTES / 2) as u64;

    #[test]
    fn free_pages_of_nobodys_pool_go_when_it_was_idle_for_a_look() {
        static DIRECTORY: Directory = Directory::new();
        let pool = half_free_pool(&DIRECTORY, SizeClass::of(1024));
        assert!(DIRECTORY.sweep_unowned(Which::Settled), "it was in use of late");
        assert_eq!(DIRECTORY.purged_bytes(), 0);
        assert!(!DIRECTORY.sweep_unowned(Which::Settled));
        assert_eq!(DIRECTORY.purged_bytes(), HALF_A_POOL);
        assert_eq!(DIRECTORY.census().purge_calls, 1, "neighbours go by one call");
        assert!(!DIRECTORY.sweep_unowned(Which::All));
        assert_eq!(DIRECTORY.purged_bytes(), HALF_A_POOL, "what went is not given back again");
        // SAFETY: the first block lives, and is read as it was written.
        assert_eq!(unsafe { pool.base().read() }, 0xa5);
    }

    #[test]
    fn free_pages_of_nobodys_pool_go_when_the_program_takes_more_than_ever() {
        static DIRECTORY: Directory = Directory::new();
        half_free_pool(&DIRECTORY, SizeClass::of(1024));
        // Three steps of 1 MiB, the first two of which find that nobody takes blocks from the pool.
        let purged = [(); 3].map(|()| {
            DIRECTORY.note_rise(256);
            DIRECTORY.purged_bytes()
        });
        assert_eq!(purged, [0, 0, HALF_A_POOL]);
    }

    #[test]
    fn nothing_goes_when_purging_is_off_whatever_the_height() {
        static DIRECTORY: Directory = Directory::new();
        DIRECTORY.set_purge_delay(u64::MAX);
        half_free_pool(&DIRECTORY, SizeClass::of(1024));
        (0..10).for_each(|_| DIRECTORY.note_rise(1000));
        assert_eq!(DIRECTORY.purged_bytes(), 0);
    }

    #[test]
    fn a_swept_pool_is_nobodys_again_and_on_the_shelf() {
        static DIRECTORY: Directory = Directory::new();
        let class = SizeClass::of(1024);
        let pool = half_free_pool(&DIRECTORY, class);
        assert!(!DIRECTORY.sweep_unowned(Which::All));
        assert!(core::ptr::eq(DIRECTORY.adopt(class).unwrap(), pool));
        assert_eq!(pool.live(), Pool::capacity(class) / 2);
    }

    #[test]
    fn a_pool_that_somebody_owns_is_left_alone() {
        static DIRECTORY: Directory = Directory::new();
        let pool = half_free_pool(&DIRECTORY, SizeClass::of(1024));
        assert!(pool.remote().claim());
        assert!(!DIRECTORY.sweep_unowned(Which::All));
        assert_eq!(DIRECTORY.purged_bytes(), 0);
    }
}
