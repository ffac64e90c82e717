//! `memory_story`: a service's day in seconds: grow, free most of it here and there, idle, free the rest, idle, regrow.
//!
//! Worker threads stay alive through all of it, as in a thread pool. Another thread reads the resident memory every few
//! milliseconds, without allocating; beside it stands what the program itself holds, so that the difference is what the
//! allocator keeps.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use super::{Job, Kind, Outcome, Settings, Threads, Workload};
use crate::data::random;
use crate::measure::resident_bytes_quietly;
use strata_harness::sample::{Details, Moment, Story};

pub(super) const WORKLOAD: Workload = Workload {
    name: "memory_story",
    stands_for: "a pool of four threads that grow, free seven blocks of eight, idle, free the rest, idle, and grow again",
    kind: Kind::Story,
    threads: Threads::Many,
    prepare,
};

const WORKERS: usize = 4;
const BYTES_PER_WORKER: usize = 48 << 20;
const IDLE: Duration = Duration::from_millis(1_500);
const PERIOD: Duration = Duration::from_millis(10);
const MOMENTS: usize = 4_096;

/// What the workers do, one after another, all of them together.
const PHASES: [(&str, Phase); 7] = [
    ("grow", |worker| worker.grow(4.0..11.0)),
    ("free 7 of 8", Worker::free_most),
    ("idle", |_| thread::sleep(IDLE)),
    ("free all", |worker| worker.alive.clear()),
    ("idle", |_| thread::sleep(IDLE)),
    ("regrow", |worker| worker.grow(6.0..14.0)),
    ("idle", |_| thread::sleep(IDLE / 3)),
];

type Phase = fn(&mut Worker);

/// One thread's blocks.
struct Worker {
    alive: Vec<Vec<u8>>,
    random: Pcg64Mcg,
    limit: usize,
}

impl Worker {
    /// Sizes are two to a power out of `powers`: small ones are as common as large ones are heavy.
    fn grow(&mut self, powers: std::ops::Range<f64>) {
        let mut bytes = 0;
        while bytes < self.limit {
            let size = 2_f64.powf(self.random.random_range(powers.clone())) as usize;
            bytes += size;
            self.alive.push(vec![1; size]);
        }
    }

    /// Every eighth stays: the worst that can happen to pools and pages.
    fn free_most(&mut self) {
        let mut number = 0;
        self.alive.retain(|_| {
            number += 1;
            number % 8 == 0
        });
    }

    fn bytes(&self) -> usize {
        self.alive.iter().map(Vec::len).sum()
    }
}

/// What all threads of the story see.
struct Stage {
    start: Instant,
    /// Workers meet here before and after each phase.
    meet: Barrier,
    /// Sum over the workers after each phase.
    live: [AtomicU64; PHASES.len()],
    /// (milliseconds, resident bytes), read while all threads wait for the next phase.
    ends: Mutex<Vec<(u64, u64)>>,
    over: AtomicBool,
}

fn prepare(settings: &Settings) -> Job {
    // Less than a tenth of it would say nothing about an allocator.
    let limit = (BYTES_PER_WORKER as f64 * settings.scale.clamp(0.1, 1.0)) as usize;
    Box::new(move || work(limit))
}

fn work(limit: usize) -> Outcome {
    let stage = Stage {
        start: Instant::now(),
        meet: Barrier::new(WORKERS),
        live: Default::default(),
        ends: Mutex::new(Vec::with_capacity(PHASES.len())),
        over: AtomicBool::new(false),
    };
    let moments = thread::scope(|scope| {
        let sampler = scope.spawn(|| sample(&stage));
        let stage = &stage;
        let workers: Vec<_> =
            (0..WORKERS).map(|number| scope.spawn(move || play(stage, number, limit))).collect();
        workers.into_iter().for_each(|worker| worker.join().expect("a worker does not panic"));
        stage.over.store(true, Ordering::Relaxed);
        sampler.join().expect("the sampler does not panic")
    });
    tell(&stage, moments)
}

fn play(stage: &Stage, number: usize, limit: usize) {
    let mut worker = Worker { alive: Vec::new(), random: random(number as u64), limit };
    for (index, (_, phase)) in PHASES.iter().enumerate() {
        stage.meet.wait();
        phase(&mut worker);
        stage.live[index].fetch_add(worker.bytes() as u64, Ordering::Relaxed);
        if stage.meet.wait().is_leader() {
            let now = (milliseconds(stage.start), resident_bytes_quietly());
            stage.ends.lock().unwrap_or_else(PoisonError::into_inner).push(now);
        }
    }
    // No thread frees before the last number is read.
    stage.meet.wait();
}

fn milliseconds(since: Instant) -> u64 {
    since.elapsed().as_millis() as u64
}

fn sample(stage: &Stage) -> Vec<(u64, u64)> {
    let mut moments = Vec::with_capacity(MOMENTS);
    while !stage.over.load(Ordering::Relaxed) && moments.len() < MOMENTS {
        moments.push((milliseconds(stage.start), resident_bytes_quietly()));
        thread::sleep(PERIOD);
    }
    moments
}

fn tell(stage: &Stage, resident: Vec<(u64, u64)>) -> Outcome {
    let ends = stage.ends.lock().unwrap_or_else(PoisonError::into_inner);
    let moments = PHASES.iter().zip(ends.iter()).zip(&stage.live).map(|(((name, _), end), live)| Moment {
        phase: (*name).to_owned(),
        end_ms: end.0,
        live_bytes: live.load(Ordering::Relaxed),
        resident_bytes: end.1,
    });
    let phases: Vec<Moment> = moments.collect();
    let checksum = phases.iter().map(|moment| moment.live_bytes).sum();
    Outcome { details: Some(Details::Story(Story { phases, resident })), ..Outcome::new(checksum, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_eight_survives_and_all_go_in_the_end() {
        let outcome = work(1 << 20);
        let Some(Details::Story(story)) = outcome.details else { panic!("no story") };
        let live: Vec<u64> = story.phases.iter().map(|moment| moment.live_bytes).collect();
        assert_eq!(live.len(), PHASES.len());
        assert!(live[1] < live[0] / 4 && live[1] > 0 && live[4] == 0 && live[5] > live[1], "{live:?}");
        assert!(story.resident.len() > 100 && story.resident.is_sorted_by_key(|(time, _)| *time));
    }
}
