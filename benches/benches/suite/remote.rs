//! Blocks that another thread frees: by one consumer (a channel) and by many (work-stealing deques).

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use crossbeam_deque::{Injector, Steal};

use super::case::Suite;

type Block = Box<[u64; 8]>;

/// Blocks of one turn: enough that starting threads costs nothing beside them.
const BLOCKS: u64 = 50_000;

pub(crate) fn all(suite: &mut Suite) {
    let mut case = |name: String, work: Box<dyn Fn(u64)>| {
        suite.timed(name, BLOCKS as usize, move |turns| timed(|| work(turns * BLOCKS)));
    };
    case("remote/one consumer".to_owned(), Box::new(one));
    case("remote/batches of 128".to_owned(), Box::new(|blocks| batches(blocks / 128)));
    for consumers in [1, 2, 4] {
        let work = Box::new(move |blocks| many(blocks, consumers));
        case(format!("remote/consumers that steal/{consumers}"), work);
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn block(number: u64) -> Block {
    black_box(Box::new([number; 8]))
}

fn one(blocks: u64) {
    let (sender, receiver) = bounded::<Block>(1_024);
    thread::scope(|scope| {
        scope.spawn(move || receiver.iter().for_each(drop));
        (0..blocks).for_each(|number| sender.send(block(number)).expect("the consumer waits for the end"));
        drop(sender);
    });
}

fn batches(count: u64) {
    let (sender, receiver) = bounded::<Vec<Block>>(16);
    thread::scope(|scope| {
        scope.spawn(move || receiver.iter().for_each(drop));
        (0..count).for_each(|_| {
            sender.send((0..128).map(block).collect()).expect("the consumer waits for the end")
        });
        drop(sender);
    });
}

/// The queue ends with one `None` for each consumer.
fn many(blocks: u64, consumers: usize) {
    let queue: Injector<Option<Block>> = Injector::new();
    thread::scope(|scope| {
        (0..consumers).for_each(|_| {
            scope.spawn(|| free_until_end(&queue));
        });
        (0..blocks).for_each(|number| queue.push(Some(block(number))));
        (0..consumers).for_each(|_| queue.push(None));
    });
}

fn free_until_end(queue: &Injector<Option<Block>>) {
    loop {
        match queue.steal() {
            Steal::Success(Some(block)) => drop(block),
            Steal::Success(None) => return,
            Steal::Empty | Steal::Retry => thread::yield_now(),
        }
    }
}
