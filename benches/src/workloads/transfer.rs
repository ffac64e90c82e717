//! `producer_consumer` and `all_to_all`: blocks that are freed by another thread than the one that allocated them.
//!
//! Blocks travel in batches, so that the queues cost little beside them. One thread alone sends to itself: the same work
//! without a single remote free, which is what the throughput of several threads is compared with.

use std::hint::black_box;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::{Job, Kind, Outcome, Settings, Threads, Workload, together};

pub(super) const PRODUCER_CONSUMER: Workload = Workload {
    name: "producer_consumer",
    stands_for: "pairs of threads: one allocates, the other frees",
    kind: Kind::Scaling,
    threads: Threads::Many,
    prepare: |settings| prepare(settings, producer_consumer),
};

pub(super) const ALL_TO_ALL: Workload = Workload {
    name: "all_to_all",
    stands_for: "threads that send blocks to all others in turn",
    kind: Kind::Scaling,
    threads: Threads::Many,
    prepare: |settings| prepare(settings, all_to_all),
};

const BATCHES: usize = 500_000;
const BLOCKS: usize = 64;
const IN_FLIGHT: usize = 64;

type Batch = Vec<Box<[u8]>>;
type Pattern = fn(threads: usize, batches: usize) -> Outcome;

fn prepare(settings: &Settings, pattern: Pattern) -> Job {
    let (threads, batches) = (settings.threads, settings.count(BATCHES));
    Box::new(move || pattern(threads, batches))
}

/// 16 to 520 bytes, a different mixture each time.
fn batch(number: usize) -> Batch {
    let bytes = |index: usize| 16 + (number * 7 + index * 13) % 64 * 8;
    (0..BLOCKS).map(|index| vec![index as u8; bytes(index)].into_boxed_slice()).collect()
}

fn free(batch: Batch) -> u64 {
    batch.iter().map(|block| block.len() as u64 + u64::from(block[0])).sum()
}

/// The total of `batches` is shared out among the pairs.
fn producer_consumer(threads: usize, batches: usize) -> Outcome {
    if threads == 1 {
        return alone(batches);
    }
    let pairs = threads / 2;
    let queues: Vec<_> = (0..pairs).map(|_| bounded::<Batch>(IN_FLIGHT)).collect();
    let share = batches.div_ceil(pairs);
    let (sums, wall) = together::run(pairs * 2, |thread| {
        let (sender, receiver) = &queues[thread / 2];
        if thread % 2 == 0 { produce(sender, share) } else { receiver.iter().take(share).map(free).sum() }
    });
    Outcome { wall: Some(wall), ..Outcome::new(per_batch(&sums, share * pairs), share * pairs * BLOCKS) }
}

fn alone(batches: usize) -> Outcome {
    let (sums, wall) = together::run(1, |_| (0..batches).map(|number| free(black_box(batch(number)))).sum());
    Outcome { wall: Some(wall), ..Outcome::new(per_batch(&sums, batches), batches * BLOCKS) }
}

fn produce(sender: &Sender<Batch>, batches: usize) -> u64 {
    for number in 0..batches {
        sender.send(batch(number)).expect("the queue lives as long as the threads");
    }
    0
}

/// Each thread sends its share in turn to all threads, itself included, and frees what comes.
fn all_to_all(threads: usize, batches: usize) -> Outcome {
    // A multiple of the threads: then each also gets as much as it sends.
    let share = batches.div_ceil(threads * threads) * threads;
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..threads).map(|_| unbounded::<Batch>()).unzip();
    let (sums, wall) = together::run(threads, |own| exchange(own, share, &senders, &receivers[own]));
    Outcome { wall: Some(wall), ..Outcome::new(per_batch(&sums, share * threads), share * threads * BLOCKS) }
}

fn exchange(own: usize, share: usize, senders: &[Sender<Batch>], inbox: &Receiver<Batch>) -> u64 {
    let (mut sum, mut received) = (0, 0);
    for number in 0..share {
        let other = (own + number) % senders.len();
        senders[other].send(batch(number)).expect("the queues live as long as the threads");
        // A thread that is far ahead waits for the others. The one that has sent least never waits: more than it has sent is
        // on its way to it.
        while number > received + IN_FLIGHT + 2 * senders.len() {
            sum += inbox.recv().map_or(0, free);
            received += 1;
        }
        for batch in inbox.try_iter() {
            sum += free(batch);
            received += 1;
        }
    }
    sum + inbox.iter().take(share - received).map(free).sum::<u64>()
}

/// The threads' shares are rounded up, so the sum depends on their number; it is the same for every allocator.
fn per_batch(sums: &[u64], batches: usize) -> u64 {
    sums.iter().sum::<u64>() ^ batches as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_sent_is_freed_whatever_the_number_of_threads() {
        let expected = |batches: usize| (0..batches).map(|number| free(batch(number))).sum::<u64>();
        for threads in [1, 2, 3, 4] {
            let outcome = all_to_all(threads, 90);
            let share = 90_usize.div_ceil(threads * threads) * threads;
            assert_eq!(outcome.checksum, (expected(share) * threads as u64) ^ (share * threads) as u64);
        }
    }

    #[test]
    fn pairs_share_the_batches_out() {
        let [alone, two, four] = [1, 2, 4].map(|threads| producer_consumer(threads, 300).operations);
        assert_eq!([alone, two, four], [300 * BLOCKS as u64; 3]);
    }
}
