//! `latency`: how long a single allocation and a single free take while all cores allocate, and some blocks travel.
//!
//! Each operation is timed by itself, so that the clock is part of every number: `clock` is a histogram of nothing,
//! taken in the same way. Histograms are made before the clock starts and only counted in afterwards.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};
use hdrhistogram::Histogram;
use rand::RngExt;

use super::{Job, Kind, Outcome, Settings, Threads, Workload, together};
use crate::data::random;
use strata_harness::sample::{Details, Latency, Percentiles};

pub(super) const WORKLOAD: Workload = Workload {
    name: "latency",
    stands_for: "single allocations and frees, timed one by one while all cores allocate",
    kind: Kind::Latency,
    threads: Threads::Many,
    prepare,
};

const OPERATIONS: usize = 4_000_000;
const WINDOW: usize = 2_048;
const PLAN: usize = 16_384;
const HIGHEST_NS: u64 = 10_000_000_000;

#[derive(Debug, Clone, Copy)]
struct Step {
    slot: usize,
    bytes: usize,
    travels: bool,
}

/// What one thread saw.
#[derive(Debug)]
struct Seen {
    clock: Histogram<u32>,
    allocate: Histogram<u32>,
    free: Histogram<u32>,
    sum: u64,
}

fn prepare(settings: &Settings) -> Job {
    let plan = plan();
    let threads = thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
    let operations = settings.count(OPERATIONS) / threads;
    Box::new(move || work(&plan, threads, operations))
}

/// Mostly small blocks, one in a hundred up to 64 KiB, one in a thousand up to 4 MiB; one in eight travels.
fn plan() -> Vec<Step> {
    let mut random = random(13);
    (0..PLAN)
        .map(|number| {
            let highest = if number % 1_000 == 0 {
                22.0
            } else if number % 100 == 0 {
                16.0
            } else {
                10.0
            };
            let bytes = 2_f64.powf(random.random_range(4.0..highest)) as usize;
            Step { slot: random.random_range(0..WINDOW), bytes, travels: number % 8 == 0 }
        })
        .collect()
}

fn work(plan: &[Step], threads: usize, operations: usize) -> Outcome {
    let queues: Vec<_> = (0..threads).map(|_| bounded(256)).collect();
    let (seen, wall) =
        together::run(threads, |own| run(plan, operations, &queues[(own + 1) % threads].0, &queues[own].1));
    let sum = seen.iter().map(|seen| seen.sum).sum();
    let merged = |part: fn(&Seen) -> &Histogram<u32>| percentiles(seen.iter().map(part));
    let latency = Latency {
        clock: merged(|seen| &seen.clock),
        allocate: merged(|seen| &seen.allocate),
        free: merged(|seen| &seen.free),
    };
    let outcome = Outcome::new(sum, operations * threads);
    Outcome { wall: Some(wall), details: Some(Details::Latency(latency)), ..outcome }
}

fn run(plan: &[Step], operations: usize, next: &Sender<Vec<u8>>, inbox: &Receiver<Vec<u8>>) -> Seen {
    let mut seen = Seen { clock: histogram(), allocate: histogram(), free: histogram(), sum: 0 };
    let mut window: Vec<Vec<u8>> = (0..WINDOW).map(|_| Vec::new()).collect();
    for step in plan.iter().cycle().take(operations) {
        let () = timed(&mut seen.clock, || ());
        let mut block = timed(&mut seen.allocate, || black_box(Vec::with_capacity(step.bytes)));
        block.push(step.bytes as u8);
        seen.sum += step.bytes as u64;
        let mut old = std::mem::replace(&mut window[step.slot], block);
        if step.travels {
            // A full queue gives the block back: then it does not travel.
            old = next.try_send(old).err().map_or_else(Vec::new, |refused| refused.into_inner());
        }
        for block in inbox.try_iter().take(2).chain([old]).filter(|block| block.capacity() > 0) {
            timed(&mut seen.free, || drop(black_box(block)));
        }
    }
    seen
}

fn histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(1, HIGHEST_NS, 3).expect("the bounds are in order")
}

fn timed<T>(histogram: &mut Histogram<u32>, operation: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = operation();
    histogram.saturating_record(start.elapsed().as_nanos() as u64);
    result
}

fn percentiles<'a>(parts: impl Iterator<Item = &'a Histogram<u32>>) -> Percentiles {
    let mut all = histogram();
    parts.for_each(|part| all.add(part).expect("all have the same bounds"));
    let at = |part: f64| all.value_at_quantile(part);
    Percentiles {
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
        p9999: at(0.9999),
        max: all.max(),
        curve: CURVE.iter().map(|nines| at(1.0 - 0.1_f64.powf(*nines))).collect(),
    }
}

/// The points of the curve: from 0 (the fastest) to 6 nines. `strata bench --report` draws them at these places.
const CURVE: [f64; 25] = {
    let mut nines = [0.0; 25];
    let mut index = 0;
    while index < nines.len() {
        nines[index] = index as f64 / 4.0;
        index += 1;
    }
    nines
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_never_fall() {
        let outcome = work(&plan(), 2, 2_000);
        let Some(Details::Latency(latency)) = outcome.details else { panic!("no latencies") };
        for percentiles in [&latency.clock, &latency.allocate, &latency.free] {
            assert!(percentiles.curve.is_sorted(), "{percentiles:?}");
            assert!(percentiles.p50 <= percentiles.p99 && percentiles.p9999 <= percentiles.max);
        }
    }
}
