//! `churn`: a day of a service in a minute: 100 million allocations and frees whose sizes and lifetimes shift.
//!
//! ```text
//!   day ─ how much, which kinds ─► service ── keeps nine of ten objects until they die
//!                                     └─ hands one of ten over ─► worker ── keeps it, or a copy, until it dies
//! ```
//!
//! Time is simulated and the seed fixed, so every allocator sees the same calls; what is resident stands beside what is
//! alive several times a day, and two seconds after its end, when both threads have little to do. The wheels that hold the
//! objects are no part of it.

mod day;
mod wheel;

use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use self::day::Hour;
use self::wheel::Wheel;
use super::ledger::{Ledger, settle};
use super::{Job, Kind, Outcome, Settings, Threads, Workload};
use crate::data::random;

pub(super) const WORKLOAD: Workload = Workload {
    name: "churn",
    stands_for: "a day of a service: 100 million operations, sizes and lifetimes shift, a second thread takes some over",
    kind: Kind::Fragmentation,
    threads: Threads::Many,
    prepare,
};

/// Allocations and frees of the whole day, nearly: some objects outlive it.
const OPERATIONS: usize = 100_000_000;
/// Objects that the wheels of both threads hold in the busiest hour.
const OBJECTS: usize = 500_000;
/// Of how many objects the second thread gets one, and of how many of those it makes a copy.
const HANDED_OVER: u32 = 10;
const COPIED: u32 = 4;
const IN_FLIGHT: usize = 1_024;

/// Ticks after which the time of day is read again: a minute.
const SAMPLE_TICKS: u32 = 6_000;
/// When the books are written up.
const MOMENTS: [(u32, &str); 5] =
    [(3, "03:00"), (9, "09:00"), (14, "14:00"), (19, "19:00, the busiest hour"), (24, "24:00")];
/// Objects that come and go between two naps at the end.
const A_FEW: usize = 16;

/// What the second thread is told.
enum Message {
    /// An object, when it dies, and what the clock shows.
    Keep(Box<[u8]>, u32, u32),
    /// The time: answer with the bytes that are held.
    Report(u32),
}

fn prepare(settings: &Settings) -> Job {
    let (operations, objects) = (settings.count(OPERATIONS), settings.count(OBJECTS));
    Box::new(move || {
        let (sum, details) = live_through(operations, objects).close();
        Outcome { details: Some(details), ..Outcome::new(sum, operations) }
    })
}

fn live_through(operations: usize, objects: usize) -> Ledger {
    let (sender, receiver) = bounded(IN_FLIGHT);
    let (reports, answers) = bounded(1);
    thread::scope(|scope| {
        scope.spawn(move || work(&receiver, &reports, objects / HANDED_OVER as usize));
        let mut service = Service::new(operations, objects, sender, answers);
        service.live_through();
        service.settle();
        service.ledger
    })
}

/// The first thread.
struct Service {
    objects: Wheel,
    random: Pcg64Mcg,
    /// Objects a tick in the busiest hour.
    rate: f64,
    worker: Sender<Message>,
    answers: Receiver<usize>,
    ledger: Ledger,
}

impl Service {
    fn new(operations: usize, objects: usize, worker: Sender<Message>, answers: Receiver<usize>) -> Self {
        // The worker's copies come on top, an allocation and a free each.
        let copies = 1.0 + 1.0 / f64::from(HANDED_OVER * COPIED);
        let rate = operations as f64 / 2.0 / copies / day::mean_load() / f64::from(day::TICKS);
        let objects = Wheel::new(objects);
        // The worker touches its own wheel before it answers.
        Self::ask(&worker, &answers, 0);
        Self { objects, random: random(52), rate, worker, answers, ledger: Ledger::open() }
    }

    fn live_through(&mut self) {
        let mut moments = MOMENTS.into_iter().peekable();
        let mut due = 0.0;
        for start in (0..day::TICKS).step_by(SAMPLE_TICKS as usize) {
            let hour = Hour::at(start);
            for tick in start..start + SAMPLE_TICKS {
                self.objects.advance(tick);
                due += self.rate * hour.load();
                while due >= 1.0 {
                    due -= 1.0;
                    let (bytes, ticks) = hour.draw(&mut self.random);
                    self.take(vec![1; bytes].into(), tick, tick + ticks);
                }
            }
            let now = start + SAMPLE_TICKS;
            if let Some((_, name)) = moments.next_if(|(hour, _)| now >= hour * 360_000) {
                self.note(name, now);
            }
        }
    }

    fn take(&mut self, object: Box<[u8]>, now: u32, due: u32) {
        if self.random.random_ratio(1, HANDED_OVER) {
            self.worker.send(Message::Keep(object, due, now)).expect("the worker stays to the end");
        } else {
            self.objects.keep(object, due);
        }
    }

    /// The bytes that the worker holds at `now`.
    fn ask(worker: &Sender<Message>, answers: &Receiver<usize>, now: u32) -> usize {
        worker.send(Message::Report(now)).expect("the worker stays to the end");
        answers.recv().expect("the worker answers")
    }

    fn note(&mut self, phase: &str, now: u32) {
        self.objects.advance(now);
        let held = self.objects.held() + Self::ask(&self.worker, &self.answers, now);
        self.ledger.note(phase, held);
    }

    /// After midnight: a few objects come and go, the first thread's and the worker's, all at once.
    fn settle(&mut self) {
        let hour = Hour::at(day::TICKS);
        settle(|| {
            for _ in 0..A_FEW {
                let (bytes, _) = hour.draw(&mut self.random);
                self.take(vec![1; bytes].into(), day::TICKS, day::TICKS);
            }
        });
        self.note("two seconds later", day::TICKS);
    }
}

/// The second thread.
fn work(messages: &Receiver<Message>, reports: &Sender<usize>, objects: usize) {
    let mut random = random(53);
    let mut kept = Wheel::new(objects);
    for message in messages {
        match message {
            Message::Keep(object, due, now) => {
                kept.advance(now);
                let copy = random.random_ratio(1, COPIED).then(|| object.clone());
                kept.keep(copy.unwrap_or(object), due);
            }
            Message::Report(now) => {
                kept.advance(now);
                reports.send(kept.held()).expect("the service waits for it");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strata_harness::sample::Details;

    #[test]
    fn the_evening_is_busy_and_at_night_most_of_it_is_gone() {
        let Details::Fragmentation(books) = live_through(200_000, 1_000).close().1 else {
            panic!("no books")
        };
        let live: Vec<u64> = books.outside.iter().map(|moment| moment.live_bytes).collect();
        assert_eq!(live.len(), MOMENTS.len() + 1);
        assert!(live[3] > 2 * live[4] && live[4] > 0 && live[4] == live[5], "{live:?}");
    }
}
