//! What one thread keeps: a list of ready blocks for each class, partial pools, and blocks on their way to other threads.
//!
//! ```text
//!   lists[class]   free ─► block ─► block …      base: the current pool, whose free blocks are all on this list
//!   queues[class]  pool ⇄ pool ⇄ pool            partial pools, each with its own list
//!   outbox         chains of other threads' blocks, by pool
//!   pockets        larger blocks of full pools that go round
//!   later          blocks that wait for their cache lines
//! ```
//!
//! I1  Everything here has one owner, the thread (or whoever claimed the slot for a moment); only `lists` is glanced at by
//!     statistics.
//! I2  The blocks on `lists[c]` are of the pool at `base`, which this cache owns and which is in no queue.
//! I3  Pools in queues are owned by this cache and not current; `partial_pools` is their number.
//! I4  All-zero bytes but for `runtime` are an empty cache; one such, `EMPTY`, stands in where a thread has none, so the
//!     fast path needs no test.
//!
//! Does not know: thread-local storage.

use crate::ahead::FreshPools;
use crate::borrow::Borrowed;
use crate::identity::Runtime;
use crate::later::Later;
use crate::outbox::Outbox;
use crate::pocket::{POCKET_COUNT, Pocket, Pockets};
use crate::queue::Queue;
use crate::spree::Spree;
use core::mem::offset_of;
use core::ptr::NonNull;
use strata_core::block::FreeList;
use strata_core::pool::{Freed, Pool};
use strata_core::size_class::{CLASS_COUNT, SizeClass};
use strata_core::sync::{OwnedPtr, OwnedU32};
use strata_segment::Directory;

/// The blocks of one class that are ready to go, all of one pool: 16 bytes, four to a cache line.
#[derive(Debug)]
pub(crate) struct CurrentList {
    pub(crate) free: FreeList,
    base: OwnedPtr<u8>,
}

impl CurrentList {
    strata_core::const_unless_loom! {
        fn new() -> Self {
            Self { free: FreeList::new(), base: OwnedPtr::null() }
        }
    }

    /// The address of the current pool's first block; 0 if there is none.
    #[inline(always)]
    pub(crate) fn base_address(&self) -> usize {
        self.base.get().addr()
    }

    /// The current pool.
    pub(crate) fn pool(&self) -> Option<&'static Pool> {
        // SAFETY: a base that is set is that of an initialised pool (I2).
        NonNull::new(self.base.get()).map(|base| unsafe { Pool::of_base(base) })
    }

    pub(crate) fn set_pool(&self, pool: Option<&Pool>) {
        self.base.set(pool.map_or(core::ptr::null_mut(), |pool| pool.base().as_ptr()));
    }

    /// Blocks that seem to be on the list: a statistic.
    fn glance_count(&self, class: SizeClass) -> u32 {
        let base = self.base.glance().addr();
        let belongs = |link: *mut strata_core::block::Link| {
            let offset = link.addr().wrapping_sub(base);
            base != 0
                && offset < strata_core::layout::POOL_BYTES
                && offset.is_multiple_of(class.block_bytes())
        };
        // SAFETY: a pool's memory stays mapped, whoever owns it by now.
        unsafe { self.free.glance_count(Pool::capacity(class), belongs) }
    }
}

const _: () = assert!(offset_of!(Cache, lists) == 0, "`place` counts from there");

/// One thread's cache; see the module for its parts.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Cache {
    lists: [CurrentList; CLASS_COUNT],
    queues: [Queue; CLASS_COUNT],
    pub(crate) outbox: Outbox,
    pub(crate) pockets: [Pocket; POCKET_COUNT],
    pub(crate) all_pockets: Pockets,
    pub(crate) partial_pools: OwnedU32,
    pub(crate) refills: OwnedU32,
    pub(crate) refills_before: OwnedU32,
    pub(crate) foreign_frees: OwnedU32,
    pub(crate) only_frees: OwnedU32,
    pub(crate) spree: Spree,
    pub(crate) later: Later,
    pub(crate) exit_rounds: OwnedU32,
    pub(crate) appeals: OwnedU32,
    pub(crate) looks_seen: OwnedU32,
    pub(crate) heights_seen: OwnedU32,
    pub(crate) singles: OwnedU32,
    pub(crate) woken_at: OwnedU32,
    pub(crate) borrowed: Borrowed,
    pub(crate) fresh: FreshPools,
    pub(crate) turns: OwnedU32,
    pub(crate) looked_at: OwnedU32,
    runtime: OwnedPtr<Runtime>,
}

// SAFETY: one owner at a time (I1); it moves with the claim of the registry's bit.
unsafe impl Sync for Cache {}

impl Cache {
    strata_core::const_unless_loom! {
        /// An empty cache of no runtime.
        pub fn new() -> Self {
            Self {
                lists: strata_core::each_slot!(CurrentList::new(); CLASS_COUNT),
                queues: strata_core::each_slot!(Queue::new(); CLASS_COUNT),
                outbox: Outbox::new(),
                pockets: strata_core::each_slot!(Pocket::new(); POCKET_COUNT),
                all_pockets: Pockets::new(),
                partial_pools: OwnedU32::zero(),
                refills: OwnedU32::zero(),
                refills_before: OwnedU32::zero(),
                foreign_frees: OwnedU32::zero(),
                only_frees: OwnedU32::zero(),
                spree: Spree::new(),
                later: Later::new(),
                exit_rounds: OwnedU32::zero(),
                appeals: OwnedU32::zero(),
                looks_seen: OwnedU32::zero(),
                heights_seen: OwnedU32::zero(),
                singles: OwnedU32::zero(),
                woken_at: OwnedU32::zero(),
                borrowed: Borrowed::new(),
                fresh: FreshPools::new(),
                turns: OwnedU32::zero(),
                looked_at: OwnedU32::zero(),
                runtime: OwnedPtr::null(),
            }
        }
    }

    /// Joins an empty cache to the runtime that it draws from.
    pub(crate) fn join(&self, runtime: &'static Runtime) {
        self.runtime.set(core::ptr::from_ref(runtime).cast_mut());
        self.exit_rounds.set(0);
        self.appeals.set(runtime.directory.appeals());
        self.singles.set(0);
        self.borrowed.forget();
        self.fresh.forget();
    }

    /// What its pools are signed with: unique while it owns any.
    #[inline(always)]
    pub(crate) fn identity(&self) -> *mut () {
        core::ptr::from_ref(self).cast_mut().cast()
    }

    #[inline(always)]
    pub(crate) fn list(&self, class: SizeClass) -> &CurrentList {
        // SAFETY: a class's index is below CLASS_COUNT by construction.
        unsafe { self.lists.get_unchecked(class.index()) }
    }

    #[inline]
    pub(crate) fn queue(&self, class: SizeClass) -> &Queue {
        // SAFETY: as above.
        unsafe { self.queues.get_unchecked(class.index()) }
    }

    /// The shared state; a stand-in (`EMPTY`) has none.
    #[inline]
    pub(crate) fn runtime(&self) -> Option<&'static Runtime> {
        // SAFETY: set by `join` to a runtime that lives for ever.
        unsafe { self.runtime.get().as_ref() }
    }

    /// The segment layer.
    #[inline]
    pub(crate) fn directory(&self) -> &'static Directory {
        debug_assert!(self.runtime().is_some());
        // SAFETY: only caches that joined a runtime get here: stand-ins are turned away at every cold door.
        &unsafe { self.runtime().unwrap_unchecked() }.directory
    }

    /// Makes `pool`, which this cache owns and has in no queue, the current one of its class.
    pub(crate) fn make_current(&self, class: SizeClass, pool: &Pool) {
        let list = self.list(class);
        debug_assert!(list.pool().is_none());
        pool.lend(&list.free);
        list.set_pool(Some(pool));
    }

    /// Takes the current pool of a class, with all its free blocks, off its list: it is current no longer.
    pub(crate) fn take_current(&self, class: SizeClass) -> Option<(&'static Pool, Freed)> {
        let list = self.list(class);
        let pool = list.pool()?;
        // SAFETY: the current pool is ours, and its blocks are on the list.
        let state = unsafe { pool.settle(&list.free) };
        list.set_pool(None);
        Some((pool, state))
    }

    /// Blocks on the lists, in pockets and on their way, by class: what the program does not have although its pool thinks so. A statistic.
    pub fn ready_blocks(&self, class: SizeClass) -> u32 {
        self.list(class).glance_count(class) + self.pocketed_blocks(class) + self.later.glance_count(class)
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self::new()
    }
}
