//! `service_load`: the example service at a fixed rate, while its pages grow and shrink: what stays resident.
//!
//! The service keeps the last pages it made, so what it holds follows the pages' sizes up and down. Requests come over
//! 127.0.0.1, each on a connection of its own, and come as often whatever the answers take. Another thread reads the
//! resident memory without allocating. `--scale` is the length: 1 for a second each phase, 20 for minutes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use strata_example_service::cache::{Cache, Policy};
use strata_example_service::load::{self, Load};
use strata_example_service::local::Local;

use crate::measure::resident_bytes_quietly;
use crate::workloads::{Job, Kind, Outcome, Settings, Threads, Workload};
use strata_harness::sample::{Details, Moment, Story};

pub(super) const WORKLOAD: Workload = Workload {
    name: "service_load",
    stands_for: "an HTTP service with a page cache, at a fixed rate, as its pages grow and shrink",
    kind: Kind::Story,
    threads: Threads::Many,
    prepare,
};

/// Requests a second.
const RATE: f64 = 400.0;
/// Pages that are kept at most.
const PAGES: usize = 300;
const PHASE: Duration = Duration::from_secs(1);
/// Points of the curve, evenly over the whole length.
const MOMENTS: u32 = 600;
const KIB: usize = 1 << 10;

/// The smallest and the largest page, phase after phase.
const SIZES: [(&str, (usize, usize)); 9] = [
    ("1–4 KiB", (KIB, 4 * KIB)),
    ("4–16 KiB", (4 * KIB, 16 * KIB)),
    ("16–64 KiB", (16 * KIB, 64 * KIB)),
    ("64–256 KiB", (64 * KIB, 256 * KIB)),
    ("16–64 KiB", (16 * KIB, 64 * KIB)),
    ("4–16 KiB", (4 * KIB, 16 * KIB)),
    ("1–4 KiB", (KIB, 4 * KIB)),
    ("64–256 KiB", (64 * KIB, 256 * KIB)),
    ("1–4 KiB", (KIB, 4 * KIB)),
];
const IDLE: &str = "cache dropped, idle";

fn prepare(settings: &Settings) -> Job {
    let phase = PHASE.mul_f64(settings.scale);
    let requests = (phase.as_secs_f64() * RATE).ceil() as u64;
    // A phase makes three pages of four requests, and should leave none of the phase before.
    let cache = Arc::new(Cache::new(Policy::LastPages(PAGES.min((requests / 2).max(1) as usize))));
    let service = Local::start(Arc::clone(&cache)).expect("a port of 127.0.0.1 is free");
    Box::new(move || work(&service, &cache, phase, requests))
}

fn work(service: &Local, cache: &Cache, phase: Duration, requests: u64) -> Outcome {
    let (start, is_over) = (Instant::now(), AtomicBool::new(false));
    let length = phase * (SIZES.len() as u32 + 1);
    thread::scope(|scope| {
        let sampler = scope.spawn(|| sample(start, length, &is_over));
        let (phases, good) = play(service, cache, phase, requests, start);
        is_over.store(true, Ordering::Relaxed);
        let resident = sampler.join().expect("the sampler does not panic");
        let details = Some(Details::Story(Story { phases, resident }));
        Outcome { details, ..Outcome::new(good, good as usize) }
    })
}

/// The ends of the phases, and how many requests were answered.
fn play(
    service: &Local,
    cache: &Cache,
    phase: Duration,
    requests: u64,
    start: Instant,
) -> (Vec<Moment>, u64) {
    let mut ends = Vec::with_capacity(SIZES.len() + 1);
    let outcome = load::Outcome::default();
    for (index, (name, page_bytes)) in SIZES.into_iter().enumerate() {
        let load = Load { first: index as u64 * requests, requests, rate: RATE, page_bytes };
        load.run(service.address(), &outcome, |error| eprintln!("service_load: {error}"));
        ends.push(moment(name, start, cache));
    }
    cache.shed();
    thread::sleep(phase);
    ends.push(moment(IDLE, start, cache));
    (ends, count(&outcome.good))
}

fn count(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn moment(phase: &str, start: Instant, cache: &Cache) -> Moment {
    Moment {
        phase: phase.to_owned(),
        end_ms: milliseconds(start),
        live_bytes: cache.amount().page_bytes as u64,
        resident_bytes: resident_bytes_quietly(),
    }
}

fn milliseconds(since: Instant) -> u64 {
    since.elapsed().as_millis() as u64
}

fn sample(start: Instant, length: Duration, is_over: &AtomicBool) -> Vec<(u64, u64)> {
    // Room for a machine so busy that it takes twice as long.
    let mut moments = Vec::with_capacity(2 * MOMENTS as usize);
    while !is_over.load(Ordering::Relaxed) && moments.len() < moments.capacity() {
        moments.push((milliseconds(start), resident_bytes_quietly()));
        thread::sleep(length / MOMENTS);
    }
    moments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_holds_follows_the_pages_up_and_down() {
        let settings = Settings { scale: 0.1, ..Settings::default() };
        let outcome = prepare(&settings)();
        assert_eq!(outcome.checksum, 9 * 40, "a request failed");
        let Some(Details::Story(story)) = outcome.details else { panic!("no story") };
        let live: Vec<u64> = story.phases.iter().map(|moment| moment.live_bytes).collect();
        assert!(live[..4].is_sorted() && live[3..7].is_sorted_by(|one, next| one >= next), "{live:?}");
        assert!(live[7] > 10 * live[6] && live[8] < live[7] / 10 && live[9] == 0, "{live:?}");
        assert!(story.resident.len() > 20 && story.resident.is_sorted_by_key(|(time, _)| *time));
    }
}
