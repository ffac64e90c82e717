//! Threads that start together: the clock runs from the first one's start to the last one's end.
//!
//! Starting the threads is not measured; waiting for a slower one is.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// One thread's part.
#[derive(Debug)]
struct Part<T> {
    start: Instant,
    end: Instant,
    result: T,
}

/// Runs `work(0)` to `work(threads - 1)`, each on a thread of its own; their results and the time that all took.
pub(super) fn run<T: Send>(threads: usize, work: impl Fn(usize) -> T + Sync) -> (Vec<T>, Duration) {
    let (ready, work) = (&Barrier::new(threads), &work);
    let parts: Vec<Part<T>> = thread::scope(|scope| {
        let handles: Vec<_> =
            (0..threads).map(|number| scope.spawn(move || timed(ready, number, work))).collect();
        handles.into_iter().map(|handle| handle.join().expect("the work does not panic")).collect()
    });
    let start = parts.iter().map(|part| part.start).min();
    let end = parts.iter().map(|part| part.end).max();
    let wall = start.zip(end).map_or(Duration::ZERO, |(start, end)| end - start);
    (parts.into_iter().map(|part| part.result).collect(), wall)
}

fn timed<T>(ready: &Barrier, number: usize, work: impl Fn(usize) -> T) -> Part<T> {
    ready.wait();
    let start = Instant::now();
    let result = work(number);
    Part { start, end: Instant::now(), result }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_worked_on_once() {
        let (results, wall) = run(3, |number| number * 10);
        assert_eq!(results, [0, 10, 20]);
        assert!(wall > Duration::ZERO);
    }

    #[test]
    fn the_slowest_thread_ends_the_time() {
        let (_, wall) = run(2, |number| thread::sleep(Duration::from_millis(20 * number as u64)));
        assert!(wall >= Duration::from_millis(20));
    }
}
