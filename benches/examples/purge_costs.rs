//! What it costs to give pages back and to write to them again: by `MADV_DONTNEED`, by `MADV_FREE`, and not at all.
//!
//! ```text
//!   written ──advice──► given back ──one write a page──► written …        microseconds a page, medians
//! ```
//!
//! For the table of decision 0015: `cargo run --release -p strata-benches --example purge_costs`. Ranges are given back one
//! by one, as an allocator finds them; the mapping takes no huge pages. Calls are timed apart from the writes that follow.

use std::ptr;
use std::time::Instant;

const BYTES: usize = 64 << 20;
const PAGE: usize = 4096;
const ROUNDS: usize = 15;

/// What is done with a range between two uses.
#[derive(Clone, Copy)]
enum Way {
    Nothing,
    Free,
    DontNeed,
}

fn main() {
    let start = map();
    println!("| range | way | call, µs a page | writing again, µs a page | together |");
    println!("|---|---|---|---|---|");
    for range in [PAGE, 16 * PAGE, 4 << 20, BYTES] {
        for (name, way) in
            [("kept", Way::Nothing), ("`MADV_FREE`", Way::Free), ("`MADV_DONTNEED`", Way::DontNeed)]
        {
            let (mut calls, mut writes) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                write_each_page(start);
                calls.push(micros_a_page(|| give_back(start, range, way)));
                writes.push(micros_a_page(|| write_each_page(start)));
            }
            let (call, write) = (median(calls), median(writes));
            println!("| {} KiB | {name} | {call:.3} | {write:.3} | {:.3} |", range >> 10, call + write);
        }
    }
}

fn map() -> *mut u8 {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping.
    let start =
        unsafe { libc::mmap(ptr::null_mut(), BYTES, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    assert_ne!(start, libc::MAP_FAILED);
    // SAFETY: mapped just now; changes no contents.
    unsafe { libc::madvise(start, BYTES, libc::MADV_NOHUGEPAGE) };
    start.cast()
}

fn write_each_page(start: *mut u8) {
    for offset in (0..BYTES).step_by(PAGE) {
        // SAFETY: within the mapping.
        let place = unsafe { start.add(offset) };
        // SAFETY: the mapping is this program's.
        unsafe { place.write_volatile(1) };
    }
}

fn give_back(start: *mut u8, range: usize, way: Way) {
    let advice = match way {
        Way::Nothing => return,
        Way::Free => libc::MADV_FREE,
        Way::DontNeed => libc::MADV_DONTNEED,
    };
    for offset in (0..BYTES).step_by(range) {
        // SAFETY: within the mapping.
        let place = unsafe { start.add(offset) };
        // SAFETY: the contents of the pages are not needed.
        assert_eq!(unsafe { libc::madvise(place.cast(), range, advice) }, 0);
    }
}

fn micros_a_page(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e6 / (BYTES / PAGE) as f64
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
