//! Runs scenes on many threads that sleep in between, and writes down what is resident in each.
//!
//! ```text
//!   this thread   ── opens act 1 ─── reads resident memory every few milliseconds ──► all done: notes the highest ── act 2 …
//!   each thread      asleep ──► act 1 ──► asleep ……………………………………………………………………………………………………………… act 2 …
//! ```
//!
//! Between scenes a thread waits on a condition variable and touches no allocator. The thread that reads allocates nothing meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::measure::resident_bytes_quietly;
use crate::workloads::Outcome;
use strata_harness::sample::{Details, Moment, Story};

const PERIOD: Duration = Duration::from_millis(10);
/// Longer than the delays after which allocators give memory back.
const REST: Duration = Duration::from_millis(1_500);
const MOMENTS: usize = 4_096;

/// What happens on the stage.
pub(super) enum Scene<A> {
    /// All threads do this at the same time; the highest resident memory is noted.
    Act(&'static str, fn(&mut A)),
    /// No thread does anything; what is resident in the end is noted.
    Rest(&'static str),
}

/// A thread's state.
pub(super) trait Actor {
    /// Bytes that it holds.
    fn held(&self) -> usize;
}

/// Plays `scenes` with that many threads, each with the actor that `make` makes on it.
pub(super) fn play<A: Actor>(
    threads: usize,
    make: impl Fn(usize) -> A + Sync,
    scenes: &[Scene<A>],
) -> Outcome {
    let stage = Stage::default();
    let moments = thread::scope(|scope| {
        let (stage, make) = (&stage, &make);
        let actors: Vec<_> =
            (0..threads).map(|number| scope.spawn(move || perform(stage, make(number), scenes))).collect();
        let story = direct(stage, threads, scenes);
        stage.open(scenes.len() + 1);
        actors.into_iter().for_each(|actor| actor.join().expect("an actor does not panic"));
        story
    });
    let checksum = moments.phases.iter().map(|moment| moment.live_bytes).sum();
    Outcome { details: Some(Details::Story(moments)), ..Outcome::new(checksum, 0) }
}

fn perform<A: Actor>(stage: &Stage, mut actor: A, scenes: &[Scene<A>]) {
    stage.done(0);
    for (index, scene) in scenes.iter().enumerate() {
        if let Scene::Act(_, act) = scene {
            stage.sleep_until(index + 1);
            act(&mut actor);
            stage.done(actor.held());
        }
    }
    // No thread frees before the last number is read.
    stage.sleep_until(scenes.len() + 1);
}

fn direct<A>(stage: &Stage, threads: usize, scenes: &[Scene<A>]) -> Story {
    let mut watch = Watch::begin(scenes.len());
    watch.until(|| stage.all_done(threads));
    for (index, scene) in scenes.iter().enumerate() {
        match scene {
            Scene::Act(name, _) => {
                stage.open(index + 1);
                let highest = watch.until(|| stage.all_done(threads));
                watch.note(name, stage.held.load(Ordering::Relaxed), highest);
            }
            Scene::Rest(name) => {
                let end = Instant::now() + REST;
                watch.until(|| Instant::now() >= end);
                watch.note(name, stage.held.load(Ordering::Relaxed), resident_bytes_quietly());
            }
        }
    }
    watch.story
}

/// What all threads see.
#[derive(Default)]
struct Stage {
    /// The scene that may begin.
    scene: Mutex<usize>,
    changed: Condvar,
    /// Threads that are through with their part of it.
    done: AtomicUsize,
    /// Bytes that they held then.
    held: AtomicUsize,
}

impl Stage {
    fn open(&self, scene: usize) {
        self.done.store(0, Ordering::Relaxed);
        self.held.store(0, Ordering::Relaxed);
        *self.scene.lock().unwrap_or_else(PoisonError::into_inner) = scene;
        self.changed.notify_all();
    }

    fn sleep_until(&self, scene: usize) {
        let now = self.scene.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(now, |now| *now < scene).unwrap_or_else(PoisonError::into_inner));
    }

    fn done(&self, held: usize) {
        self.held.fetch_add(held, Ordering::Relaxed);
        self.done.fetch_add(1, Ordering::Release);
    }

    fn all_done(&self, threads: usize) -> bool {
        self.done.load(Ordering::Acquire) == threads
    }
}

/// Reads resident memory and writes it down, without an allocation.
struct Watch {
    start: Instant,
    story: Story,
}

impl Watch {
    fn begin(scenes: usize) -> Self {
        let story = Story { phases: Vec::with_capacity(scenes), resident: Vec::with_capacity(MOMENTS) };
        Self { start: Instant::now(), story }
    }

    /// The highest resident memory until then.
    fn until(&mut self, over: impl Fn() -> bool) -> u64 {
        let mut highest = 0;
        while !over() {
            highest = highest.max(self.sample());
            thread::sleep(PERIOD);
        }
        highest.max(self.sample())
    }

    fn sample(&mut self) -> u64 {
        let resident = resident_bytes_quietly();
        if self.story.resident.len() < MOMENTS {
            self.story.resident.push((self.milliseconds(), resident));
        }
        resident
    }

    fn note(&mut self, name: &str, held: usize, resident: u64) {
        let end_ms = self.milliseconds();
        let (phase, live_bytes) = (name.to_owned(), held as u64);
        self.story.phases.push(Moment { phase, end_ms, live_bytes, resident_bytes: resident });
    }

    fn milliseconds(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Hoarder(Vec<u8>);

    impl Actor for Hoarder {
        fn held(&self) -> usize {
            self.0.len()
        }
    }

    #[test]
    fn scenes_follow_each_other_and_what_is_held_is_summed_up() {
        let scenes = [
            Scene::Act("grow", |actor: &mut Hoarder| actor.0.resize(1_000, 1)),
            Scene::Rest("rest"),
            Scene::Act("shrink", |actor| actor.0.truncate(100)),
        ];
        let outcome = play(5, |_| Hoarder(Vec::new()), &scenes);
        let Some(Details::Story(story)) = outcome.details else { panic!("no story") };
        let told: Vec<_> =
            story.phases.iter().map(|moment| (moment.phase.as_str(), moment.live_bytes)).collect();
        assert_eq!(told, [("grow", 5_000), ("rest", 5_000), ("shrink", 500)]);
        assert_eq!(outcome.checksum, 10_500);
    }
}
