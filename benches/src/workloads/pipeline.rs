//! `pipeline`: an ingestion service: one thread reads messages, another stores and frees them (crossbeam-channel).
//!
//! Every block is freed by another thread than the one that allocated it. A batch of messages stays alive at the
//! consumer, as before a write to a store.

use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use rand::RngExt;

use super::{Job, Kind, Outcome, Settings, Threads, Workload};
use crate::checksum::Checksum;
use crate::data::random;

pub(super) const WORKLOAD: Workload = Workload {
    name: "pipeline",
    stands_for: "an ingestion service: the consumer frees what the producer allocated (crossbeam-channel)",
    kind: Kind::Real,
    threads: Threads::Many,
    prepare,
};

const MESSAGES: usize = 3_200_000;
const SHAPES: usize = 4_096;
const IN_FLIGHT: usize = 1_024;
const BATCH: usize = 512;

#[derive(Debug)]
struct Message {
    topic: String,
    headers: Vec<(Box<str>, String)>,
    payload: Vec<u8>,
}

/// The form of the next message.
#[derive(Debug, Clone, Copy)]
struct Shape {
    headers: usize,
    payload: usize,
}

fn prepare(settings: &Settings) -> Job {
    let mut random = random(41);
    let shapes: Vec<Shape> = (0..SHAPES)
        .map(|_| Shape {
            headers: random.random_range(0..4),
            payload: 1 << random.random_range(4..12_u32) | random.random_range(0..16),
        })
        .collect();
    let messages = settings.count(MESSAGES);
    Box::new(move || work(&shapes, messages))
}

fn work(shapes: &[Shape], messages: usize) -> Outcome {
    let (sender, receiver) = bounded(IN_FLIGHT);
    let checksum = thread::scope(|scope| {
        let consumer = scope.spawn(move || consume(&receiver));
        produce(sender, shapes, messages);
        consumer.join().expect("the consumer only adds up")
    });
    checksum.into()
}

fn produce(sender: Sender<Message>, shapes: &[Shape], messages: usize) {
    for (number, shape) in shapes.iter().cycle().take(messages).enumerate() {
        sender.send(message(number, *shape)).expect("the consumer stays until the channel closes");
    }
}

fn message(number: usize, shape: Shape) -> Message {
    let header =
        |index: usize| (Box::from(["trace", "tenant", "codec"][index]), (number ^ index).to_string());
    Message {
        topic: format!("orders.{}.created", number % 1_000),
        headers: (0..shape.headers).map(header).collect(),
        payload: vec![number as u8; shape.payload],
    }
}

fn consume(receiver: &Receiver<Message>) -> Checksum {
    let mut checksum = Checksum::new();
    let mut batch = Vec::with_capacity(BATCH);
    for message in receiver {
        batch.push(message);
        if batch.len() == BATCH {
            store(&mut batch, &mut checksum);
        }
    }
    store(&mut batch, &mut checksum);
    checksum
}

fn store(batch: &mut Vec<Message>, checksum: &mut Checksum) {
    for message in batch.drain(..) {
        checksum.add_bytes(message.topic.as_bytes());
        message.headers.iter().for_each(|(name, value)| checksum.add_len(name.len() * value.len()));
        checksum.add_len(message.payload.len());
        checksum.add(message.payload.last().copied().map_or(0, u64::from));
    }
}
