//! `sparse`: many small objects of mixed sizes, nine of ten of which are freed at random: who can give memory back?
//!
//! A survivor in ten leaves next to no 64 KiB free in one piece and, of the smaller objects, next to no page either; an
//! allocator gives back what it can find. Then the program goes on with little to do, and what is resident after two
//! seconds stands beside what is alive. One thread; the vector that holds the objects is no part of it.

use std::hint::black_box;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;

use super::ledger::{Ledger, settle, touched};
use super::{Job, Kind, Outcome, Settings, Threads, Workload};
use crate::data::random;

pub(super) const WORKLOAD: Workload = Workload {
    name: "sparse",
    stands_for: "a cache that drops nine of ten of its small objects, at random, and lives on",
    kind: Kind::Fragmentation,
    threads: Threads::One,
    prepare,
};

const BYTES: usize = 256 << 20;
/// Two to these powers: 16 bytes to 2 KiB, each doubling as likely as the others.
const SIZES: std::ops::Range<f64> = 4.0..11.0;
/// The mean of those sizes, rounded down: more objects than this do not come.
const LEAST_MEAN: usize = 400;
/// Objects that a request holds while the heap settles, twenty requests a second.
const A_FEW: usize = 256;

fn prepare(settings: &Settings) -> Job {
    // Less than an eighth of it would tell of the units that allocators take memory in.
    let limit = (BYTES as f64 * settings.scale.clamp(0.125, 1.0)) as usize;
    Box::new(move || {
        let (sum, details) = story(limit).close();
        Outcome { details: Some(details), ..Outcome::new(sum, 0) }
    })
}

fn story(limit: usize) -> Ledger {
    let mut random = random(51);
    let mut objects = touched(limit / LEAST_MEAN, Box::default);
    let mut ledger = Ledger::open();
    let held = fill(&mut objects, limit, &mut random);
    ledger.note("filled", held);
    objects.shuffle(&mut random);
    objects.truncate(objects.len() / 10);
    let held = objects.iter().map(|object| object.len()).sum();
    let mut request = touched(A_FEW, Box::default);
    ledger.note("9 of 10 freed at random", held);
    settle(|| {
        request.extend((0..A_FEW).map(|_| object(&mut random)));
        black_box(&mut request).clear();
    });
    ledger.note("two seconds later", held);
    ledger
}

fn fill(objects: &mut Vec<Box<[u8]>>, limit: usize, random: &mut Pcg64Mcg) -> usize {
    let mut held = 0;
    while held < limit {
        let object = object(random);
        held += object.len();
        objects.push(object);
    }
    held
}

fn object(random: &mut Pcg64Mcg) -> Box<[u8]> {
    vec![1; 2_f64.powf(random.random_range(SIZES)) as usize].into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use strata_harness::sample::Details;

    #[test]
    fn one_in_ten_survives_and_nothing_else_changes_while_the_heap_settles() {
        let Details::Fragmentation(books) = story(1 << 20).close().1 else { panic!("no books") };
        let live: Vec<u64> = books.outside.iter().map(|moment| moment.live_bytes).collect();
        assert!(live[0] >= 1 << 20 && (live[0] / 20..live[0] / 5).contains(&live[1]), "{live:?}");
        assert_eq!(live[1], live[2]);
    }

    #[test]
    fn the_objects_are_not_smaller_than_the_vector_was_made_for() {
        let mut random = random(1);
        let mean = (0..10_000).map(|_| object(&mut random).len()).sum::<usize>() / 10_000;
        assert!((LEAST_MEAN..LEAST_MEAN * 5 / 4).contains(&mean), "{mean}");
    }
}
