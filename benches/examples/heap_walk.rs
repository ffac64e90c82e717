//! What it costs to walk a whole heap while a thread works on it: Strata's snapshot, and pymalloc's under its lock.
//!
//! 200 000 blocks are alive. One thread allocates and frees, each pair timed by itself; for the second half of the time
//! another thread counts the whole heap a hundred times a second.
//!
//! `cargo run --release -p strata-benches --example heap_walk` prints a table; `… -- PAGE` writes it between the markers
//! `<!-- walk -->` and `<!-- walk:end -->` of that page instead.

use std::alloc::{GlobalAlloc, Layout};
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use strata_gil::{ClassicPymalloc, CurrentPymalloc};
use stratalloc::Strata;

const LIVE: usize = 200_000;
const SPELL: Duration = Duration::from_secs(2);
const BETWEEN_WALKS: Duration = Duration::from_millis(10);

static CLASSIC: ClassicPymalloc = ClassicPymalloc::new();
static CURRENT: CurrentPymalloc = CurrentPymalloc::new();

struct Contender {
    name: &'static str,
    allocator: &'static (dyn GlobalAlloc + Sync),
    /// Counts the heap; how many blocks are in use.
    walk: fn() -> usize,
}

static CONTENDERS: [Contender; 3] = [
    Contender { name: "strata", allocator: &Strata, walk: || Strata::stats().live_blocks as usize },
    Contender { name: "pymalloc-classic", allocator: &CLASSIC, walk: || CLASSIC.stats().blocks_in_use() },
    Contender { name: "pymalloc-current", allocator: &CURRENT, walk: || CURRENT.stats().blocks_in_use() },
];

const HEAD: &str = "\
| allocator | walks | one walk, median | the longest | pairs, p99.9 and p99.99: without walks | with walks |
|-----------|------:|-----------------:|------------:|---------------------------------------:|-----------:|
";
const BEGIN: &str = "<!-- walk -->";
const END: &str = "<!-- walk:end -->";

fn main() {
    let table = HEAD.to_owned() + &CONTENDERS.iter().map(row).collect::<String>();
    match std::env::args_os().nth(1) {
        Some(page) => write_into(Path::new(&page), &table),
        None => print!("{table}"),
    }
}

fn write_into(page: &Path, table: &str) {
    let text = fs::read_to_string(page).expect("a page that can be read");
    let (before, rest) = text.split_once(BEGIN).expect("a page with the first marker");
    let (_, after) = rest.split_once(END).expect("a page with the second marker");
    fs::write(page, format!("{before}{BEGIN}\n\n{table}\n{END}{after}")).expect("a page that can be written");
}

fn row(contender: &Contender) -> String {
    fill(contender.allocator);
    assert!((contender.walk)() >= LIVE);
    let (quiet, _) = spell(contender, None);
    let (walked, walks) = spell(contender, Some(contender.walk));
    let pairs = |seen: &Histogram<u64>| {
        format!("{} / {}", time(seen.value_at_quantile(0.999)), time(seen.value_at_quantile(0.9999)))
    };
    format!(
        "| {} | {} | {} | {} | {} | {} |\n",
        contender.name,
        walks.len(),
        time(walks.value_at_quantile(0.5)),
        time(walks.max()),
        pairs(&quiet),
        pairs(&walked)
    )
}

/// Blocks of 16 to 512 bytes, never freed.
fn fill(allocator: &dyn GlobalAlloc) {
    for number in 0..LIVE {
        let layout = layout(16 + number * 37 % 63 * 8);
        // SAFETY: the layout is not empty.
        let block = unsafe { allocator.alloc(layout) };
        assert!(!black_box(block).is_null());
    }
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("a legal layout")
}

/// Both threads' times: of each pair, and of each walk.
fn spell(contender: &Contender, walk: Option<fn() -> usize>) -> (Histogram<u64>, Histogram<u64>) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let worker = scope.spawn(|| work(contender.allocator, &over));
        let mut walks = histogram();
        let start = Instant::now();
        while start.elapsed() < SPELL {
            if let Some(walk) = walk {
                timed(&mut walks, || black_box(walk()));
            }
            thread::sleep(BETWEEN_WALKS);
        }
        over.store(true, Ordering::Relaxed);
        (worker.join().expect("the worker does not panic"), walks)
    })
}

fn work(allocator: &dyn GlobalAlloc, over: &AtomicBool) -> Histogram<u64> {
    let mut pairs = histogram();
    for number in 0_usize.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let layout = layout(16 + number % 63 * 8);
        timed(&mut pairs, || pair(allocator, layout));
    }
    pairs
}

fn pair(allocator: &dyn GlobalAlloc, layout: Layout) {
    // SAFETY: the layout is not empty.
    let block = black_box(unsafe { allocator.alloc(layout) });
    // SAFETY: the block just allocated.
    unsafe { allocator.dealloc(block, layout) };
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 10_000_000_000, 3).expect("the bounds are in order")
}

fn timed<T>(times: &mut Histogram<u64>, operation: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = operation();
    times.saturating_record(start.elapsed().as_nanos() as u64);
    result
}

fn time(nanoseconds: u64) -> String {
    if nanoseconds < 10_000 {
        format!("{nanoseconds} ns")
    } else {
        format!("{:.0} µs", nanoseconds as f64 / 1e3)
    }
}
