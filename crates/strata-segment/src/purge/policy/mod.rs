//! Decides how much memory is given back, and when: told of what is taken and given back, asked at each pass and each growth.
//!
//! | told                                  | by            | what of it                                  |
//! |---------------------------------------|---------------|---------------------------------------------|
//! | `claimed`, `released`, `left_partial` | pools         | refaults: what is in use, what lies free    |
//! | `took`, `returned`, `decommitted`     | pools, passes | the peak, in subpages that may be in memory |
//! | `purged`                              | passes        | refaults: what may be wanted again          |
//!
//! | asked        | when                        | answer                                    |
//! |--------------|-----------------------------|-------------------------------------------|
//! | `on_pass`    | a pass begins               | which free memory goes                    |
//! | `on_growth`  | memory is about to be taken | how much of what lies free goes for it    |
//! | `huge_limit` | a huge block comes or goes  | how much of what such blocks left is kept |
//!
//! Does not know: addresses, the operating system. Model: jemalloc's `decay.h`.

pub(crate) mod huge_limit;
pub(crate) mod peak;
pub(crate) mod pressure;
pub(crate) mod reclaim;
pub(crate) mod refaults;

use crate::counters::Footprint;
use crate::without::{CROSS_RECLAIM, HUGE_LIMIT, PEAK, REFAULTS};
use huge_limit::HugeLimit;
use peak::Peak;
use pressure::Pressure;
use reclaim::Reclaim;
use refaults::{Advice, Refaults};
use strata_core::layout::POOL_BYTES;

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

/// One file for each heuristic.
#[derive(Debug)]
pub(crate) struct Policy {
    refaults: Refaults,
    pub(crate) reclaim: Reclaim,
    pub(crate) peak: Peak,
    pub(crate) pressure: Pressure,
    pub(crate) huge_limit: HugeLimit,
}

impl Policy {
    pub(crate) const fn new() -> Self {
        Self {
            refaults: Refaults::new(),
            reclaim: Reclaim::new(),
            peak: Peak::new(),
            pressure: Pressure::new(),
            huge_limit: HugeLimit::new(),
        }
    }

    /// Pools were claimed, so many of which may hold something.
    pub(crate) fn claimed(&self, pools: u32, dirty: u32) {
        self.refaults.note_claim(pools, dirty);
    }

    /// Pools were released.
    pub(crate) fn released(&self, pools: u32) {
        self.refaults.note_release(pools);
    }

    /// A pool that is used in part was left, or had blocks freed into it.
    pub(crate) fn left_partial(&self) {
        self.refaults.note_partial();
    }

    /// How often that was so.
    pub(crate) fn partial(&self) -> u64 {
        self.refaults.parts()
    }

    /// So many of them have been inspected.
    pub(crate) fn inspected_partial(&self, parts: u64) {
        self.refaults.note_parts_gone(parts);
    }

    /// Subpages that had no memory were taken.
    pub(crate) fn took(&self, subpages: u32) {
        if PEAK && subpages != 0 {
            self.peak.grow(subpages.into());
        }
    }

    /// Subpages that may have been in memory were given back.
    pub(crate) fn returned(&self, subpages: u32) {
        self.peak.note_purge(subpages.into());
    }

    /// The same, because the program grew.
    pub(crate) fn decommitted(&self, subpages: u32) {
        self.peak.note_decommit(subpages.into());
    }

    /// A pass at `now` gave pools back.
    pub(crate) fn purged(&self, pools: u64, now: u64) {
        self.refaults.note_purge(pools, now);
    }

    /// Which free memory is to go by the pass that begins at `now`, where pools hold that much.
    pub(crate) fn on_pass(&self, pools: Footprint, now: u64) -> Scope {
        match self.refaults.advice(pools, now) {
            Advice::Keep if REFAULTS => Scope::Nothing,
            Advice::Purge | Advice::Keep => Scope::Idle,
        }
    }

    /// How many of so many free bytes may go for what is taken, in a program that holds so many.
    pub(crate) fn on_growth(&self, free: u64, held: u64) -> u64 {
        let is_backing_off = REFAULTS && self.refaults.is_backing_off();
        if !CROSS_RECLAIM || is_backing_off { 0 } else { self.reclaim.allowance(free, held) }
    }

    /// How many bytes of freed huge blocks are worth keeping while so many live, as seen at `now`.
    pub(crate) fn huge_limit(&self, live: u64, now: u64) -> u64 {
        if HUGE_LIMIT { self.huge_limit.pays(live, now) } else { u64::MAX }
    }

    /// Whether a thread is worth it that gives back what lies free, where huge blocks left that much, and so much is committed.
    pub(crate) fn is_worth_a_thread(&self, huge_kept_bytes: u64, committed_bytes: u64) -> bool {
        // A pool may have been left many times.
        let in_parts = self.partial().saturating_mul(POOL_BYTES as u64).min(committed_bytes);
        self.refaults.idle_bytes() + huge_kept_bytes + in_parts >= MUCH_BYTES
    }

    /// Whether more than `bytes` may be taken before the limit is asked for again.
    pub(crate) fn is_far_from_limit(&self, bytes: u64) -> bool {
        self.pressure.is_far_from_limit(bytes)
    }

    /// Whether there is a limit, as far as it was asked for.
    pub(crate) fn is_limited(&self) -> bool {
        self.pressure.is_limited()
    }
}
