//! Every k-th call to the OS fails, once: null or success, then full recovery, contents intact, nothing lost.
//!
//! ```text
//!   parent   for page size, for length of the failure, for k: starts a child, until the child makes fewer than k calls
//!   child    before main, before anything was allocated: plans the failure, works, checks the outcome, ends
//! ```
//!
//! The child never reaches `main`: the standard library's own first allocations would meet the failure and end it.
#![cfg(strata_simulated)]

#[allow(dead_code, reason = "each test file uses its part")]
mod bare;
#[allow(dead_code, reason = "each test file uses its part")]
mod patterned;
#[allow(dead_code, reason = "each test file uses its part")]
mod process;
mod random;

use bare::in_bare_thread;
use patterned::{Patterned, layout};
use process::{KIB, MIB, alone};
use random::Random;
use std::ffi::CStr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use strata_cache::thread::{RUNTIME, cache};
use strata_os::simulated::{calls, fail_from, fail_never, set_page_size};
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

/// How a child says that the workload makes fewer calls than it should have failed.
const NO_SUCH_CALL: i32 = 3;

/// What a child is told: `k count page`.
const PLAN: &CStr = c"STRATA_FAULT_PLAN";

/// A request that may have been refused.
struct Request {
    size: usize,
    align: usize,
    zeroed: bool,
    block: Option<Patterned>,
}

impl Request {
    const fn new(size: usize, align: usize, zeroed: bool) -> Self {
        Self { size, align, zeroed, block: None }
    }

    /// Gets the block, unless it is there already.
    fn meet(&mut self) {
        let layout = layout(self.size, self.align);
        if self.block.is_none() {
            let new = if self.zeroed { Patterned::zeroed } else { Patterned::new };
            self.block = new(layout, 1);
        }
    }

    /// As large as it becomes, or as it was.
    fn resize(&mut self, size: usize) {
        if let Some(block) = &mut self.block {
            let _ = block.resize(size, 2);
        }
    }

    fn free(&mut self) {
        self.block.take().into_iter().for_each(Patterned::free);
    }
}

fn requests() -> [Request; 16] {
    [
        Request::new(16, 8, false),
        Request::new(500, 8, true),
        Request::new(3000, 512, false),
        Request::new(5000, 8, true),
        Request::new(20_000, 4 * KIB, false),
        Request::new(100 * KIB, 8, false),
        Request::new(300 * KIB, 8, true),
        Request::new(1500 * KIB, MIB, false),
        Request::new(100, 64 * KIB, true),
        Request::new(2100 * KIB, 8, false),
        Request::new(2100 * KIB, 8, true),
        Request::new(2100 * KIB, 16 * KIB, false),
        Request::new(2100 * KIB, 4 * MIB, true),
        Request::new(1000, 8 * MIB, false),
        Request::new(2 * MIB, 8, true),
        Request::new(2200 * KIB, 128 * KIB, true),
    ]
}

/// Two arenas' worth of pools, then none.
fn use_and_drop_arenas() {
    let mut blocks = [const { None }; 260];
    blocks.iter_mut().for_each(|block| *block = Patterned::new(layout(32 * KIB, 8), 4));
    blocks.into_iter().flatten().for_each(Patterned::free);
}

fn workload(requests: &mut [Request]) {
    requests.iter_mut().for_each(Request::meet);
    for (index, size) in
        [(0, 2100 * KIB), (5, 200 * KIB), (6, 70 * KIB), (9, 5 * MIB), (10, 2090 * KIB), (11, 50)]
    {
        requests[index].resize(size);
    }
    use_and_drop_arenas();
    // Two passes apart, both due at once: free memory is purged.
    for _ in 0..3 {
        Request::new(100 * KIB, 8, false).meet_and_free();
    }
    let (mine, others) = requests.split_at_mut(8);
    in_bare_thread(move || {
        mine.iter_mut().step_by(2).for_each(Request::free);
        mine.iter_mut().for_each(Request::meet);
        Request::new(600, 8, true).meet_and_free();
    });
    others.iter_mut().step_by(2).for_each(Request::free);
    for _ in 0..3 {
        Request::new(2100 * KIB, 8, false).meet_and_free();
    }
}

impl Request {
    fn meet_and_free(mut self) {
        self.meet();
        self.free();
    }
}

/// Everything that was refused is to be had now, and all of it can be given back.
fn recover(requests: &mut [Request]) {
    for request in requests.iter_mut() {
        request.block.iter().for_each(Patterned::check);
        request.meet();
        assert!(request.block.is_some(), "refused after the failure");
    }
    requests.iter_mut().for_each(Request::free);
    expect_nothing_lost();
}

/// No pool, run, mapping or cache but the caller's own is in use.
fn expect_nothing_lost() {
    // SAFETY: the calling thread's own cache.
    unsafe { cache().collect() };
    RUNTIME.page_heap.purge_all();
    let snapshot = RUNTIME.page_heap.snapshot();
    let kept = (snapshot.used_pools, snapshot.large_blocks, snapshot.huge_blocks, snapshot.huge_kept_bytes);
    assert_eq!(kept, (0, 0, 0, 0), "pools, runs, mappings, bytes in the huge cache");
    assert_eq!(RUNTIME.registry.live(), 1, "caches");
}

extern "C" fn before_main() {
    // SAFETY: `PLAN` ends in a zero, and the environment does not change yet.
    let plan = unsafe { libc::getenv(PLAN.as_ptr()) };
    if plan.is_null() {
        return;
    }
    // SAFETY: a value of the environment, which ends in a zero.
    let plan = unsafe { CStr::from_ptr(plan) }.to_str().unwrap_or("");
    let mut numbers = plan.split(' ').filter_map(|number| number.parse::<u64>().ok());
    let [k, count, page] = std::array::from_fn(|_| numbers.next().unwrap());
    let code = fail_in_child(k, count, page as usize);
    // SAFETY: ends the child.
    unsafe { libc::_exit(code) };
}

fn fail_in_child(k: u64, count: u64, page: usize) -> i32 {
    set_page_size(page);
    RUNTIME.page_heap.tuning.purge_delay_ms.store(0, Ordering::Relaxed);
    // A purge thread would make calls at any time, and hold pools while they are counted.
    RUNTIME.page_heap.tuning.purge_thread.store(0, Ordering::Relaxed);
    let before = calls();
    fail_from(k, count);
    let mut requests = requests();
    workload(&mut requests);
    let made = calls() - before;
    fail_never();
    recover(&mut requests);
    if made < k { NO_SUCH_CALL } else { 0 }
}

#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = before_main;

/// Fails the k-th call for every k.
fn sweep(count: u64, page: usize) {
    for k in 1.. {
        let plan = format!("{k} {count} {page}");
        let mut child = Command::new(std::env::current_exe().unwrap());
        let output = child.env(PLAN.to_str().unwrap(), &plan).output().unwrap();
        match output.status.code() {
            Some(0) => {}
            Some(NO_SUCH_CALL) => {
                assert!(k > 30, "a workload of {k} calls is no test");
                println!("  pages of {} KiB, {count} failures: {} children", page >> 10, k);
                return;
            }
            _ => panic!("plan {plan}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)),
        }
    }
}

#[test]
#[cfg_attr(strata_tsan, ignore = "one thread: the sanitizer has nothing to see")]
fn any_one_call_may_fail() {
    [4096, 16384, 65536].into_iter().for_each(|page| sweep(1, page));
}

#[test]
#[cfg_attr(strata_tsan, ignore = "one thread: the sanitizer has nothing to see")]
fn any_three_calls_in_a_row_may_fail() {
    sweep(3, 4096);
}

#[test]
#[cfg_attr(strata_tsan, ignore = "one thread: the sanitizer has nothing to see")]
fn all_calls_from_any_one_on_may_fail() {
    sweep(u64::MAX, 4096);
}

/// Works until told to stop, whatever is refused.
fn work_whatever_fails(seed: u64, stop: &AtomicBool) {
    let mut random = Random::new(seed);
    let mut blocks = [const { None::<Patterned> }; 200];
    while !stop.load(Ordering::Relaxed) {
        let place = &mut blocks[random.below(200)];
        let size = [40, 4000, 30_000, 200 * KIB, MIB, 4 * MIB][random.below(6)] + random.below(40);
        *place = match place.take() {
            None if random.once_in(2) => Patterned::zeroed(layout(size, 8), seed),
            None => Patterned::new(layout(size, 1 << random.below(18)), seed),
            Some(mut block) if random.once_in(3) => {
                let _ = block.resize(size, seed);
                Some(block)
            }
            Some(block) => {
                block.free();
                None
            }
        };
    }
    blocks.into_iter().flatten().for_each(Patterned::free);
}

#[test]
fn threads_survive_failures_at_random_moments() {
    alone("threads_survive_failures_at_random_moments", || {
        RUNTIME.page_heap.tuning.purge_delay_ms.store(1, Ordering::Relaxed);
        let stop = &AtomicBool::new(false);
        std::thread::scope(|scope| {
            let threads: [_; 4] =
                std::array::from_fn(|seed| scope.spawn(move || work_whatever_fails(seed as u64, stop)));
            let mut random = Random::new(7);
            for _ in 0..2000 {
                fail_from(random.between(1, 30) as u64, random.between(1, 5) as u64);
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            fail_never();
            stop.store(true, Ordering::Relaxed);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        // SAFETY: the calling thread's own cache.
        unsafe { cache().collect() };
        let snapshot = RUNTIME.page_heap.snapshot();
        assert!(snapshot.large_blocks < 4 && snapshot.huge_blocks < 4, "{snapshot:?}");
    });
}
