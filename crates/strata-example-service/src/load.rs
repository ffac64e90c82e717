//! Requests at a fixed rate, whatever the answers take: who is late does not come less often.
//!
//! Does not know: who listens, nor why.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;

/// Threads that ask; more than an answer's time times the rate.
const CLIENTS: u64 = 8;
/// One request in this many is for a page that was asked for before.
const REPEATED: u64 = 4;
/// How far back that is: not a multiple of the above, or it would be one that was for an older page itself.
const BACK: u64 = 101;

/// What is asked, and how often.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// The number of the first request.
    pub first: u64,
    /// How many.
    pub requests: u64,
    /// A second.
    pub rate: f64,
    /// Smallest and largest page.
    pub page_bytes: (usize, usize),
}

/// What came of it; read while it runs, too.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Answered, whole and right.
    pub good: AtomicU64,
    /// Refused, cut short, wrong, or too late.
    pub failed: AtomicU64,
}

impl Load {
    /// Asks until all requests are answered or have failed; says what went wrong to `complain`.
    pub fn run(&self, address: SocketAddr, outcome: &Outcome, complain: impl Fn(&str) + Sync) {
        let start = Instant::now();
        thread::scope(|scope| {
            for number in 0..CLIENTS {
                let complain = &complain;
                scope.spawn(move || self.play(number, address, start, outcome, complain));
            }
        });
    }

    fn play(
        &self,
        client: u64,
        address: SocketAddr,
        start: Instant,
        outcome: &Outcome,
        complain: impl Fn(&str),
    ) {
        let connection = Client::new(address);
        for index in (client..self.requests).step_by(CLIENTS as usize) {
            let due = Duration::from_secs_f64(index as f64 / self.rate);
            thread::sleep(due.saturating_sub(start.elapsed()));
            let number = self.number(index);
            match connection.page(number, self.bytes(number)) {
                Ok(()) => outcome.good.fetch_add(1, Relaxed),
                Err(error) => {
                    complain(&error);
                    outcome.failed.fetch_add(1, Relaxed)
                }
            };
        }
    }

    /// The page that a request is for.
    fn number(&self, index: u64) -> u64 {
        let back = if index.is_multiple_of(REPEATED) { index.min(BACK) } else { 0 };
        self.first + index - back
    }

    /// The page's size, which follows from its number.
    fn bytes(&self, number: u64) -> usize {
        let (least, most) = self.page_bytes;
        // The golden ratio's fraction, times the number, is as good as random.
        let part = (number as f64 * 0.618_033_988_75).fract();
        least + ((most - least) as f64 * part) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: Load = Load { first: 1000, requests: 1000, rate: 10.0, page_bytes: (100, 200) };

    #[test]
    fn sizes_are_between_the_bounds_and_of_all_kinds() {
        let sizes: Vec<usize> = (0..1000).map(|number| LOAD.bytes(number)).collect();
        assert!(sizes.iter().all(|bytes| (100..=200).contains(bytes)));
        assert!((0..10).all(|tenth| sizes.iter().any(|bytes| (bytes - 100) / 10 == tenth)));
    }

    #[test]
    fn some_pages_are_asked_for_again() {
        let numbers: Vec<u64> = (0..1000).map(|index| LOAD.number(index)).collect();
        let mut different = numbers.clone();
        different.sort_unstable();
        different.dedup();
        assert!(different.len() > 700 && different.len() < 800, "{}", different.len());
        assert!(numbers.iter().all(|number| (1000..2000).contains(number)));
    }
}
