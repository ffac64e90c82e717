//! A program that takes, frees and takes again the same memory, with pauses in which it does little: what purging costs it.
//!
//! For the table of decision 0015; the way is chosen outside:
//! `STRATA_PURGE=lazily cargo run --release -p strata-benches --example purge_ways`, or `now`, or `STRATA_PURGE_DELAY=never`.

use std::hint::black_box;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

const BYTES: usize = 256 << 20;
const OBJECT_BYTES: usize = 1000;
const ROUNDS: usize = 8;
const NAPS: usize = 60;
const NAP: Duration = Duration::from_millis(25);

fn main() {
    let mut lazy = 0;
    for _ in 0..ROUNDS {
        let objects: Vec<Box<[u8]>> =
            (0..BYTES / OBJECT_BYTES).map(|_| vec![1; OBJECT_BYTES].into()).collect();
        drop(black_box(objects));
        for _ in 0..NAPS {
            sleep(NAP);
            drop(black_box(vec![1_u8; 100_000]));
        }
        lazy = lazy.max(Strata::stats().lazily_purged_bytes);
    }
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the process's own numbers");
    let stats = Strata::stats();
    println!(
        "| {} ms | {} ms | {} | {} MiB | {} MiB | {} MiB |",
        usage.user_time().num_milliseconds(),
        usage.system_time().num_milliseconds(),
        usage.minor_page_faults(),
        strata_resident() >> 20,
        lazy >> 20,
        stats.purged_bytes >> 20
    );
}

/// Resident bytes, as the kernel counts them.
fn strata_resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize =
        text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
    pages * 4096
}
