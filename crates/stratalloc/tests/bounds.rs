//! How much unused memory is held: never more than is stated, whichever thread frees or sleeps.
//!
//! Memory is a process's, so each test runs in a child. Under ThreadSanitizer, whose own memory is among it, only the
//! work is done.

#[allow(dead_code, reason = "each test file uses its part")]
mod patterned;
#[allow(dead_code, reason = "each test file uses its part")]
mod process;
#[allow(dead_code, reason = "each test file uses its part")]
mod random;

use patterned::{Patterned, layout};
use process::{KIB, MIB, alone, is_sanitized, resident_bytes};
use random::Random;
use std::sync::Barrier;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

/// What a thread's share of magazines (flush.rs F1), its active pools and the program itself take.
const A_THREAD: usize = 2 * MIB;

fn mixed_size(random: &mut Random) -> usize {
    match random.below(100) {
        0 => random.between(8 * KIB, 30 * KIB),
        1..10 => random.between(KIB, 8 * KIB),
        _ => random.between(16, KIB),
    }
}

/// Holds `live` bytes of mixed objects, gives a random one of them to the consumer for each new one, for `time`.
fn produce_for(consumer_only_frees: &str, live: usize, time: Duration) {
    let before = resident_bytes();
    let (sender, receiver) = sync_channel::<Vec<Patterned>>(16);
    let (mut objects, mut held, mut made) = (Vec::with_capacity(live / 100), 0, 0_u64);
    let mut random = Random::new(3);
    let mut after = 0;
    std::thread::scope(|scope| {
        scope.spawn(move || receiver.into_iter().flatten().for_each(Patterned::free));
        let start = Instant::now();
        while start.elapsed() < time {
            let mut old = Vec::with_capacity(256);
            while old.len() < 256 {
                let object = Patterned::new(layout(mixed_size(&mut random), 8), made).unwrap();
                held += object.size();
                made += 1;
                objects.push(object);
                if held > live {
                    let index = random.below(objects.len());
                    let gone: Patterned = objects.swap_remove(index);
                    held -= gone.size();
                    old.push(gone);
                }
            }
            sender.send(old).unwrap();
        }
        after = resident_bytes();
        drop(sender);
    });
    // The list's own memory, as far as it was ever touched.
    let book_keeping = objects.len() * size_of::<Patterned>();
    let kept = after - before - book_keeping;
    let ratio = kept as f64 / held as f64;
    println!("  {consumer_only_frees}: {made} objects, {} MiB live, resident {ratio:.3} × that", held / MIB);
    assert!(is_sanitized() || kept <= held + held / 4 + 12 * MIB, "{ratio} × live");
    objects.into_iter().for_each(Patterned::free);
}

#[test]
fn a_consumer_that_only_frees_keeps_little_back() {
    alone("a_consumer_that_only_frees_keeps_little_back", || {
        produce_for("a consumer that only frees", 64 * MIB, Duration::from_secs(6));
    });
}

/// The full size of the promise; by hand, for as many seconds as `STRATA_TEST_SECONDS` says.
#[test]
#[ignore = "takes minutes"]
fn a_consumer_that_only_frees_keeps_little_of_370_mib_back() {
    alone("a_consumer_that_only_frees_keeps_little_of_370_mib_back", || {
        let seconds = std::env::var("STRATA_TEST_SECONDS").ok().and_then(|text| text.parse().ok());
        let time = Duration::from_secs(seconds.unwrap_or(180));
        produce_for("a consumer that only frees", 370 * MIB, time);
    });
}

fn build_and_drop(bytes: usize, seed: u64) {
    let (mut random, mut held) = (Random::new(seed), 0);
    let mut objects = Vec::new();
    while held < bytes {
        let object = Patterned::new(layout(mixed_size(&mut random), 8), seed).unwrap();
        held += object.size();
        objects.push(object);
    }
    objects.into_iter().for_each(Patterned::free);
}

/// Goes on allocating a little, as a program does, until the purge delay has passed twice.
fn go_on() {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(900) {
        Patterned::new(layout(100 * KIB, 8), 0).unwrap().free();
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_sleeping_pool_of_threads_keeps_only_its_bound() {
    const THREADS: usize = 8;
    alone("a_sleeping_pool_of_threads_keeps_only_its_bound", || {
        let before = resident_bytes();
        let asleep = &Barrier::new(THREADS + 1);
        std::thread::scope(|scope| {
            for seed in 0..THREADS {
                scope.spawn(move || {
                    build_and_drop(32 * MIB, seed as u64);
                    asleep.wait();
                    asleep.wait();
                });
            }
            asleep.wait();
            go_on();
            let kept = resident_bytes() - before;
            println!("  {THREADS} sleeping threads keep {} KiB back", kept / KIB);
            assert!(is_sanitized() || kept < THREADS * A_THREAD, "{kept} bytes");
            asleep.wait();
        });
    });
}

#[test]
fn a_sleeping_pool_of_threads_keeps_only_its_bound_of_what_others_hold() {
    const THREADS: usize = 8;
    alone("a_sleeping_pool_of_threads_keeps_only_its_bound_of_what_others_hold", || {
        let before = resident_bytes();
        let asleep = &Barrier::new(THREADS + 1);
        std::thread::scope(|scope| {
            let mut lists = Vec::new();
            for seed in 0..THREADS {
                let (sender, receiver) = sync_channel(1);
                lists.push(receiver);
                scope.spawn(move || {
                    let mut random = Random::new(seed as u64);
                    let new = |_| Patterned::new(layout(mixed_size(&mut random), 8), 1).unwrap();
                    sender.send((0..40_000).map(new).collect::<Vec<_>>()).unwrap();
                    asleep.wait();
                    asleep.wait();
                });
            }
            asleep.wait();
            // The sleepers' pools are emptied by this thread.
            let lists: Vec<_> = lists.into_iter().map(|list| list.recv().unwrap()).collect();
            let live: usize = lists.iter().flatten().map(Patterned::size).sum();
            lists.into_iter().flatten().for_each(Patterned::free);
            go_on();
            let kept = resident_bytes() - before;
            println!("  of {} MiB that others freed, {THREADS} sleepers keep {} KiB", live / MIB, kept / KIB);
            assert!(is_sanitized() || kept < THREADS * A_THREAD, "{kept} bytes");
            asleep.wait();
        });
    });
}

#[test]
fn memory_comes_back_after_a_burst_while_allocations_go_on() {
    alone("memory_comes_back_after_a_burst_while_allocations_go_on", || {
        let before = resident_bytes();
        let objects: Vec<_> =
            (0..300_000).map(|seed| Patterned::new(layout(900, 8), seed).unwrap()).collect();
        let large: Vec<_> = (0..40).map(|seed| Patterned::new(layout(3 * MIB, 8), seed).unwrap()).collect();
        let burst = resident_bytes() - before;
        objects.into_iter().chain(large).for_each(Patterned::free);
        go_on();
        let kept = resident_bytes().saturating_sub(before);
        println!("  of a burst of {} MiB {} KiB are kept", burst / MIB, kept / KIB);
        assert!(is_sanitized() || burst > 300 * MIB && kept < A_THREAD, "{kept} bytes");
    });
}
