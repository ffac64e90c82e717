//! Endurance, on request: 64 threads on two processors, blocks that others free, threads that come and go, forks, trims and signals, with
//! every block's contents verified. A line each minute, and a table at the end.
//!
//! ```sh
//! STRATA_ENDURANCE_SECONDS=3600 cargo test --profile checked -p stratalloc --test endurance -- --ignored --nocapture
//! ```

mod forked;
mod market;
#[allow(dead_code, reason = "each test file uses its part")]
mod patterned;
#[allow(dead_code, reason = "each test file uses its part")]
mod process;
#[allow(dead_code, reason = "each test file uses its part")]
mod random;
#[allow(dead_code, reason = "each test file uses its part")]
mod spin;

use forked::{expect_good_end, forked};
use market::Market;
use patterned::{Patterned, layout};
use process::{KIB, MIB, alone, alone_for, peak_resident_bytes, resident_bytes};
use random::Random;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

const THREADS: u64 = 64;
const PROCESSORS: usize = 2;
const MINUTE: Duration = Duration::from_secs(60);
/// Blocks that a thread has at most.
const OWN: usize = 400;
/// Blocks that wait for another thread at most.
const SHARED: usize = 4000;

/// How often what was done.
#[derive(Default)]
struct Counts {
    allocations: AtomicU64,
    bytes: AtomicU64,
    resizes: AtomicU64,
    crossed: AtomicU64,
    threads: AtomicU64,
    forks: AtomicU64,
    trims: AtomicU64,
}

static COUNTS: Counts = Counts {
    allocations: AtomicU64::new(0),
    bytes: AtomicU64::new(0),
    resizes: AtomicU64::new(0),
    crossed: AtomicU64::new(0),
    threads: AtomicU64::new(0),
    forks: AtomicU64::new(0),
    trims: AtomicU64::new(0),
};
static SIGNALS: AtomicU64 = AtomicU64::new(0);

extern "C" fn on_signal(_: libc::c_int) {
    SIGNALS.fetch_add(1, Relaxed);
}

fn count(what: &AtomicU64) {
    what.fetch_add(1, Relaxed);
}

fn any_size(random: &mut Random) -> usize {
    match random.below(10_000) {
        0 => random.between(2 * MIB, 6 * MIB),
        1..60 => random.between(32 * KIB, MIB),
        60..800 => random.between(2 * KIB, 32 * KIB),
        _ => random.between(1, 2 * KIB),
    }
}

/// Up to a granule's times four; now and then up to a pool's.
fn any_align(random: &mut Random) -> usize {
    1 << if random.once_in(64) { random.between(7, 16) } else { random.between(3, 6) }
}

/// Has this process run on as many processors as the test promises, as far as there are any.
fn share_processors() {
    // SAFETY: all zeros are an empty set.
    let mut there: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: writes the set.
    unsafe { libc::sched_getaffinity(0, size_of_val(&there), &raw mut there) };
    // SAFETY: all zeros are an empty set.
    let mut few: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: a number of a processor.
    let is_there = |number: &usize| unsafe { libc::CPU_ISSET(*number, &there) };
    let numbers = (0..libc::CPU_SETSIZE as usize).filter(is_there).take(PROCESSORS);
    // SAFETY: a number of a processor.
    numbers.for_each(|number| unsafe { libc::CPU_SET(number, &mut few) });
    // SAFETY: reads the set; threads to come inherit it.
    assert_eq!(unsafe { libc::sched_setaffinity(0, size_of_val(&few), &raw const few) }, 0);
}

/// What a thread does, again and again: every block is checked before it is freed or resized.
fn work(seed: u64, times: u64, shared: &Market) {
    let mut random = Random::new(seed);
    let mut own: Vec<Patterned> = Vec::new();
    for step in 0..times {
        let size = any_size(&mut random);
        let new = if random.once_in(8) { Patterned::zeroed } else { Patterned::new };
        own.extend(new(layout(size, any_align(&mut random)), step));
        count(&COUNTS.allocations);
        COUNTS.bytes.fetch_add(size as u64, Relaxed);
        if own.len() > OWN {
            let victim = random.below(own.len());
            own.swap_remove(victim).free();
        }
        if random.once_in(16) && !own.is_empty() {
            let index = random.below(own.len());
            let _ = own[index].resize(any_size(&mut random), step);
            count(&COUNTS.resizes);
        }
        if random.once_in(4) {
            let given = own.pop();
            let taken = shared.with(|shared| {
                shared.extend(given);
                let index = if shared.is_empty() { 0 } else { step as usize % shared.len() };
                (shared.len() > SHARED || step % 2 == 0 && !shared.is_empty())
                    .then(|| shared.swap_remove(index))
            });
            taken.into_iter().for_each(Patterned::free);
            count(&COUNTS.crossed);
        }
    }
    own.into_iter().for_each(Patterned::free);
}

/// A child that works for a moment.
fn fork_one(seed: u64) {
    expect_good_end(forked(|| work(seed, 300, &Market::default())));
    count(&COUNTS.forks);
}

/// A line of what was done so far.
fn say_progress(begun: Instant) {
    let of = |count: &AtomicU64| count.load(Relaxed);
    println!(
        "  after {:>5} s: {} allocations, {} threads, {} forks, {} trims, {} MiB resident",
        begun.elapsed().as_secs(),
        of(&COUNTS.allocations),
        of(&COUNTS.threads),
        of(&COUNTS.forks),
        of(&COUNTS.trims),
        resident_bytes() / MIB
    );
}

fn endure(seconds: u64) {
    share_processors();
    // SAFETY: the handler counts.
    unsafe { libc::signal(libc::SIGUSR1, on_signal as extern "C" fn(libc::c_int) as libc::sighandler_t) };
    let (shared, stop) = (Market::default(), AtomicBool::new(false));
    let before = Strata::stats().used_pools;
    std::thread::scope(|scope| {
        let (shared, stop) = (&shared, &stop);
        let until_stopped = |what: &dyn Fn(u64)| {
            (0..).take_while(|_| !stop.load(Relaxed)).for_each(what);
        };
        for thread in 0..THREADS {
            scope.spawn(move || until_stopped(&|round| work(thread << 32 | round, 1000, shared)));
        }
        scope.spawn(move || {
            until_stopped(&|round| {
                std::thread::scope(|inner| drop(inner.spawn(|| work(round, 50, shared))));
                count(&COUNTS.threads);
            });
        });
        scope.spawn(move || {
            until_stopped(&|round| {
                fork_one(round);
                std::thread::sleep(Duration::from_millis(50));
            });
        });
        scope.spawn(move || {
            until_stopped(&|_| {
                Strata::trim();
                count(&COUNTS.trims);
                std::thread::sleep(Duration::from_millis(20));
            });
        });
        let (begun, process) = (Instant::now(), std::process::id().cast_signed());
        let (end, mut next) = (begun + Duration::from_secs(seconds), begun + MINUTE);
        while Instant::now() < end {
            if Instant::now() > next {
                say_progress(begun);
                next += MINUTE;
            }
            // SAFETY: to this process, which handles it.
            unsafe { libc::kill(process, libc::SIGUSR1) };
            std::thread::sleep(Duration::from_millis(2));
        }
        stop.store(true, Relaxed);
    });
    market::close(&shared);
    drop(shared);
    Strata::trim();
    let after = Strata::stats();
    let rows = [
        ("allocations", COUNTS.allocations.load(Relaxed)),
        ("MiB allocated", COUNTS.bytes.load(Relaxed) >> 20),
        ("resizes", COUNTS.resizes.load(Relaxed)),
        ("blocks freed by others", COUNTS.crossed.load(Relaxed)),
        ("threads come and gone", COUNTS.threads.load(Relaxed)),
        ("forks", COUNTS.forks.load(Relaxed)),
        ("trims", COUNTS.trims.load(Relaxed)),
        ("signals", SIGNALS.load(Relaxed)),
        ("peak MiB", peak_resident_bytes() as u64 >> 20),
        ("MiB at the end", resident_bytes() as u64 >> 20),
        ("pools at the start", before),
        ("pools at the end", after.used_pools),
    ];
    rows.into_iter().for_each(|(what, number)| println!("  {what:<24} {number:>14}"));
    assert!(after.used_pools < before + 100, "{} pools are still in use", after.used_pools);
}

#[test]
#[ignore = "takes as long as it is told"]
fn sixty_four_threads_endure_whatever_comes() {
    let seconds = std::env::var("STRATA_ENDURANCE_SECONDS").ok().and_then(|text| text.parse().ok());
    let seconds = seconds.unwrap_or(60);
    // On a busy machine 64 threads take a while to come to their end.
    let patience = Duration::from_secs(2 * seconds) + 5 * MINUTE;
    alone_for("sixty_four_threads_endure_whatever_comes", patience, || endure(seconds));
}

#[test]
fn a_second_is_endured() {
    alone("a_second_is_endured", || endure(1));
}
