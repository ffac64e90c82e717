//! Decides how much memory is given back, and when: told of what is taken and given back, asked at each pass and each growth.
//!
//! | told                              | by                               | what of it                                                    |
//! |-----------------------------------|----------------------------------|---------------------------------------------------------------|
//! | `took`                            | pools, huge blocks               | what was given back too early; what huge blocks ask for again |
//! | `returned`                        | the same, passes, cross-reclaim  | what lies free, what the system got, and for what             |
//! | `gave_pools`                      | passes, cross-reclaim            | what lies free                                                |
//! | `refaulted`                       | runs                             | whether the ends of runs are worth giving back                |
//! | `left_partial`, `inspected_partial` | pools, passes                  | how many pools in use may have free pages                     |
//! | `passed_huge`, `nothing_is_free`  | passes                           | the end of a window                                           |
//! | `note_budget`, `request_flush`    | limits                           | the distance to the limit                                     |
//!
//! | asked                            | when                                | answer                                     |
//! |----------------------------------|-------------------------------------|--------------------------------------------|
//! | `on_pass`                        | a pass begins                       | which free memory goes                     |
//! | `on_growth`                      | memory is about to be taken         | how much free memory goes for it           |
//! | `huge_limit`                     | a huge block is allocated or freed  | how much of what such blocks left is kept  |
//! | `gives_run_tails`                | a run is used                       | whether its end goes                       |
//! | `is_worth_a_thread`              | something was freed                 | whether a purge thread is started          |
//! | `is_within_headroom` and others  | memory is about to be taken, a pass | whether to ask for the limit               |
//!
//! Does not know: addresses, the operating system. Model: jemalloc's `decay.h`.

mod huge_limit;
mod pressure;
mod reclaim;
mod refaults;
mod run_tail;

pub(crate) use pressure::Distance;

use crate::counters::Footprint;
use crate::without::{CROSS_RECLAIM, HUGE_LIMIT, REFAULTS};
use huge_limit::HugeLimit;
use pressure::Pressure;
use reclaim::Reclaim;
use refaults::{Advice, Refaults};
use run_tail::RunTails;
use strata_core::layout::POOL_BYTES;
use strata_core::sync::Hint;
use strata_os::machine::MemoryBudget;

/// Free bytes that justify a purge thread; in models any.
const MUCH_BYTES: u64 = if cfg!(strata_loom) { 0 } else { 8 << 20 };

/// Which free memory to give back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    /// None: only note what is free.
    Nothing,
    /// What was free at the last two passes already.
    Idle,
    /// All of it.
    All,
}

/// Memory that the program takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Taken {
    /// In pools, `clean` bytes of which hold nothing and have to be faulted in.
    Pools { bytes: u64, clean: u64 },
    /// In huge blocks, of which `live` bytes are live now.
    Huge { bytes: u64, live: u64, now: u64 },
}

/// Memory that the program does not need, or that went to the system.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Returned {
    /// Pools lie free.
    Pools { bytes: u64 },
    /// Huge blocks were freed.
    Huge { bytes: u64, now: u64 },
    /// A pass gave pools to the system.
    ByPass { bytes: u64, now: u64 },
    /// What one side had free went to the system for what the other takes.
    ForGrowth { bytes: u64 },
}

/// One file for each heuristic.
#[derive(Debug)]
pub(crate) struct Policy {
    refaults: Refaults,
    reclaim: Reclaim,
    pressure: Pressure,
    huge_limit: HugeLimit,
    run_tails: RunTails,
}

impl Policy {
    /// Where the passes are for which memory stays, in bytes from the start: for readers of another process.
    pub(crate) const BACKOFF_AT: usize = core::mem::offset_of!(Self, refaults) + Refaults::BACKOFF_AT;

    pub(crate) const fn new() -> Self {
        Self {
            refaults: Refaults::new(),
            reclaim: Reclaim::new(),
            pressure: Pressure::new(),
            huge_limit: HugeLimit::new(),
            run_tails: RunTails::new(),
        }
    }
}

/// What it is told.
impl Policy {
    /// The program takes memory.
    pub(crate) fn took(&self, taken: Taken) {
        match taken {
            Taken::Pools { bytes, clean } => self.refaults.note_taken(bytes, clean),
            Taken::Huge { bytes, live, now } => self.huge_limit.note_taken(bytes, live, now),
        }
    }

    /// Memory lies free, or went to the system.
    pub(crate) fn returned(&self, returned: Returned) {
        match returned {
            Returned::Pools { bytes } => self.refaults.note_freed(bytes),
            Returned::Huge { bytes, now } => self.huge_limit.note_freed(bytes, now),
            Returned::ByPass { bytes, now } => self.refaults.note_purge(bytes, now),
            Returned::ForGrowth { bytes } => self.reclaim.note(bytes),
        }
    }

    /// `bytes` of free pools went to the system, whatever for.
    pub(crate) fn gave_pools(&self, bytes: u64) {
        self.refaults.note_gone(bytes);
    }

    /// `bytes` that had been given back behind an allocation were taken again at `now`.
    pub(crate) fn refaulted(&self, bytes: u64, now: u64) {
        self.run_tails.note_refault(bytes, now);
    }

    /// A partly used pool was abandoned, or had blocks freed into it.
    pub(crate) fn left_partial(&self) {
        self.refaults.note_partial();
    }

    /// `parts` of them have been inspected.
    pub(crate) fn inspected_partial(&self, parts: u64) {
        self.refaults.note_parts_gone(parts);
    }

    /// A pass over huge blocks, of which `live` bytes are live.
    pub(crate) fn passed_huge(&self, live: u64) {
        self.huge_limit.turn(live);
    }

    /// A pass left nothing free.
    pub(crate) fn nothing_is_free(&self) {
        self.reclaim.forget();
    }

    /// The answer to a question for the limit. Returns the distance.
    pub(crate) fn note_budget(&self, budget: Option<MemoryBudget>) -> Distance {
        self.pressure.note(budget)
    }

    /// Asks all caches to give back what they can, when they next come to a slow path.
    pub(crate) fn request_flush(&self) {
        self.pressure.request_flush();
    }
}

/// What it is asked.
impl Policy {
    /// Which free memory is to go by the pass that begins at `now`, given the memory of pools.
    pub(crate) fn on_pass(&self, pools: Footprint, now: u64) -> Scope {
        match self.refaults.advice(pools, now) {
            Advice::Keep if REFAULTS => Scope::Nothing,
            Advice::Purge | Advice::Keep => Scope::Idle,
        }
    }

    /// How many of `free` bytes may go for what is taken, in a program that holds `held`.
    pub(crate) fn on_growth(&self, free: u64, held: u64) -> u64 {
        let is_backing_off = REFAULTS && self.refaults.is_backing_off();
        if !CROSS_RECLAIM || is_backing_off { 0 } else { self.reclaim.allowance(free, held) }
    }

    /// How many bytes of freed huge blocks are worth keeping while `live` bytes are live, at the time `now`.
    pub(crate) fn huge_limit(&self, live: u64, now: u64) -> u64 {
        if HUGE_LIMIT { self.huge_limit.pays(live, now) } else { u64::MAX }
    }

    /// Whether memory that other runs left behind an allocation goes, at the time `now`.
    pub(crate) fn gives_run_tails(&self, now: u64) -> bool {
        self.run_tails.pays(now)
    }

    /// Bytes of free pools that hold memory, estimated without a walk.
    pub(crate) fn idle_bytes(&self) -> u64 {
        self.refaults.idle_bytes()
    }

    /// How often a partly used pool was abandoned, or had blocks freed into it, and was not inspected since.
    pub(crate) fn partial(&self) -> u64 {
        self.refaults.parts()
    }

    /// Whether there is enough to give back to start a thread for it, where huge blocks left `huge_kept_bytes`.
    pub(crate) fn is_worth_a_thread(&self, huge_kept_bytes: u64, committed_bytes: u64) -> bool {
        // A pool may have been left many times.
        let in_parts = self.partial().saturating_mul(POOL_BYTES as u64).min(committed_bytes);
        self.idle_bytes() + huge_kept_bytes + in_parts >= MUCH_BYTES
    }

    /// Whether `bytes` may be taken without asking for the limit; counts them.
    pub(crate) fn is_within_headroom(&self, bytes: u64) -> bool {
        self.pressure.is_within_headroom(bytes)
    }

    /// Whether a pass should ask for the limit.
    pub(crate) fn is_worth_asking(&self) -> bool {
        self.pressure.is_worth_asking()
    }

    /// Whether more than `bytes` may be taken before the limit is asked for again.
    pub(crate) fn is_far_from_limit(&self, bytes: u64) -> bool {
        self.pressure.is_far_from_limit(bytes)
    }

    /// Whether there was a limit when it was asked for last.
    pub(crate) fn is_limited(&self) -> bool {
        self.pressure.is_limited()
    }

    /// The word that counts the requests to flush.
    pub(crate) fn flush_requests_word(&self) -> &Hint {
        self.pressure.flush_requests_word()
    }

    /// How often all caches were asked to flush.
    #[inline]
    pub(crate) fn flush_requests(&self) -> u32 {
        self.pressure.flush_requests()
    }
}

/// What tests arrange, and check.
#[cfg(test)]
impl Policy {
    pub(crate) fn assume_headroom(&self, bytes: u64) {
        self.pressure.assume_headroom(bytes);
    }

    pub(crate) fn reclaimed_bytes(&self) -> u64 {
        self.reclaim.given()
    }
}
