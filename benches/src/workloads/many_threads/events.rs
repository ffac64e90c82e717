//! `events_of_50`: fifty threads that send each other events as fast as they can, and keep a few hundred each.
//!
//! ```text
//!   chain:  event ──► thread a keeps it, drops an older one, sends the next ──► thread b … until the chain ends
//! ```
//!
//! As many events as there are chains are on their way at any time. Which thread gets an event, and what is in it, follows from the chain alone: the
//! sum over all events is the same whatever the order. Nearly every event is freed by a thread that did not allocate it.

use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::written;
use crate::data::Dice;
use crate::workloads::{Job, Kind, Outcome, Settings, Threads, Workload, together};

pub(in crate::workloads) const WORKLOAD: Workload = Workload {
    name: "events_of_50",
    stands_for: "50 threads that send each other events of 8 to 600 bytes, 14 MiB live (crossbeam)",
    kind: Kind::Real,
    threads: Threads::Many,
    prepare,
};

const THREADS: usize = 50;
/// As many events are on their way at any time.
const CHAINS_PER_THREAD: usize = 500;
/// Events of a chain.
const EVENTS: usize = 250;
/// The last events that a thread keeps.
const KEPT: usize = 300;

struct Event {
    chain: Dice,
    left: usize,
    kept_at: usize,
    payload: Vec<u8>,
}

enum Message {
    Event(Box<Event>),
    /// All chains have ended.
    Stop,
}

impl Event {
    /// The next event of a chain, and which thread gets it.
    fn next(mut chain: Dice, left: usize) -> (usize, Message) {
        let (thread, kept_at, bytes) = (chain.roll(THREADS), chain.roll(KEPT), 8 + chain.roll(593));
        (thread, Message::Event(Box::new(Self { chain, left, kept_at, payload: written(bytes) })))
    }
}

/// What all threads share.
struct Network {
    inboxes: Vec<Sender<Message>>,
    chains: AtomicUsize,
}

impl Network {
    fn send(&self, chain: Dice, left: usize) {
        let (thread, message) = Event::next(chain, left);
        self.inboxes[thread].send(message).expect("every inbox lives to the end");
    }

    fn end_chain(&self) {
        if self.chains.fetch_sub(1, Ordering::AcqRel) == 1 {
            for inbox in &self.inboxes {
                inbox.send(Message::Stop).expect("every inbox lives to the end");
            }
        }
    }
}

fn prepare(settings: &Settings) -> Job {
    let events = settings.count(EVENTS);
    Box::new(move || work(events))
}

fn work(events: usize) -> Outcome {
    let (inboxes, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| unbounded()).unzip();
    let network = Network { inboxes, chains: AtomicUsize::new(THREADS * CHAINS_PER_THREAD) };
    let (sums, wall) = together::run(THREADS, |own| take_part(own, events, &network, &receivers[own]));
    let sum = sums.iter().fold(0_u64, |sum, part| sum.wrapping_add(*part));
    Outcome { wall: Some(wall), ..Outcome::new(sum, THREADS * CHAINS_PER_THREAD * events) }
}

fn take_part(own: usize, events: usize, network: &Network, inbox: &Receiver<Message>) -> u64 {
    let mut kept: Vec<Option<Box<Event>>> = (0..KEPT).map(|_| None).collect();
    for chain in own * CHAINS_PER_THREAD..(own + 1) * CHAINS_PER_THREAD {
        network.send(Dice::new(chain as u64), events - 1);
    }
    let mut sum = 0_u64;
    for message in inbox {
        let Message::Event(event) = message else { break };
        sum = sum.wrapping_add(event.payload.len() as u64 * u64::from(event.payload[0]));
        match event.left.checked_sub(1) {
            Some(left) => network.send(event.chain.clone(), left),
            None => network.end_chain(),
        }
        let place = event.kept_at;
        kept[place] = Some(event);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_of_every_chain_arrives() {
        let expected = (0..THREADS * CHAINS_PER_THREAD).map(|chain| {
            let mut sum = 0_u64;
            let mut chain = Dice::new(chain as u64);
            for left in (0..3).rev() {
                let Message::Event(event) = Event::next(chain, left).1 else { unreachable!() };
                sum += event.payload.len() as u64 * u64::from(event.payload[0]);
                chain = event.chain;
            }
            sum
        });
        assert_eq!(work(3).checksum, expected.sum::<u64>());
    }
}
