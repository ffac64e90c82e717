//! One block at a time: every size class alone, all of them mixed, zeroed, aligned, large and huge.

use std::hint::black_box;

use rand::RngExt;
use strata_benches::data::random;

use super::case::Suite;

/// Where classes in steps of an eighth end and whole runs of pages begin.
const SMALL_MAX: usize = 32 << 10;
const LARGE: [usize; 5] = [64 << 10, 256 << 10, 1 << 20, 8 << 20, 64 << 20];

pub(crate) fn all(suite: &mut Suite) {
    every_class(suite);
    mixed(suite);
    zeroed(suite);
    aligned(suite);
    large(suite);
}

/// 16, 32, … 128, then eight steps to every doubling.
fn classes() -> Vec<usize> {
    let fine = (1..=8).map(|step| step * 16);
    let doublings =
        std::iter::successors(Some(128), |base| Some(base * 2)).take_while(|base| *base < SMALL_MAX);
    fine.chain(doublings.flat_map(|base| (1..=8).map(move |step| base + base / 8 * step))).collect()
}

fn every_class(suite: &mut Suite) {
    for bytes in classes() {
        suite.case(format!("class/{bytes}"), 1, move || Vec::<u8>::with_capacity(black_box(bytes)));
    }
}

fn mixed(suite: &mut Suite) {
    let (classes, mut random) = (classes(), random(3));
    let sizes: Vec<usize> = (0..4_096).map(|_| classes[random.random_range(0..classes.len())]).collect();
    suite.case("mixed/all classes", sizes.len(), move || {
        sizes.iter().for_each(|bytes| drop(black_box(Vec::<u8>::with_capacity(*bytes))));
    });
}

fn zeroed(suite: &mut Suite) {
    for bytes in [64, 1 << 10, 16 << 10].into_iter().chain(LARGE) {
        suite.case(format!("zeroed/{bytes}"), 1, move || vec![0_u8; black_box(bytes)]);
    }
}

#[repr(align(64))]
struct CacheLine([u8; 64]);

#[repr(align(4096))]
struct Page([u8; 4096]);

fn aligned(suite: &mut Suite) {
    suite.case("aligned/64", 1, || black_box(Box::new(CacheLine([1; 64]))).0[0]);
    suite.case("aligned/4096", 1, || black_box(Box::new(Page([1; 4096]))).0[0]);
}

/// Without touching the memory, and with every byte written: the page faults belong to an allocator's price.
fn large(suite: &mut Suite) {
    for bytes in LARGE {
        suite.case(format!("large/untouched/{bytes}"), 1, move || Vec::<u8>::with_capacity(black_box(bytes)));
        suite.case(format!("large/written/{bytes}"), 1, move || vec![1_u8; black_box(bytes)]);
    }
}
