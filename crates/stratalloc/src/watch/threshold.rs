//! What is measured, and where it crosses: a number of bytes, or a share of the limit.
//!
//! ```text
//!   bytes
//!     │      ┌──┐  call            call ┌───
//!     ├──────┘──┼────────┌─┐───────────┌┘───  threshold
//!     │         └──┐  ┌──┘ └──┐     ┌──┘      (crossed again, but not armed: no call)
//!     ├────────────┴──┴───────┴─────┴───────  where it is armed again
//!     │                       └─────┘
//!     └─────────────────────────────────────► time
//! ```
//!
//! Does not know: how anything is measured.

use super::{Crossing, WatchError};

/// How much lower than the threshold it must be before the watch is armed again, unless told otherwise: a tenth.
const REARMED_BELOW: f64 = 0.9;

/// What a threshold is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Measure {
    /// Memory that the process occupies (RSS): the allocator's, and that of everything else in it.
    Resident,
    /// Memory that the allocator holds: what the program has of it, and what is free and not given back yet.
    Held,
    /// What the limit with the least room left counts: the memory of a container, this process's data (`RLIMIT_DATA`) or
    /// its addresses (`RLIMIT_AS`).
    Counted,
}

impl Measure {
    /// A threshold in bytes.
    pub const fn bytes(self, bytes: u64) -> Threshold {
        Threshold { measure: self, at: Level::Bytes(bytes), rearmed_below: REARMED_BELOW }
    }

    /// A threshold at this share of the limit, such as 0.8.
    ///
    /// For [`Counted`](Self::Counted) the limit is the one that counts it; else the smallest of the containers' (cgroup v1
    /// and v2), `RLIMIT_DATA` and `RLIMIT_AS`, or the memory of the machine if there is none. A limit that changes while
    /// the program runs is followed.
    pub const fn share_of_limit(self, share: f64) -> Threshold {
        Threshold { measure: self, at: Level::Share(share), rearmed_below: REARMED_BELOW }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Level {
    Bytes(u64),
    Share(f64),
}

/// An amount of memory that a watch waits for.
///
/// ```
/// use stratalloc::watch::Threshold;
///
/// let at_half_a_gigabyte = Threshold::resident().bytes(512 << 20);
/// let near_the_limit = Threshold::resident().share_of_limit(0.8);
/// let near_its_own_count = Threshold::counted().share_of_limit(0.9).rearmed_below(0.8);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "a threshold does nothing until `watch::at` gets it"]
pub struct Threshold {
    measure: Measure,
    at: Level,
    rearmed_below: f64,
}

impl Threshold {
    /// Memory that the process occupies.
    pub const fn resident() -> Measure {
        Measure::Resident
    }

    /// Memory that the allocator holds.
    pub const fn held() -> Measure {
        Measure::Held
    }

    /// Memory as the limit with the least room left counts it.
    pub const fn counted() -> Measure {
        Measure::Counted
    }

    /// Has the watch armed again once the measure falls below this part of the threshold: 0.9 unless said otherwise.
    pub const fn rearmed_below(self, part: f64) -> Self {
        Self { rearmed_below: part, ..self }
    }

    pub(super) fn measure(&self) -> Measure {
        self.measure
    }

    pub(super) fn needs_limit(&self) -> bool {
        matches!(self.at, Level::Share(_))
    }

    pub(super) fn checked(self) -> Result<Self, WatchError> {
        let is_part = |part: f64| part > 0.0 && part <= 1.0;
        let is_level = match self.at {
            Level::Bytes(bytes) => bytes > 0,
            Level::Share(share) => is_part(share),
        };
        if is_level && is_part(self.rearmed_below) { Ok(self) } else { Err(WatchError::NoThreshold) }
    }

    /// The height in bytes; `None` where there is no limit to take a share of.
    fn height(&self, limit: Option<u64>) -> Option<u64> {
        match self.at {
            Level::Bytes(bytes) => Some(bytes),
            Level::Share(share) => Some(((share * limit? as f64) as u64).max(1)),
        }
    }
}

/// What was measured at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) bytes: u64,
    pub(super) limit: Option<u64>,
}

/// A threshold, and on which side of it the measure was.
#[derive(Debug)]
pub(super) struct Gauge {
    threshold: Threshold,
    is_above: bool,
}

impl Gauge {
    pub(super) fn new(threshold: Threshold) -> Self {
        Self { threshold, is_above: false }
    }

    pub(super) fn threshold(&self) -> &Threshold {
        &self.threshold
    }

    /// Notes a reading; `Some` if it crosses the threshold upwards.
    pub(super) fn note(&mut self, reading: Reading) -> Option<Crossing> {
        let height = self.threshold.height(reading.limit)?;
        let rearmed_below = (self.threshold.rearmed_below * height as f64) as u64;
        let was_above = self.is_above;
        self.is_above = reading.bytes >= height || was_above && reading.bytes >= rearmed_below;
        (self.is_above && !was_above).then_some(Crossing {
            measure: self.threshold.measure,
            bytes: reading.bytes,
            threshold_bytes: height,
            limit_bytes: reading.limit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn crossings(threshold: Threshold, limit: Option<u64>, all: &[u64]) -> Vec<usize> {
        let mut gauge = Gauge::new(threshold);
        let crosses = |(_, bytes): &(usize, &u64)| gauge.note(Reading { bytes: **bytes, limit }).is_some();
        all.iter().enumerate().filter(crosses).map(|(index, _)| index).collect()
    }

    #[test]
    fn a_crossing_is_told_once_and_again_after_a_fall() {
        let heights = [10, 99, 100, 200, 95, 100, 91, 120, 89, 99, 100, 0, 150];
        assert_eq!(crossings(Threshold::held().bytes(100), None, &heights), [2, 10, 12]);
    }

    #[test]
    fn a_watch_that_starts_above_is_told_at_once() {
        assert_eq!(crossings(Threshold::resident().bytes(100), None, &[500, 500]), [0]);
    }

    #[test]
    fn how_far_it_must_fall_can_be_chosen() {
        let threshold = Threshold::resident().bytes(100);
        assert_eq!(crossings(threshold.rearmed_below(0.5), None, &[100, 50, 100, 49, 100]), [0, 4]);
        assert_eq!(crossings(threshold.rearmed_below(1.0), None, &[100, 99, 100, 100]), [0, 2]);
    }

    #[test]
    fn a_share_follows_the_limit() {
        let mut gauge = Gauge::new(Threshold::resident().share_of_limit(0.8));
        assert_eq!(gauge.note(Reading { bytes: 90, limit: None }), None);
        assert_eq!(gauge.note(Reading { bytes: 90, limit: Some(200) }), None);
        let crossing = gauge.note(Reading { bytes: 90, limit: Some(100) }).unwrap();
        assert_eq!((crossing.threshold_bytes(), crossing.limit_bytes()), (80, Some(100)));
    }

    #[test]
    fn what_is_no_threshold_is_refused() {
        let resident = Threshold::resident();
        for share in [0.0, -0.1, 1.01, f64::NAN, f64::INFINITY] {
            assert_eq!(resident.share_of_limit(share).checked(), Err(WatchError::NoThreshold), "{share}");
            assert!(resident.bytes(1).rearmed_below(share).checked().is_err(), "{share}");
        }
        assert!(resident.bytes(0).checked().is_err());
        assert!(resident.share_of_limit(1.0).checked().is_ok());
    }
}
