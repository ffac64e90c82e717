//! Whole programs' shapes: rayon's sort, map and flat map; threads that start, allocate a little and end.

use std::hint::black_box;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use strata_benches::data::Words;

use super::case::Suite;

const LINES: usize = 20_000;

pub(crate) fn all(suite: &mut Suite) {
    let words = Words::new(9, 5_000);
    let lines: Rc<[String]> = (0..LINES).map(|_| words.text(1)).collect();
    let input = Rc::clone(&lines);
    suite.timed("rayon/par_sort", LINES, move |turns| (0..turns).map(|_| sorting(input.to_vec())).sum());
    let input = Rc::clone(&lines);
    suite.case("rayon/map collect", LINES, move || upper(&input));
    suite.case("rayon/flat_map", LINES, move || split(&lines));
    for blocks in [0_usize, 1, 100] {
        suite.case(format!("thread/start, {blocks} blocks, exit"), 1, move || {
            thread::spawn(move || allocate(blocks)).join()
        });
    }
}

/// Without the copy of what is to be sorted.
fn sorting(lines: Vec<String>) -> Duration {
    let start = Instant::now();
    drop(black_box(sorted(lines)));
    start.elapsed()
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.par_sort();
    lines
}

fn upper(lines: &[String]) -> Vec<String> {
    lines.par_iter().map(|line| line.to_uppercase()).collect()
}

fn split(lines: &[String]) -> Vec<Box<str>> {
    let words = |line: &String| line.split(' ').map(Box::from).collect::<Vec<Box<str>>>();
    lines.par_iter().flat_map(words).collect()
}

fn allocate(blocks: usize) {
    let alive: Vec<Box<usize>> = (0..blocks).map(Box::new).collect();
    black_box(alive);
}
