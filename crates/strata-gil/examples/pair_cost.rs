//! What one pair of `alloc(48)` and `dealloc` costs, warm, in one thread; and what `stats()` prints.
//!
//! *Alone*: the only block of its class. In pymalloc each pair then opens a pool and retires it.
//! *In company*: another block of the class is in use, as in most programs; the pool stays open.
//!
//! Run with `cargo run --release -p strata-gil --example pair_cost`. The best of several rounds: the machine is shared.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::time::Instant;
use strata_gil::{Classic, ClassicPymalloc, Current, CurrentPymalloc, Gil, LibcPath, Unlocked};

const PAIRS: u32 = 2_000_000;
const ROUNDS: u32 = 9;
const LAYOUT: Layout = Layout::new::<[u64; 6]>();

static CLASSIC: ClassicPymalloc = ClassicPymalloc::new();
static CURRENT: CurrentPymalloc = CurrentPymalloc::new();
// SAFETY: this program has one thread.
static CLASSIC_ALONE: Unlocked<Classic> = unsafe { Unlocked::one_thread(LibcPath) };
// SAFETY: this program has one thread.
static CURRENT_ALONE: Unlocked<Current> = unsafe { Unlocked::one_thread(LibcPath) };
static GIL: Gil<System> = Gil::new(System);

fn main() {
    println!("{:<16} {:>10} {:>12}   (ns per pair)", "allocator", "alone", "in company");
    row("system", &System);
    row("gil of system", &GIL);
    row("classic", &CLASSIC);
    row("current", &CURRENT);
    row("classic, no lock", &CLASSIC_ALONE);
    row("current, no lock", &CURRENT_ALONE);
    println!("\n{}", CURRENT.stats());
}

fn row(name: &str, allocator: &impl GlobalAlloc) {
    let alone = best(allocator);
    // SAFETY: the layout is not empty.
    let company = unsafe { allocator.alloc(LAYOUT) };
    let in_company = best(allocator);
    // SAFETY: the block just allocated.
    unsafe { allocator.dealloc(company, LAYOUT) };
    println!("{name:<16} {alone:>10.1} {in_company:>12.1}");
}

fn best(allocator: &impl GlobalAlloc) -> f64 {
    (0..ROUNDS).map(|_| nanoseconds(allocator)).fold(f64::INFINITY, f64::min)
}

fn nanoseconds(allocator: &impl GlobalAlloc) -> f64 {
    let layout = black_box(LAYOUT);
    let start = Instant::now();
    for _ in 0..PAIRS {
        // SAFETY: the layout is not empty.
        let block = black_box(unsafe { allocator.alloc(layout) });
        // SAFETY: the block just allocated.
        unsafe { allocator.dealloc(block, layout) };
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(PAIRS)
}
