//! Where the bytes of a workload are when it has the most memory: page by page, on Strata, glibc or mimalloc.
//!
//! Around the allocator stands a shadow that knows how many live bytes each page holds, and of what size the last block
//! was that began or went on there. Another thread reads the resident memory every few milliseconds, and takes a
//! picture at each new peak: which pages are resident (`/proc/self/pagemap`), and what is in them.
//!
//! ```text
//!   resident ─┬─ pages with live bytes      live, and beside them: rounding, and free blocks that share a page with live ones
//!             ├─ pages without, in a pool   64 KiB in which something else lives: free pages that could be given back
//!             ├─ pages without, apart       nothing lives in all of the 64 KiB: free pools that are kept
//!             └─ never held a block         metadata of the allocator, stacks, the program itself
//! ```
//!
//! Run with `HEAP_PAGES_OF=glibc cargo run --release -p strata-benches --example heap_pages -- WORKLOAD [THREADS]`; without the
//! variable it is Strata that is examined, with `mimalloc` that.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use mimalloc::MiMalloc;
use strata_benches::measure::resident_bytes_quietly;
use strata_benches::subject::Subject;
use strata_benches::workloads::{self, Settings};
use stratalloc::Strata;

const PAGE_SHIFT: u32 = 12;
const PAGE_BYTES: usize = 1 << PAGE_SHIFT;
const POOL_PAGES: usize = 16;
/// Pages of the 47 bits of addresses that a program has.
const PAGES: usize = 1 << (47 - PAGE_SHIFT);
/// Pages of one bit of the summary: 4 MiB.
const STRETCH_PAGES: usize = 1024;
/// A picture is worth taking when so much more is resident, in per cent.
const MORE: u64 = 1;
/// Nor when the program holds so much less than it did, in per cent.
const LESS: u64 = 5;
const PERIOD: Duration = Duration::from_millis(1);
/// Doublings of sizes, from 16 bytes on; the last takes all that is larger than 32 KiB.
const KINDS: usize = 12;

/// What the shadow knows of all pages; the kernel gives it memory where it is written.
struct Shadow {
    live: AtomicPtr<AtomicU16>,
    kind: AtomicPtr<AtomicU8>,
    stretches: AtomicPtr<AtomicU64>,
    chosen: AtomicU8,
    /// Threads that allocate or free wait: a picture is being taken.
    still: AtomicBool,
    /// Bytes of all live blocks.
    held: AtomicU64,
}

#[global_allocator]
static SHADOW: Shadow = Shadow {
    live: AtomicPtr::new(null_mut()),
    kind: AtomicPtr::new(null_mut()),
    stretches: AtomicPtr::new(null_mut()),
    chosen: AtomicU8::new(0),
    still: AtomicBool::new(false),
    held: AtomicU64::new(0),
};

fn table<T>(place: &AtomicPtr<T>, entries: usize) -> *mut T {
    let known = place.load(Relaxed);
    if !known.is_null() {
        return known;
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping, which nothing else knows.
    let fresh = unsafe { libc::mmap(null_mut(), entries * size_of::<T>(), protection, flags, -1, 0) };
    assert!(fresh != libc::MAP_FAILED, "address space for the shadow");
    // The first allocation is made before there is a second thread.
    place.store(fresh.cast(), Relaxed);
    fresh.cast()
}

impl Shadow {
    fn live(&self, page: usize) -> &AtomicU16 {
        // SAFETY: one entry for each page there can be.
        let entry = unsafe { table(&self.live, PAGES).add(page) };
        // SAFETY: zero or written as an atomic ever since.
        unsafe { &*entry }
    }

    fn kind(&self, page: usize) -> &AtomicU8 {
        // SAFETY: within the table: a page of the range.
        let entry = unsafe { table(&self.kind, PAGES).add(page) };
        // SAFETY: zero or written as an atomic ever since.
        unsafe { &*entry }
    }

    fn stretches(&self) -> &[AtomicU64] {
        let words = PAGES / STRETCH_PAGES / 64;
        // SAFETY: that many words, zero at first.
        unsafe { std::slice::from_raw_parts(table(&self.stretches, words), words) }
    }

    /// The allocator that the environment names.
    fn chosen(&self) -> &'static dyn GlobalAlloc {
        if self.chosen.load(Relaxed) == 0 {
            // SAFETY: the name is a C string; the environment does not change.
            let name = unsafe { NonNull::new(libc::getenv(c"HEAP_PAGES_OF".as_ptr())) };
            // SAFETY: a variable's first byte, or its end.
            let first = name.map_or(b's', |name| unsafe { name.read() } as u8);
            self.chosen.store(first, Relaxed);
        }
        match self.chosen.load(Relaxed) {
            b'm' => &MiMalloc,
            b'g' => &System,
            _ => &Strata,
        }
    }

    /// Adds the bytes of a block to its pages, or takes them away.
    fn count(&self, block: *mut u8, bytes: usize, add: impl Fn(&AtomicU16, u16)) {
        while self.still.load(Relaxed) {
            thread::sleep(PERIOD);
        }
        let (start, end) = (block.addr(), block.addr() + bytes);
        let kind = 1 + (bytes.max(16).ilog2() as usize - 4).min(KINDS - 1) as u8;
        for page in start >> PAGE_SHIFT..(end + PAGE_BYTES - 1) >> PAGE_SHIFT {
            let (first, behind) = (start.max(page << PAGE_SHIFT), end.min((page + 1) << PAGE_SHIFT));
            add(self.live(page), (behind - first) as u16);
            if self.kind(page).swap(kind, Relaxed) == 0 {
                let stretch = page / STRETCH_PAGES;
                self.stretches()[stretch / 64].fetch_or(1 << (stretch % 64), Relaxed);
            }
        }
    }

    fn born(&self, block: *mut u8, bytes: usize) -> *mut u8 {
        if !block.is_null() {
            self.held.fetch_add(bytes as u64, Relaxed);
            self.count(block, bytes, |live, more| _ = live.fetch_add(more, Relaxed));
        }
        block
    }

    fn dies(&self, block: *mut u8, bytes: usize) {
        self.held.fetch_sub(bytes as u64, Relaxed);
        self.count(block, bytes, |live, less| _ = live.fetch_sub(less, Relaxed));
    }
}

// SAFETY: blocks are those of the allocator chosen, which stays the same from the first one on.
unsafe impl GlobalAlloc for Shadow {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the same contract.
        self.born(unsafe { self.chosen().alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the same contract.
        self.born(unsafe { self.chosen().alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.dies(block, layout.size());
        // SAFETY: the same contract.
        unsafe { self.chosen().dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        self.dies(block, layout.size());
        // SAFETY: the same contract.
        self.born(unsafe { self.chosen().realloc(block, layout, bytes) }, bytes)
    }
}

/// Resident bytes of one kind.
#[derive(Clone, Copy, Default)]
struct Row {
    live: usize,
    shared: usize,
    free_in_pools: usize,
    free_pools: usize,
}

#[derive(Clone, Copy, Default)]
struct Picture {
    resident: u64,
    never: usize,
    rows: [Row; KINDS],
}

impl Picture {
    fn take(pagemap: &File, resident: u64) -> Self {
        let mut picture = Self { resident, ..Self::default() };
        for (index, word) in SHADOW.stretches().iter().enumerate() {
            let word = word.load(Relaxed);
            (0..64).filter(|bit| word >> bit & 1 != 0).for_each(|bit| picture.add(pagemap, index * 64 + bit));
        }
        picture
    }

    fn add(&mut self, pagemap: &File, stretch: usize) {
        let (mut entries, first) = ([0_u8; 8 * STRETCH_PAGES], stretch * STRETCH_PAGES);
        let _ = pagemap.read_at(&mut entries, 8 * first as u64);
        for pool in (0..STRETCH_PAGES).step_by(POOL_PAGES) {
            let pages = pool..pool + POOL_PAGES;
            let lives = pages.clone().any(|page| SHADOW.live(first + page).load(Relaxed) != 0);
            // The highest bit of an entry says that the page is in memory.
            pages
                .filter(|page| entries[8 * page + 7] >> 7 != 0)
                .for_each(|page| self.add_page(first + page, lives));
        }
    }

    fn add_page(&mut self, page: usize, pool_lives: bool) {
        let (live, kind) = (SHADOW.live(page).load(Relaxed), SHADOW.kind(page).load(Relaxed));
        if kind == 0 {
            self.never += PAGE_BYTES;
            return;
        }
        let row = &mut self.rows[kind as usize - 1];
        match (live, pool_lives) {
            (0, true) => row.free_in_pools += PAGE_BYTES,
            (0, false) => row.free_pools += PAGE_BYTES,
            (live, _) => {
                row.live += usize::from(live);
                row.shared += PAGE_BYTES.saturating_sub(live.into());
            }
        }
    }

    fn print(&self) {
        println!("| sizes | resident | live | beside live bytes | free pages, pool in use | free pools |");
        println!("|---|--:|--:|--:|--:|--:|");
        let mut all = Row::default();
        for (kind, row) in self.rows.iter().enumerate() {
            let from = 16_usize << kind;
            print(
                &if kind + 1 == KINDS {
                    format!("{from} B and more")
                } else {
                    format!("{from} to {} B", 2 * from)
                },
                row,
            );
            all.live += row.live;
            all.shared += row.shared;
            all.free_in_pools += row.free_in_pools;
            all.free_pools += row.free_pools;
        }
        print("all", &all);
        let known = all.live + all.shared + all.free_in_pools + all.free_pools;
        println!(
            "\nresident {:.1} MiB, of which {:.1} never held a block (near one that did {:.1})",
            mib(self.resident as usize),
            mib((self.resident as usize).saturating_sub(known)),
            mib(self.never)
        );
    }
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn print(sizes: &str, row: &Row) {
    let resident = row.live + row.shared + row.free_in_pools + row.free_pools;
    println!(
        "| {sizes} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
        mib(resident),
        mib(row.live),
        mib(row.shared),
        mib(row.free_in_pools),
        mib(row.free_pools)
    );
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().expect("the name of a workload");
    let threads = arguments.next().map_or(1, |threads| threads.parse().expect("a number of threads"));
    let workload = workloads::find(&name, Subject::PLAIN).expect("the name of a workload");
    let job = (workload.prepare)(&Settings { threads, ..Settings::default() });
    let over = AtomicBool::new(false);
    let picture = thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(&over));
        let outcome = job();
        over.store(true, Relaxed);
        eprintln!("checksum {:x}", outcome.checksum);
        watcher.join().expect("the watcher does not panic")
    });
    picture.print();
}

/// The picture of the highest peak; once the program tears its heap down, it is over.
fn watch(over: &AtomicBool) -> Picture {
    let pagemap = File::open("/proc/self/pagemap").expect("a process may read its own page map");
    let (mut picture, mut most_held) = (Picture::default(), 0);
    while !over.load(Relaxed) {
        let (resident, held) = (resident_bytes_quietly(), SHADOW.held.load(Relaxed));
        most_held = most_held.max(held);
        if held * 100 > most_held * (100 - LESS) && resident * 100 > picture.resident * (100 + MORE) {
            SHADOW.still.store(true, Relaxed);
            picture = Picture::take(&pagemap, resident);
            SHADOW.still.store(false, Relaxed);
        }
        thread::sleep(PERIOD);
    }
    picture
}
