//! Everything at once: threads that come and go, forks, and the recorder switched on and off all the while.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;

use strata_profile::{Profile, recorder};
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

const THREADS: usize = 32;
const ROUNDS: u64 = 30;

/// Blocks of all kinds, each with its own pattern; half of them go to another thread.
fn churn(seed: usize, stop: &AtomicBool, pass_on: &mpsc::Sender<Vec<u8>>, passed: &mpsc::Receiver<Vec<u8>>) {
    let mut random = seed as u64 + 1;
    let mut held: Vec<Vec<u8>> = Vec::new();
    while !stop.load(Relaxed) {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bits = (random >> 33) as usize;
        let size = match bits % 64 {
            0 => 1 << 20,
            1..4 => 100_000,
            _ => bits % 3000 + 1,
        };
        let mut block = vec![size as u8; size];
        if bits.is_multiple_of(7) {
            block.resize(2 * size, size as u8);
        }
        if bits.is_multiple_of(5) {
            let _ = pass_on.send(block);
        } else {
            held.push(block);
        }
        if held.len() > 64 {
            held.swap_remove(bits % 64);
        }
        for block in passed.try_iter().take(4) {
            assert!(block.iter().all(|byte| *byte == block[0]), "a block was written to by another");
        }
    }
}

/// A child that allocates, profiles, and ends; whether it did so well.
fn fork_and_allocate() -> bool {
    // SAFETY: the child allocates only, which this allocator allows after `fork`, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        recorder::start(1);
        let blocks: Vec<_> = (1..500).map(|size| black_box(vec![1_u8; size])).collect();
        let ok = blocks.iter().all(|block| block.iter().all(|byte| *byte == 1));
        drop(blocks);
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(if ok { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: waits for the child that was just made.
    child > 0 && unsafe { libc::waitpid(child, &raw mut status, 0) } == child && status == 0
}

#[test]
fn threads_forks_and_switches_at_once() {
    let stop = AtomicBool::new(false);
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel()).unzip();
    thread::scope(|scope| {
        for (number, passed) in receivers.into_iter().enumerate() {
            let (pass_on, stop) = (senders[(number + 1) % THREADS].clone(), &stop);
            scope.spawn(move || churn(number, stop, &pass_on, &passed));
        }
        for round in 0..ROUNDS {
            assert!(recorder::start(if round % 3 == 0 { 1 } else { 4096 << (round % 5) }));
            let short_lived =
                thread::spawn(|| (1..2000).map(|size| vec![0_u8; size % 400 + 1].len()).sum::<usize>());
            short_lived.join().unwrap();
            if round % 10 == 0 {
                assert!(fork_and_allocate(), "the child of round {round}");
            }
            let profile = Profile::take();
            assert!(
                profile.sites.iter().all(|site| site.bytes != 0 && site.freed <= site.allocated),
                "round {round}"
            );
            if round % 2 == 0 {
                recorder::stop();
            }
        }
        stop.store(true, Relaxed);
    });
    recorder::stop();
    drop(black_box(vec![0_u8; 100_000]));
    assert!(Profile::take().allocated().bytes > 0.0);
}
