//! How near the limit is (of the container, or of the process), and what is done about it.
//!
//! ```text
//!   bytes used │■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■        │ limit
//!              │                                       └ a tenth left: eager │ refused: the last resort
//! ```
//!
//! | how near | what a pass gives back       | caches                                       | who asks for the limit                |
//! |----------|------------------------------|----------------------------------------------|---------------------------------------|
//! | far      | what was idle for two passes | keep what they have                          | each pass; taking as much as was left |
//! | eager    | all that is free             | are asked to flush                           | the same, for each hundredth taken    |
//! | refused  | all that is free, at once    | the caller's is flushed, others are asked to | the thread that was refused           |
//!
//! Asking costs a tenth of a millisecond. So no thread asks for the first 16 MiB, and later only when as much was taken as was
//! left the last time, or when a pass is due.
//!
//! Does not know: where limits come from; `strata-os` does. A flush request is a number that each cache compares with the last one
//! it heeded when it comes to a slow path (`strata-cache/maintenance.rs`): no thread takes anything from another.

use strata_core::sync::Hint;
use strata_os::machine::MemoryBudget;

/// Bytes taken before the limit is asked for the first time.
const UNASKED_BYTES: u64 = 16 << 20;
/// No limit.
const BOUNDLESS: u64 = u64::MAX;
/// Passes until a program without a limit asks again: containers' limits change.
const PASSES_UNTIL_ASKED_AGAIN: u64 = 64;

/// What is known of the limit.
#[derive(Debug)]
pub(super) struct Pressure {
    /// Bytes that may be taken until the limit is asked for again.
    headroom: Hint,
    passes: Hint,
    /// Whether there was a limit when it was asked for last: 1 or 0.
    limited: Hint,
    /// How often all caches were asked to flush.
    flush_requests: Hint,
}

/// The distance to the limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Distance {
    /// Bytes that may be taken before it becomes `Eager`.
    Far(u64),
    /// Near: ask again after these bytes.
    Eager(u64),
}

impl Pressure {
    pub(super) const fn new() -> Self {
        Self {
            headroom: Hint::new(UNASKED_BYTES),
            passes: Hint::new(0),
            limited: Hint::new(0),
            flush_requests: Hint::new(0),
        }
    }

    /// Notes the answer to a question for the limit. Returns the distance.
    pub(super) fn note(&self, budget: Option<MemoryBudget>) -> Distance {
        self.limited.set(u64::from(budget.is_some()));
        let distance = budget.map_or(Distance::Far(BOUNDLESS), distance_of);
        let (Distance::Far(bytes) | Distance::Eager(bytes)) = distance;
        self.headroom.set(bytes);
        distance
    }

    /// Whether `bytes` may be taken without asking; counts them.
    pub(super) fn is_within_headroom(&self, bytes: u64) -> bool {
        match self.headroom.get() {
            BOUNDLESS => true,
            headroom => {
                self.headroom.set(headroom.saturating_sub(bytes));
                headroom > bytes
            }
        }
    }

    /// Whether more than `bytes` may be taken before the limit is asked for again.
    pub(super) fn is_far_from_limit(&self, bytes: u64) -> bool {
        self.headroom.get() > bytes
    }

    /// Whether there was a limit when it was asked for last: if so, nothing is taken that is not needed.
    pub(super) fn is_limited(&self) -> bool {
        self.limited.get() != 0
    }

    /// Asks all caches to give back what they can, when they next come to a slow path.
    pub(super) fn request_flush(&self) {
        self.flush_requests.add(1);
    }

    /// The word that counts the requests to flush.
    pub(super) fn flush_requests_word(&self) -> &Hint {
        &self.flush_requests
    }

    /// How often all caches were asked to flush.
    #[inline]
    pub(super) fn flush_requests(&self) -> u32 {
        self.flush_requests.get() as u32
    }

    #[cfg(test)]
    pub(super) fn assume_headroom(&self, bytes: u64) {
        self.headroom.set(bytes);
    }

    /// Whether a pass should ask for the limit.
    pub(super) fn is_worth_asking(&self) -> bool {
        self.passes.add(1);
        self.headroom.get() != BOUNDLESS || self.passes.get().is_multiple_of(PASSES_UNTIL_ASKED_AGAIN)
    }
}

fn distance_of(budget: MemoryBudget) -> Distance {
    let eager_from = budget.limit / 10;
    match budget.room().checked_sub(eager_from) {
        Some(bytes) if bytes > 0 => Distance::Far(bytes.min(BOUNDLESS - 1)),
        _ => Distance::Eager(budget.limit / 100),
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    fn at(usage: u64) -> Distance {
        distance_of(MemoryBudget { limit: 1000, usage })
    }

    #[test]
    fn the_last_tenth_is_near() {
        assert_eq!([at(0), at(899)], [Distance::Far(900), Distance::Far(1)]);
        assert_eq!([at(900), at(1000), at(2000)], [Distance::Eager(10); 3]);
    }

    #[test]
    fn no_thread_asks_before_the_headroom_is_used_up() {
        let pressure = Pressure::new();
        assert!(pressure.is_within_headroom(UNASKED_BYTES / 2));
        assert!(!pressure.is_within_headroom(UNASKED_BYTES / 2));
        pressure.headroom.set(BOUNDLESS);
        assert!((0..10).all(|_| pressure.is_within_headroom(u64::MAX)));
    }

    #[test]
    fn without_a_limit_few_passes_ask() {
        let pressure = Pressure::new();
        pressure.headroom.set(BOUNDLESS);
        let asking = (0..10 * PASSES_UNTIL_ASKED_AGAIN).filter(|_| pressure.is_worth_asking()).count();
        assert_eq!(asking, 10);
        pressure.headroom.set(1);
        assert!(pressure.is_worth_asking());
    }
}
