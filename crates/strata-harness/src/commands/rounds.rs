//! Rounds of runs: everything interleaved, so that a machine that slows down slows all of them down.
//!
//! The first one changes from round to round, so that none always runs on what another one left in the caches and on the clock
//! frequency that it left behind.
//!
//! Does not know: what a run is.

use std::time::{Duration, Instant};

use crate::interrupt;

/// Those that take part in a round, in its order.
pub fn order<T: Clone>(takers: &[T], round: usize) -> Vec<T> {
    let mut order = takers.to_vec();
    let first = round % order.len().max(1);
    order.rotate_left(first);
    order
}

/// How rounds came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All were made.
    All,
    /// How many were; one more would not have ended in time.
    InTime(usize),
    /// How many were begun when an end was asked for.
    Interrupted(usize),
}

impl Ended {
    /// What to tell, if it is not what was asked for.
    pub fn told(self, asked: usize) -> Option<String> {
        match self {
            Self::All => None,
            Self::InTime(made) => Some(format!("stopped after {made} of {asked} rounds to stay in time")),
            Self::Interrupted(begun) => {
                Some(format!("interrupted in round {begun} of {asked}; what was measured until then:"))
            }
        }
    }
}

/// Makes up to `count` rounds within `budget`. A `round` gets its number, and answers how long the next one will take by what
/// this one did of it.
pub fn run(count: usize, budget: Option<Duration>, mut round: impl FnMut(usize) -> Duration) -> Ended {
    let (start, mut last) = (Instant::now(), Duration::ZERO);
    for number in 0..count {
        if interrupt::is_wanted() {
            return Ended::Interrupted(number);
        }
        if !fits(budget, start.elapsed(), last) {
            return Ended::InTime(number);
        }
        last = round(number);
        if interrupt::is_wanted() {
            return Ended::Interrupted(number + 1);
        }
    }
    Ended::All
}

/// Whether one more round as long as the last still fits into the budget. The first one, after none, always does.
fn fits(budget: Option<Duration>, elapsed: Duration, last: Duration) -> bool {
    budget.is_none_or(|budget| last.is_zero() || elapsed + last <= budget)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_round_is_begun_only_if_it_probably_ends_in_time() {
        assert!(fits(Some(100 * SECOND), 66 * SECOND, 33 * SECOND));
        assert!(!fits(Some(100 * SECOND), 68 * SECOND, 34 * SECOND));
        assert_eq!(run(3, Some(SECOND), |_| 2 * SECOND), Ended::InTime(1));
    }

    #[test]
    fn the_first_round_always_runs_and_without_a_budget_all_do() {
        assert!(fits(Some(SECOND), 5 * SECOND, Duration::ZERO));
        assert!(fits(None, 5_000 * SECOND, 4 * SECOND));
        assert_eq!(run(2, None, |_| 4 * SECOND), Ended::All);
    }

    #[test]
    fn another_one_goes_first_each_time() {
        assert_eq!(order(&["a", "b", "c"], 4), ["b", "c", "a"]);
        assert!(order::<u8>(&[], 3).is_empty());
    }
}
