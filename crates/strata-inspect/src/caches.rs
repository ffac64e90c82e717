//! What threads have ready, found from outside.
//!
//! Does not know: what the blocks in magazines were asked for.

use crate::heap::Heap;
use crate::pool::{class_of, word};
use crate::stats::ThreadStats;
use crate::target::Target;
use strata_core::layout::{ARENA_BYTES, POOL_BYTES};
use strata_core::size_class::{CLASS_COUNT, SizeClass};

/// Bytes of a magazine at most: a head and 64 slots, or a little more.
const MAGAZINE_BYTES: usize = 1024;
/// Bytes that a cache knows of all classes at most.
const CLASSES_BYTES: usize = 8192;
/// Pools whose class is remembered while magazines are read.
const REMEMBERED: usize = 256;

/// The classes of the pools that were asked for last.
struct Classes {
    pools: [(u64, Option<SizeClass>); REMEMBERED],
}

impl Classes {
    fn of_block<T: Target + ?Sized>(&mut self, heap: &Heap<'_, T>, block: u64) -> Option<SizeClass> {
        let pool = block & !(POOL_BYTES as u64 - 1);
        let slot = self.pools.get_mut((pool / POOL_BYTES as u64) as usize % REMEMBERED)?;
        if slot.0 != pool {
            *slot = (pool, heap.class_of_pool(pool));
        }
        slot.1
    }
}

impl<T: Target + ?Sized> Heap<'_, T> {
    /// The slabs of caches, by number.
    pub(crate) fn slabs(&self, each: &mut dyn FnMut(u64)) {
        // As many as 64 million caches need.
        for number in 0..1 << 20 {
            match self.slab(number) {
                0 => return,
                slab => each(slab),
            }
        }
    }

    /// Slab `number`, each of which leads to several more; 0: there is none.
    fn slab(&self, number: u32) -> u64 {
        let fan = self.offsets.slab_next_count.max(1);
        let Some(index) = number.checked_sub(1) else { return self.word(self.offsets.runtime_first_slab) };
        match self.slab(index / fan) {
            0 => 0,
            above => self.word_at(above + u64::from(self.offsets.slab_next + index % fan * 8)),
        }
    }

    /// The caches in use.
    fn caches(&self, each: &mut dyn FnMut(u64)) {
        let offsets = &self.offsets;
        self.slabs(&mut |slab| {
            let free = self.word_at(slab + u64::from(offsets.slab_free));
            let used = || {
                let indices = (0..offsets.slab_cache_count).filter(move |index| free >> index & 1 == 0);
                indices.map(|index| slab + u64::from(offsets.slab_caches + index * offsets.cache_bytes))
            };
            self.target.expect(&mut used().map(|cache| (cache, offsets.cache_bytes as usize)));
            used().for_each(&mut *each);
        });
    }

    /// What each thread has ready, and each heap, with the counting cache in front of its own: the class of each block goes to `block`, as
    /// its pool has it, what a thread has in all to `thread`.
    pub(crate) fn ready(&self, block: &mut dyn FnMut(SizeClass), thread: &mut dyn FnMut(ThreadStats)) {
        let mut classes = Classes { pools: [(0, None); REMEMBERED] };
        self.caches(&mut |cache| {
            let word = |cache: u64, offset: u32| self.word_at(cache + u64::from(offset));
            if word(cache, self.offsets.cache_behind) != 0 {
                return;
            }
            let (mut stats, mut peak) = (ThreadStats::of_thread(self.thread_of(cache)), 0);
            let front = word(cache, self.offsets.cache_front);
            for cache in [cache, front].into_iter().filter(|cache| *cache != 0) {
                stats.refills += u64::from(self.number_at(cache, self.offsets.cache_refills));
                stats.flushes += u64::from(self.number_at(cache, self.offsets.cache_flushes));
                self.turnover_of(cache, &mut |class, taken, gone| stats.add_turnover(class, taken, gone));
                peak += word(cache, self.offsets.cache_peak);
                self.ready_in(cache, &mut classes, &mut |class| {
                    stats.ready_blocks += 1;
                    stats.ready_bytes += class.block_bytes() as u64;
                    block(class);
                });
            }
            stats.set_peak(peak);
            thread(stats);
        });
    }

    fn thread_of(&self, cache: u64) -> u32 {
        self.number_at(cache, self.offsets.cache_thread)
    }

    fn number_at(&self, cache: u64, offset: u32) -> u32 {
        let mut bytes = [0; 4];
        let is_read = self.target.read(cache + u64::from(offset), &mut bytes);
        if is_read { u32::from_ne_bytes(bytes) } else { 0 }
    }

    /// Of each cache and class the blocks that came out of pools, and that went back.
    pub(crate) fn turnover(&self, each: &mut dyn FnMut(SizeClass, u64, u64)) {
        self.caches(&mut |cache| self.turnover_of(cache, each));
    }

    fn turnover_of(&self, cache: u64, each: &mut dyn FnMut(SizeClass, u64, u64)) {
        let offsets = &self.offsets;
        let mut bytes = [0; CLASSES_BYTES];
        let all = offsets.class_bytes as usize * CLASS_COUNT;
        let Some(states) = bytes.get_mut(..all) else { return };
        if !self.target.read(cache + u64::from(offsets.cache_classes), states) {
            return;
        }
        for class in SizeClass::all() {
            let at = class.index() as u32 * offsets.class_bytes + offsets.class_turnover;
            let count = |offset: u32| word(states, at + offset);
            each(class, count(offsets.turnover_taken), count(offsets.turnover_returned));
        }
    }

    fn ready_in(&self, cache: u64, classes: &mut Classes, each: &mut dyn FnMut(SizeClass)) {
        self.blocks_in(cache, &mut |block| {
            classes.of_block(self, block).into_iter().for_each(&mut *each);
        });
    }

    /// The addresses of the blocks in the magazines of a cache.
    fn blocks_in(&self, cache: u64, each: &mut dyn FnMut(u64)) {
        let offsets = &self.offsets;
        let bytes = |depth: u32| offsets.magazine_slots + depth * 8;
        let mut place = cache + u64::from(offsets.cache_small);
        for class in 0..CLASS_COUNT as u32 {
            if class == offsets.cache_small_count {
                place = cache + u64::from(offsets.cache_large);
            }
            let depth =
                if class < offsets.cache_small_count { offsets.small_depth } else { offsets.large_depth };
            self.magazine(place, depth, each);
            place += u64::from(bytes(depth));
        }
    }

    /// Each thread's cache, and each heap's: its address, and the number that the kernel has for the thread; 0: a heap.
    pub fn each_cache(&self, each: &mut dyn FnMut(u64, u32)) {
        self.caches(&mut |cache| each(cache, self.thread_of(cache)));
    }

    /// The address of each block in a magazine.
    pub fn each_ready(&self, each: &mut dyn FnMut(u64)) {
        self.caches(&mut |cache| self.blocks_in(cache, each));
    }

    fn magazine(&self, place: u64, depth: u32, each: &mut dyn FnMut(u64)) {
        let offsets = &self.offsets;
        let count = (self.word_at(place + u64::from(offsets.magazine_count)) as u32).min(depth);
        let mut slots = [0; MAGAZINE_BYTES];
        let Some(slots) = slots.get_mut(..count as usize * 8).filter(|slots| !slots.is_empty()) else {
            return;
        };
        if self.target.read(place + u64::from(offsets.magazine_slots), slots) {
            (0..count).map(|slot| word(slots, slot * 8)).filter(|block| *block != 0).for_each(each);
        }
    }

    fn class_of_pool(&self, pool: u64) -> Option<SizeClass> {
        let arena = pool & !(ARENA_BYTES as u64 - 1);
        let index = (pool - arena) / POOL_BYTES as u64;
        let mut header = [0; 64];
        let header = header.get_mut(..self.offsets.header_bytes as usize)?;
        if !self.target.read(arena + index * u64::from(self.offsets.header_bytes), header) {
            return None;
        }
        class_of(header, &self.offsets)
    }
}
