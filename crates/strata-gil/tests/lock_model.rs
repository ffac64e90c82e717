//! The mutex under loom: the very source of `src/lock.rs`, over a word whose sleepers loom schedules.
//!
//! Run with `RUSTFLAGS="--cfg strata_loom" cargo test --release -p strata-gil --test lock_model`.
//!
//! The kernel's promise is modelled as it is documented: reading the word and falling asleep are one step, and a wake
//! between two sleeps is not remembered. Spinning is left out: it is a hint, and would only add schedules.
#![cfg(strata_loom)]

#[path = "../src/lock.rs"]
mod lock;

/// The names of `src/fork.rs` that the lock uses.
mod fork {
    pub(crate) fn register_once() {}
}

/// The names of `src/futex.rs`.
mod futex {
    use loom::sync::atomic::{AtomicU32, Ordering};
    use loom::sync::{Condvar, Mutex};

    pub(crate) const SPIN_COUNT: u32 = 0;

    pub(crate) struct Word {
        value: AtomicU32,
        kernel: Mutex<()>,
        wake: Condvar,
    }

    impl Word {
        pub(crate) fn new(value: u32) -> Self {
            Self { value: AtomicU32::new(value), kernel: Mutex::new(()), wake: Condvar::new() }
        }

        pub(crate) fn load(&self, order: Ordering) -> u32 {
            self.value.load(order)
        }

        pub(crate) fn swap(&self, value: u32, order: Ordering) -> u32 {
            self.value.swap(value, order)
        }

        pub(crate) fn replace(&self, from: u32, to: u32, order: Ordering) -> bool {
            self.value.compare_exchange(from, to, order, Ordering::Relaxed).is_ok()
        }

        pub(crate) fn wait(&self, expected: u32) {
            let kernel = self.kernel.lock().unwrap();
            if self.value.load(Ordering::Relaxed) == expected {
                drop(self.wake.wait(kernel).unwrap());
            }
        }

        pub(crate) fn wake_one(&self) {
            let _kernel = self.kernel.lock().unwrap();
            self.wake.notify_one();
        }
    }
}

use lock::{Lock, UNTOUCHED};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

struct Counter {
    lock: Lock,
    // loom reports two accesses that no edge orders.
    count: UnsafeCell<u32>,
}

// SAFETY: `count` is touched with the lock held; loom checks that this is enough.
unsafe impl Sync for Counter {}
// SAFETY: a number has no home.
unsafe impl Send for Counter {}

impl Counter {
    fn new() -> Arc<Self> {
        Arc::new(Self { lock: Lock::over(futex::Word::new(UNTOUCHED)), count: UnsafeCell::new(0) })
    }

    fn step(&self) {
        let _held = self.lock.acquire();
        // SAFETY: the lock is held.
        self.count.with_mut(|count| unsafe { *count += 1 });
    }
}

fn steps_add_up(threads: u32, steps: u32) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let counter = Counter::new();
        let others: Vec<_> = (1..threads)
            .map(|_| {
                let counter = counter.clone();
                thread::spawn(move || (0..steps).for_each(|_| counter.step()))
            })
            .collect();
        (0..steps).for_each(|_| counter.step());
        others.into_iter().for_each(|other| other.join().unwrap());
        counter.step();
        // SAFETY: the other threads ended.
        assert_eq!(counter.count.with(|count| unsafe { *count }), threads * steps + 1);
    });
}

#[test]
fn two_threads_never_overlap_and_both_come_to_an_end() {
    steps_add_up(2, 2);
}

#[test]
fn three_threads_never_overlap_and_no_sleeper_is_forgotten() {
    steps_add_up(3, 1);
}
