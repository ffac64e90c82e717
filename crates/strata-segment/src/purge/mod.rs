//! Giving memory back: when a pass comes, what it takes, and the thread that makes it when no other thread calls.
//!
//! | file            | what it does                                                                 |
//! |-----------------|------------------------------------------------------------------------------|
//! | `schedule`      | when a pass is due, and which thread makes it                                |
//! | `pass`          | one pass: free pools, and what huge blocks left                              |
//! | `decommit`      | free pages inside unowned pools; `run_tail`: behind an allocation in a run   |
//! | `cross_reclaim` | free pools go for huge blocks, and huge extents for pools                    |
//! | `limits`        | near the limit of the container or the process                               |
//! | `thread`        | the purge thread: whether it runs; `duty`: what it does; `parker`: its sleep |
//! | `policy`        | the decisions; numbers only                                                  |
//!
//! Does not know: who allocates.

mod cross_reclaim;
pub(crate) mod decommit;
mod duty;
mod limits;
pub(crate) mod parker;
pub(crate) mod pass;
pub(crate) mod policy;
mod run_tail;
pub(crate) mod schedule;
pub(crate) mod thread;

use crate::counters::Counters;
use crate::fork_gate::ForkGate;
use crate::huge::Huge;
use crate::in_flight::InFlight;
use crate::pools::Pools;
use crate::segments::Segments;
use crate::thp::Thp;
use crate::tuning::Tuning;
use policy::Policy;
use schedule::PurgeSchedule;
use strata_core::sync::Ordering::Relaxed;
use thread::PurgeThread;

/// The room: references to what it may reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purge<'heap> {
    pub(crate) tuning: &'heap Tuning,
    pub(crate) thread: &'heap PurgeThread,
    pub(crate) fork_gate: &'heap ForkGate,
    pub(crate) schedule: &'heap PurgeSchedule,
    pub(crate) policy: &'heap Policy,
    pub(crate) segments: Segments<'heap>,
    pub(crate) pools: Pools<'heap>,
    pub(crate) huge: Huge<'heap>,
    pub(crate) thp: Thp<'heap>,
    pub(crate) counters: &'heap Counters,
    pub(crate) in_flight: &'heap InFlight,
}

impl<'heap> Purge<'heap> {
    /// Whether memory is never given back unless the program asks for it.
    fn is_never(&self) -> bool {
        // Relaxed: the option is read by itself; nothing is published with it.
        self.tuning.purge_delay_ms.load(Relaxed) == u64::MAX
    }

    /// Bytes given back to the OS since the start.
    pub(crate) fn purged_bytes(&self) -> u64 {
        self.counters.purged_bytes.get()
    }
}
