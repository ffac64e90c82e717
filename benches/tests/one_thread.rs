//! Workloads that say they need one thread start none: allocators without a lock run them.
//!
//! One test in a process of its own, so that the number of threads is the workload's doing.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use strata_benches::workloads::{self, Settings, Threads};

fn threads_now() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

#[test]
fn a_workload_of_one_thread_starts_none() {
    let (over, most) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                most.fetch_max(threads_now(), Ordering::Relaxed);
            }
        });
        let before = threads_now();
        for workload in workloads::all().filter(|workload| workload.threads == Threads::One) {
            most.store(0, Ordering::Relaxed);
            let job = (workload.prepare)(&Settings { scale: 0.01, ..Settings::default() });
            job();
            let seen = most.load(Ordering::Relaxed).max(threads_now());
            assert!(seen <= before, "{} made {before} threads {seen}", workload.name);
        }
        over.store(true, Ordering::Relaxed);
    });
}
