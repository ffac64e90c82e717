//! `fork` while other threads allocate: the child has one thread, and whatever the others were in the middle of.

#[allow(dead_code, reason = "each test file uses its part")]
mod bare;
mod churn;
#[allow(dead_code, reason = "each test file uses its part")]
mod patterned;
#[allow(dead_code, reason = "each test file uses its part")]
mod process;
mod random;
#[allow(dead_code, reason = "each test file uses its part")]
mod spin;

use bare::in_bare_thread;
use churn::churn;
use patterned::{Patterned, layout};
use process::is_slow;
use random::Random;
use spin::SpinLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

const THREADS: usize = 8;

/// How often a child is made of the busy process.
fn forks() -> u64 {
    if is_slow() { 60 } else { 300 }
}

/// A child needs milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// What keeps every part of the allocator busy until told to stop; some blocks go to the forking thread.
fn allocate_until(stop: &AtomicBool, seed: u64, shared: &SpinLock<Vec<Patterned>>) {
    let mut random = Random::new(seed);
    let mut own = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let size = match random.below(20_000) {
            0 => random.between(2 << 20, 4 << 20),
            1..40 => random.between(32 << 10, 1 << 20),
            _ => random.between(1, 2000),
        };
        own.extend(Patterned::new(layout(size, 8), seed));
        if own.len() > 500 {
            let victim = random.below(own.len());
            own.swap_remove(victim).free();
        }
        if random.once_in(500) {
            // A handful is always there for the taking.
            let surplus = shared.with(|shared| {
                shared.extend(own.pop());
                if shared.len() > 200 { shared.pop() } else { None }
            });
            surplus.into_iter().for_each(Patterned::free);
        }
    }
    own.into_iter().for_each(Patterned::free);
}

/// What the child does; it must not touch a lock of the standard library that somebody may have held.
fn live_as_child(inherited: Vec<Patterned>, number: u64) {
    if number.is_multiple_of(16) {
        churn(number);
    }
    inherited.into_iter().for_each(Patterned::free);
    let mut blocks: Vec<_> =
        (0..1000).filter_map(|index| Patterned::new(layout(1 + index * 7 % 2000, 8), number)).collect();
    let others = blocks.split_off(500);
    blocks.into_iter().for_each(Patterned::free);
    in_bare_thread(move || {
        Patterned::zeroed(layout(40_000, 8), number).unwrap().free();
        others.into_iter().for_each(Patterned::free);
    });
}

fn expect_good_end(child: libc::pid_t) {
    let start = Instant::now();
    let mut status = 0;
    loop {
        // SAFETY: a child of ours.
        let ended = unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) };
        if ended == child {
            break;
        }
        if start.elapsed() > PATIENCE {
            // SAFETY: a child of ours.
            unsafe { libc::kill(child, libc::SIGKILL) };
            panic!("child {child} hangs");
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "child ended with status {status:#x}");
}

/// Forks; the child runs `body` and ends with 0, or with a signal if it panics.
fn forked(body: impl FnOnce()) -> libc::pid_t {
    // SAFETY: the child allocates, which is what is tested, and otherwise only makes system calls.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let well = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).is_ok();
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(!well)) };
    }
    child
}

#[test]
fn a_child_forked_under_load_can_allocate_and_free_at_once() {
    let stop = AtomicBool::new(false);
    let shared = SpinLock::new(Vec::new());
    std::thread::scope(|scope| {
        let (stop, shared) = (&stop, &shared);
        let threads: [_; THREADS] =
            std::array::from_fn(|thread| scope.spawn(move || allocate_until(stop, thread as u64, shared)));
        for number in 0..forks() {
            // Blocks of other threads, for the child to check and free; the parent does the same with its own copy.
            let taken: Vec<Patterned> = shared.with(|shared| {
                let count = shared.len().min(10);
                shared.drain(..count).collect()
            });
            let mut taken = Some(taken);
            let child = forked(|| live_as_child(taken.take().unwrap_or_default(), number));
            expect_good_end(child);
            taken.into_iter().flatten().for_each(Patterned::free);
        }
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    shared.with(std::mem::take).into_iter().for_each(Patterned::free);
}

#[test]
fn a_child_of_a_child_can_allocate_and_free() {
    let block = Patterned::new(layout(5000, 8), 1).unwrap();
    let mut block = Some(block);
    let child = forked(|| {
        churn(1);
        let grandchild = forked(|| {
            churn(2);
            block.take().into_iter().for_each(Patterned::free);
        });
        expect_good_end(grandchild);
        block.take().into_iter().for_each(Patterned::free);
    });
    expect_good_end(child);
    block.into_iter().for_each(Patterned::free);
}
