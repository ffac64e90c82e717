//! Blocks that another thread frees: by one consumer (a channel) and by many (work-stealing deques).

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use crossbeam_channel::bounded;
use crossbeam_deque::{Injector, Steal};

type Block = Box<[u64; 8]>;

/// Blocks of one iteration: enough that starting threads costs nothing beside them.
const BLOCKS: u64 = 50_000;

pub(crate) fn all(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("remote");
    group.throughput(Throughput::Elements(BLOCKS));
    group.bench_function("one consumer", |bencher| {
        bencher.iter_custom(|rounds| timed(|| one(rounds * BLOCKS)))
    });
    group.bench_function("batches of 128", |bencher| {
        bencher.iter_custom(|rounds| timed(|| batches(rounds * BLOCKS / 128)));
    });
    for consumers in [1, 2, 4] {
        group.bench_function(BenchmarkId::new("consumers that steal", consumers), |bencher| {
            bencher.iter_custom(|rounds| timed(|| many(rounds * BLOCKS, consumers)));
        });
    }
    group.finish();
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
