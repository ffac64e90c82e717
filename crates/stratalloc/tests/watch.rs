//! Watches: called outside of the allocator, once for each crossing, on a thread of their own that is deaf to signals.
//!
//! A process has one watcher, and its memory is what is measured, so each test runs in a child.

#[allow(dead_code, reason = "each test file uses its part")]
mod process;

use process::{MIB, alone, child_for, expect_code, limit, status_bytes};
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use stratalloc::Strata;
use stratalloc::watch::{self, Crossing, Measure, Threshold, Watch, WatchError};

#[global_allocator]
static GLOBAL: Strata = Strata;

/// A check comes every 100 ms; a busy machine takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Some checks.
const A_WHILE: Duration = Duration::from_millis(400);

fn grown(bytes: usize) -> Vec<u8> {
    std::hint::black_box(vec![1; bytes])
}

/// A watch that reports each of its crossings.
fn reported(threshold: Threshold) -> (Watch, mpsc::Receiver<Crossing>) {
    let (report, reports) = mpsc::channel();
    let watch = watch::at(threshold, move |crossing| report.send(*crossing).unwrap()).unwrap();
    (watch, reports)
}

fn resident_bytes() -> u64 {
    status_bytes("VmRSS:") as u64
}

/// The directory in `/proc` of the watcher's thread.
fn watcher() -> Option<std::path::PathBuf> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let is_watcher = |task: &std::path::PathBuf| {
        fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "strata-watch\n")
    };
    tasks.into_iter().find(is_watcher)
}

/// A line of the watcher's status.
fn watcher_status(name: &str) -> String {
    let text = fs::read_to_string(watcher().unwrap().join("status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().to_owned()
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn each_crossing_of_resident_memory_is_told_once() {
    alone("each_crossing_of_resident_memory_is_told_once", || {
        let height = resident_bytes() + 64 * MIB as u64;
        let (_watch, reports) = reported(Threshold::resident().bytes(height));
        for _ in 0..2 {
            assert!(reports.recv_timeout(A_WHILE).is_err());
            let block = grown(80 * MIB);
            let crossing = reports.recv_timeout(PATIENCE).unwrap();
            assert_eq!((crossing.measure(), crossing.threshold_bytes()), (Measure::Resident, height));
            assert!(crossing.bytes() >= height && crossing.limit_bytes().is_none());
            let more = grown(80 * MIB);
            assert!(reports.recv_timeout(A_WHILE).is_err(), "one crossing was told twice");
            drop((block, more));
            Strata::trim();
        }
    });
}

#[test]
fn what_the_allocator_holds_is_a_measure_of_its_own() {
    alone("what_the_allocator_holds_is_a_measure_of_its_own", || {
        let height = Strata::stats().resident_bytes + 64 * MIB as u64;
        let (_watch, reports) = reported(Threshold::held().bytes(height));
        assert!(reports.recv_timeout(A_WHILE).is_err());
        let blocks: Vec<Vec<u8>> = (0..80_000).map(|_| grown(1000)).collect();
        let crossing = reports.recv_timeout(PATIENCE).unwrap();
        assert!(crossing.bytes() >= height && crossing.measure() == Measure::Held);
        drop(blocks);
    });
}

#[test]
#[cfg_attr(strata_simulated, ignore = "the simulated system has the limits that a test sets")]
#[cfg_attr(strata_tsan, ignore = "the sanitizer's own memory is what the limit and the measure count")]
fn a_share_of_a_limit_is_followed_by_what_the_limit_counts() {
    alone("a_share_of_a_limit_is_followed_by_what_the_limit_counts", || {
        let (_watch, reports) = reported(Threshold::counted().share_of_limit(0.8));
        assert!(reports.recv_timeout(A_WHILE).is_err());
        let bytes = status_bytes("VmData:") + 800 * MIB;
        limit(libc::RLIMIT_DATA, Some(bytes));
        assert!(reports.recv_timeout(A_WHILE).is_err());
        // Not touched: data, but not resident.
        let block = Vec::<u8>::with_capacity(bytes * 85 / 100);
        let crossing = reports.recv_timeout(PATIENCE).unwrap();
        assert_eq!(crossing.limit_bytes(), Some(bytes as u64));
        assert_eq!(crossing.threshold_bytes(), (bytes as f64 * 0.8) as u64);
        assert!(resident_bytes() < 400 * MIB as u64);
        drop(block);
    });
}

#[test]
#[cfg_attr(strata_tsan, ignore = "the sanitizer's own memory is what the limit and the measure count")]
fn a_share_of_the_smallest_limit_is_one_of_resident_memory_too() {
    alone("a_share_of_the_smallest_limit_is_one_of_resident_memory_too", || {
        limit(libc::RLIMIT_DATA, Some(1024 * MIB));
        let (_watch, reports) = reported(Threshold::resident().share_of_limit(0.25));
        assert!(reports.recv_timeout(A_WHILE).is_err());
        let block = grown(300 * MIB);
        let crossing = reports.recv_timeout(PATIENCE).unwrap();
        assert!(crossing.limit_bytes().is_some_and(|limit| limit <= 1024 * MIB as u64));
        drop(block);
    });
}

#[test]
fn callbacks_run_on_one_thread_that_is_deaf_to_signals() {
    alone("callbacks_run_on_one_thread_that_is_deaf_to_signals", || {
        assert_eq!(watcher(), None);
        let (here, there) = (mpsc::channel(), mpsc::channel());
        let watches = [here.0, there.0].map(|report| {
            watch::at(Threshold::resident().bytes(1), move |_| {
                let own = fs::read_to_string("/proc/thread-self/comm").unwrap();
                report.send((std::thread::current().id(), own)).unwrap();
            })
        });
        let (one, name) = here.1.recv_timeout(PATIENCE).unwrap();
        assert_eq!((there.1.recv_timeout(PATIENCE).unwrap().0, &*name), (one, "strata-watch\n"));
        let blocked = u64::from_str_radix(&watcher_status("SigBlk:"), 16).unwrap();
        let of = |signal: i32| 1_u64 << (signal - 1);
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1, libc::SIGCHLD, libc::SIGPROF]
        {
            assert!(blocked & of(signal) != 0, "signal {signal} would reach the watcher");
        }
        assert!(watches.iter().all(Result::is_ok));
    });
}

#[test]
fn without_a_watch_the_thread_sleeps() {
    alone("without_a_watch_the_thread_sleeps", || {
        let (watch, reports) = reported(Threshold::resident().bytes(1));
        reports.recv_timeout(PATIENCE).unwrap();
        let wakes = || watcher_status("voluntary_ctxt_switches:").parse::<u64>().unwrap();
        let before = wakes();
        wait_until("checks while there is a watch", || wakes() > before + 2);
        drop(watch);
        std::thread::sleep(A_WHILE);
        let before = wakes();
        std::thread::sleep(3 * A_WHILE);
        assert_eq!(wakes(), before, "an idle process is woken");
        let (_watch, reports) = reported(Threshold::resident().bytes(1));
        reports.recv_timeout(PATIENCE).unwrap();
    });
}

#[test]
fn a_callback_may_allocate_and_change_the_watches() {
    alone("a_callback_may_allocate_and_change_the_watches", || {
        static KEPT: Mutex<Vec<Watch>> = Mutex::new(Vec::new());
        let (report, reports) = mpsc::channel();
        let mut kept = KEPT.lock().unwrap();
        let captured = Arc::new(());
        let theirs = Arc::clone(&captured);
        let first = watch::at(Threshold::resident().bytes(1), move |crossing| {
            let text: Vec<String> = (0..10_000).map(|number| format!("{number} {crossing:?}")).collect();
            let mut kept = KEPT.lock().unwrap();
            // Drops this very watch.
            kept.clear();
            let report = report.clone();
            let second =
                watch::at(Threshold::held().bytes(1), move |_| report.send(text.len()).unwrap()).unwrap();
            kept.push(second);
            let _captured = &theirs;
        });
        kept.push(first.unwrap());
        drop(kept);
        assert_eq!(reports.recv_timeout(PATIENCE), Ok(10_000));
        assert_eq!(Arc::strong_count(&captured), 1, "what the dropped watch captured is still there");
        KEPT.lock().unwrap().clear();
    });
}

#[test]
fn watches_are_counted_and_what_is_none_is_refused() {
    alone("watches_are_counted_and_what_is_none_is_refused", || {
        let add = || watch::at(Threshold::resident().bytes(u64::MAX), |_| ());
        let watches: Vec<Watch> = (0..32).map(|_| add().unwrap()).collect();
        assert_eq!(add().err(), Some(WatchError::TooMany));
        drop(watches);
        add().unwrap().keep_for_ever();
        let nothing = watch::at(Threshold::resident().share_of_limit(1.5), |_| ());
        assert_eq!(nothing.err(), Some(WatchError::NoThreshold));
    });
}

#[test]
fn threads_that_add_and_drop_watches_do_not_disturb_those_that_stay() {
    alone("threads_that_add_and_drop_watches_do_not_disturb_those_that_stay", || {
        watch::set_interval(Duration::from_millis(1));
        static CALLS: AtomicU64 = AtomicU64::new(0);
        let (alive, stop) = (Arc::new(()), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while stop.load(SeqCst) == 0 {
                        let alive = Arc::clone(&alive);
                        let watch = watch::at(Threshold::resident().bytes(1), move |_| {
                            CALLS.fetch_add(Arc::strong_count(&alive).min(1) as u64, SeqCst);
                        });
                        std::thread::sleep(Duration::from_micros(300));
                        drop(watch.unwrap());
                    }
                });
            }
            wait_until("calls", || CALLS.load(SeqCst) >= 1000);
            stop.store(1, SeqCst);
        });
        wait_until("every closure is dropped", || Arc::strong_count(&alive) == 1);
    });
}

#[test]
fn the_child_of_a_fork_is_watched_once_it_asks() {
    alone("the_child_of_a_fork_is_watched_once_it_asks", || {
        static CALLS: AtomicU64 = AtomicU64::new(0);
        let height = resident_bytes() + 64 * MIB as u64;
        let _watch =
            watch::at(Threshold::resident().bytes(height), |_| _ = CALLS.fetch_add(1, SeqCst)).unwrap();
        wait_until("the watcher is there", || watcher().is_some());
        // SAFETY: the child allocates and starts a thread, which is what is tested.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let block = grown(80 * MIB);
            let before = watcher().is_none();
            std::thread::sleep(A_WHILE);
            let unasked = CALLS.load(SeqCst) == 0;
            let resumed = watch::resume().is_ok();
            wait_until("the child's watch is called", || CALLS.load(SeqCst) == 1);
            let well = before && unasked && resumed && watcher().is_some();
            drop(block);
            // SAFETY: ends the child, with all that runs at exit.
            unsafe { libc::exit(i32::from(!well)) };
        }
        let mut status = 0;
        // SAFETY: a child of ours.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "status {status:#x}");
        assert_eq!(CALLS.load(SeqCst), 0, "the parent has not grown");
    });
}

#[test]
fn a_callback_may_end_the_process() {
    let name = "a_callback_may_end_the_process";
    if std::env::var_os("STRATA_TEST_CHILD").is_some_and(|child| child == name) {
        let _watch = watch::at(Threshold::resident().bytes(1), |_| std::process::exit(42)).unwrap();
        std::thread::sleep(PATIENCE);
        return;
    }
    expect_code(child_for(name).spawn().unwrap(), 42);
}

#[test]
fn a_process_may_end_while_a_callback_takes_long() {
    alone("a_process_may_end_while_a_callback_takes_long", || {
        let (begun, has_begun) = mpsc::channel();
        let watch = watch::at(Threshold::resident().bytes(1), move |_| {
            begun.send(()).unwrap();
            std::thread::sleep(100 * PATIENCE);
        });
        has_begun.recv_timeout(PATIENCE).unwrap();
        drop(watch.unwrap());
    });
}
