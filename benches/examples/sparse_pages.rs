//! Where the bytes of a sparse heap are: of the pages that held objects, how many hold none once nine of ten are freed.
//!
//! The objects of the workload `sparse`. What no allocator can give back, however it searches for it, are the pages with a
//! survivor; what it holds beyond those is its own doing.
//!
//! Run with `cargo run --release -p strata-benches --example sparse_pages`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use stratalloc::Strata;

const BYTES: usize = 256 << 20;
const SIZES: std::ops::Range<f64> = 4.0..11.0;
const PAGE_SHIFT: u32 = 12;

/// What lies in pages, for objects of one doubling of sizes.
#[derive(Default)]
struct Row {
    bytes: usize,
    pages: usize,
    pages_with_survivors: usize,
}

fn main() {
    println!("| allocator | sizes | bytes, MiB | pages, MiB | with survivors, MiB | could go |");
    println!("|---|---|---|---|---|---|");
    report("Strata", &Strata);
    report("glibc", &System);
}

fn report(name: &str, allocator: &dyn GlobalAlloc) {
    let mut random = Pcg64Mcg::seed_from_u64(51);
    let mut objects = Vec::new();
    let mut held = 0;
    while held < BYTES {
        let layout =
            Layout::array::<u8>(2_f64.powf(random.random_range(SIZES)) as usize).expect("a small object");
        // SAFETY: the size is not zero.
        let place = unsafe { allocator.alloc_zeroed(layout) };
        assert!(!place.is_null());
        objects.push((place.addr(), layout.size()));
        held += layout.size();
    }
    objects.shuffle(&mut random);
    let survivors = &objects[..objects.len() / 10];
    let mut rows: BTreeMap<u32, Row> = BTreeMap::new();
    let (all, surviving) = (pages_of(&objects), pages_of(survivors));
    for (page, power) in &all {
        let row = rows.entry(*power).or_default();
        row.pages += 1;
        row.pages_with_survivors += usize::from(surviving.contains_key(page));
    }
    for (_, size) in &objects {
        let row = rows.entry(size.ilog2()).or_default();
        row.bytes += size;
    }
    let mut total = Row::default();
    for (power, row) in &rows {
        print(name, &format!("{} to {} B", 1 << power, 2 << power), row);
        total.bytes += row.bytes;
        total.pages += row.pages;
        total.pages_with_survivors += row.pages_with_survivors;
    }
    print(name, "all", &total);
}

/// The pages that objects lie in, and of what doubling the first of those is.
fn pages_of(objects: &[(usize, usize)]) -> BTreeMap<usize, u32> {
    let mut pages = BTreeMap::new();
    for (address, size) in objects {
        for page in address >> PAGE_SHIFT..=(address + size - 1) >> PAGE_SHIFT {
            pages.entry(page).or_insert(size.ilog2());
        }
    }
    pages
}

fn print(name: &str, sizes: &str, row: &Row) {
    let mib = |pages: usize| pages as f64 * f64::from(1 << PAGE_SHIFT) / f64::from(1 << 20);
    println!(
        "| {name} | {sizes} | {:.1} | {:.1} | {:.1} | {:.0} % |",
        row.bytes as f64 / f64::from(1 << 20),
        mib(row.pages),
        mib(row.pages_with_survivors),
        100.0 * (1.0 - row.pages_with_survivors as f64 / row.pages as f64)
    );
}
