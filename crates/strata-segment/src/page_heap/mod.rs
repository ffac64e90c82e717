//! The page heap: the one face of this layer, and the order in which its rooms are asked.
//!
//! ```text
//!   claim, release, adopt, abandon          pools      ─┐
//!   allocate_huge, resize_huge, free_huge   huge       ─┼─► segments ─► operating system
//!   tick, purge_all, trim                   purge ─► policy
//! ```
//!
//! It holds the words of all rooms and gives each of them what that room may know: a room is a struct of references, and what is not
//! among them is out of its reach. What a room reports upwards arrives here (`above`).
//!
//! In the order of the fields: what a start touches lies together, up to the first slot (decision 0016).
//!
//! Does not know: how any of it is done.

mod huge;
mod pools;
mod purge;

use crate::above::Above;
use crate::counters::{ClassPools, Counters};
use crate::fork_gate::ForkGate;
use crate::huge::Huge;
use crate::huge::cache::HugeCache;
use crate::huge::unmapped::Unmapped;
use crate::in_flight::InFlight;
use crate::misuse;
use crate::pools::Pools;
use crate::prefault::{Prefault, Refusal};
use crate::purge::Purge;
use crate::purge::policy::Policy;
use crate::purge::schedule::PurgeSchedule;
use crate::purge::thread::PurgeThread;
use crate::segments::Segments;
use crate::segments::asking::Asking;
use crate::segments::index::Index;
use crate::segments::numa::Placement;
use crate::thp::Thp;
use crate::thp::knowledge::ThpPolicy;
use crate::tuning::Tuning;
use strata_core::address::UserPtr;
use strata_core::pool::Pool;

/// Everything shared between threads: one for a program.
#[repr(C)]
#[derive(Debug)]
pub struct PageHeap {
    /// The options.
    pub tuning: Tuning,
    /// The thread that makes purge passes when no other thread calls.
    pub purge_thread: PurgeThread,
    /// Where forks wait.
    pub fork_gate: ForkGate,
    pub(crate) purge_schedule: PurgeSchedule,
    pub(crate) policy: Policy,
    pub(crate) asking: Asking,
    pub(crate) in_flight: InFlight,
    pub(crate) huge_cache: HugeCache,
    pub(crate) thp: ThpPolicy,
    pub(crate) populate: Refusal,
    pub(crate) placement: Placement,
    pub(crate) counters: Counters,
    pub(crate) index: Index,
    pub(crate) class_pools: ClassPools,
    pub(crate) unmapped: Unmapped,
}

/// Bytes at its end that a start does not touch.
pub const SELDOM_BYTES: usize = size_of::<Unmapped>();

/// The rooms.
impl PageHeap {
    strata_core::const_unless_loom! {
        /// No segment yet; a constant, for a `static`.
        pub fn new() -> Self {
            Self {
                tuning: Tuning::new(),
                purge_thread: PurgeThread::new(),
                fork_gate: ForkGate::new(),
                purge_schedule: PurgeSchedule::new(),
                policy: Policy::new(),
                asking: Asking::new(),
                in_flight: InFlight::nothing(),
                huge_cache: HugeCache::new(),
                thp: ThpPolicy::new(),
                populate: Refusal::none(),
                placement: Placement::new(),
                counters: Counters::new(),
                index: Index::new(),
                class_pools: ClassPools::new(),
                unmapped: Unmapped::new(),
            }
        }
    }

    #[inline]
    pub(crate) fn segments(&self) -> Segments<'_> {
        let Self { tuning, asking, placement, index, counters, .. } = self;
        Segments::new(tuning, asking, placement, index, counters)
    }

    #[inline]
    pub(crate) fn pools(&self) -> Pools<'_> {
        Pools::new(self.segments(), &self.policy, &self.class_pools, self)
    }

    #[inline]
    pub(crate) fn thp(&self) -> Thp<'_> {
        Thp::new(&self.tuning, &self.thp, self.segments())
    }

    pub(crate) fn prefaults(&self) -> Prefault<'_> {
        Prefault::new(&self.populate, &self.policy)
    }

    pub(crate) fn huge(&self) -> Huge<'_> {
        let Self { tuning, huge_cache: cache, unmapped, policy, counters, in_flight, .. } = self;
        Huge { tuning, cache, unmapped, thp: self.thp(), policy, counters, in_flight, above: self }
    }

    #[inline]
    pub(crate) fn purge(&self) -> Purge<'_> {
        let Self {
            tuning,
            purge_thread: thread,
            fork_gate,
            purge_schedule: schedule,
            policy,
            counters,
            in_flight,
            ..
        } = self;
        let (segments, pools, huge, thp) = (self.segments(), self.pools(), self.huge(), self.thp());
        Purge { tuning, thread, fork_gate, schedule, policy, segments, pools, huge, thp, counters, in_flight }
    }
}

impl Above for PageHeap {
    fn released(&self) {
        self.purge().schedule();
    }

    fn took_huge(&self, bytes: usize) {
        self.purge().make_room(bytes);
        self.purge().reclaim_pools(bytes);
    }

    /// Purge passes abandon pools, too.
    #[cold]
    fn freed_twice(&self, pool: &Pool) -> ! {
        if self.purge_thread.berth().is_here() {
            misuse::freed_twice_seen_by_purge_thread(pool);
        }
        misuse::freed_twice(pool)
    }

    #[cold]
    fn no_huge_block(&self, pointer: UserPtr) -> ! {
        misuse::no_huge_block(pointer)
    }
}
