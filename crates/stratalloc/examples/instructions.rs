//! What `tests/instructions.rs` counts: `instructions CASE N` does the case N times and ends; `instructions CASE N RATE` does it
//! while it is profiled at that rate, by a listener that does nothing.
//!
//! The test runs it twice under callgrind and divides the difference, so that start and warm-up fall out. In the case
//! `boxes` it counts inside one function at a time, and takes what eight boxes cost more than four: the calls, the frames and
//! the returns fall out too, and what stays is the inlined operation with its one store (or load) of the pointer. The other
//! cases are counted as a whole, loop included, less `empty`.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::process::ExitCode;

use strata_cache::profile::{self, Filter, Listener};
use strata_recorder::distance::draw;
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

/// 48 bytes that are not written: only the allocator's own instructions are left.
type Block = MaybeUninit<[u64; 6]>;

type Slots<const N: usize> = [MaybeUninit<Box<Block>>; N];

#[inline(never)]
fn box_alloc_four(slots: &mut Slots<4>) {
    slots[0].write(Box::new(Block::uninit()));
    slots[1].write(Box::new(Block::uninit()));
    slots[2].write(Box::new(Block::uninit()));
    slots[3].write(Box::new(Block::uninit()));
}

#[inline(never)]
fn box_alloc_eight(slots: &mut Slots<8>) {
    slots[0].write(Box::new(Block::uninit()));
    slots[1].write(Box::new(Block::uninit()));
    slots[2].write(Box::new(Block::uninit()));
    slots[3].write(Box::new(Block::uninit()));
    slots[4].write(Box::new(Block::uninit()));
    slots[5].write(Box::new(Block::uninit()));
    slots[6].write(Box::new(Block::uninit()));
    slots[7].write(Box::new(Block::uninit()));
}

/// Frees what is in the slot, which is full.
#[inline(always)]
fn free(slot: &mut MaybeUninit<Box<Block>>) {
    // SAFETY: `boxes` fills every slot before it empties it, and empties it once.
    drop(unsafe { slot.assume_init_read() });
}

#[inline(never)]
fn box_free_four(slots: &mut Slots<4>) {
    free(&mut slots[0]);
    free(&mut slots[1]);
    free(&mut slots[2]);
    free(&mut slots[3]);
}

#[inline(never)]
fn box_free_eight(slots: &mut Slots<8>) {
    free(&mut slots[0]);
    free(&mut slots[1]);
    free(&mut slots[2]);
    free(&mut slots[3]);
    free(&mut slots[4]);
    free(&mut slots[5]);
    free(&mut slots[6]);
    free(&mut slots[7]);
}

/// Few enough for one pool, and one box stays, so that no turn after the first meets a slow path.
fn boxes(count: usize) {
    let stays = black_box(Box::new(Block::uninit()));
    let mut four: Slots<4> = [const { MaybeUninit::uninit() }; 4];
    let mut eight: Slots<8> = [const { MaybeUninit::uninit() }; 8];
    for _ in 0..count {
        box_alloc_four(black_box(&mut four));
        box_alloc_eight(black_box(&mut eight));
        box_free_four(black_box(&mut four));
        box_free_eight(black_box(&mut eight));
    }
    drop(stays);
}

fn empty(count: usize) {
    for turn in 0..count {
        black_box(turn);
    }
}

/// Allocate and free inlined into one loop: what a program's own hot loop pays.
fn box_pair(count: usize) {
    let stays = black_box(Box::new(Block::uninit()));
    for turn in 0..count {
        black_box(turn);
        drop(black_box(Box::new(Block::uninit())));
    }
    drop(stays);
}

fn vec_growth(count: usize) {
    for turn in 0..count {
        let mut numbers = Vec::new();
        for number in 0..64 {
            numbers.push(black_box(turn ^ number));
        }
        black_box(numbers);
    }
}

fn string(count: usize) {
    for turn in 0..count {
        black_box(turn);
        black_box(String::from(black_box("a string of forty bytes, as keys often are")));
    }
}

/// What lives is all allocated, then all freed.
fn batch(count: usize) {
    let mut boxes: Vec<Box<Block>> = Vec::with_capacity(32);
    for _ in 0..count {
        (0..32).for_each(|_| boxes.push(black_box(Box::new(Block::uninit()))));
        boxes.clear();
    }
}

/// A cache of vectors, one of which is replaced at random.
fn replaced(count: usize) {
    let mut random = 1_u64;
    let mut next = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize
    };
    let mut vectors: Vec<Vec<u8>> = (0..4000).map(|_| Vec::with_capacity(next() % 593 + 8)).collect();
    for _ in 0..count {
        let place = next() % vectors.len();
        if let Some(vector) = vectors.get_mut(place) {
            *vector = Vec::with_capacity(next() % 593 + 8);
        }
    }
}

fn map(count: usize) {
    let mut map = BTreeMap::new();
    for number in 0..count {
        map.insert(black_box(format!("key {number}")), number);
    }
    black_box(map);
}

/// Profiles from now on.
fn profile(mean_bytes: u64) {
    static NONE: Filter = Filter::new();
    static LISTENER: Listener = Listener { allocated: |_| (), freed: |_| (), draw, requested: || None };
    profile::start(&LISTENER, &NONE, mean_bytes);
    // Comes to a slow path, where the thread learns of it.
    drop(black_box(vec![0_u8; 100_000]));
}

fn main() -> ExitCode {
    let cases: BTreeMap<&str, fn(usize)> = BTreeMap::from([
        ("empty", empty as fn(usize)),
        ("boxes", boxes),
        ("box_pair", box_pair),
        ("vec_growth", vec_growth),
        ("string", string),
        ("batch", batch),
        ("replaced", replaced),
        ("map", map),
    ]);
    let mut arguments = std::env::args().skip(1);
    let case = arguments.next().and_then(|name| cases.get(name.as_str()).copied());
    let count = arguments.next().and_then(|count| count.parse().ok());
    let (Some(case), Some(count)) = (case, count) else {
        eprintln!(
            "usage: instructions CASE COUNT [RATE]; cases: {}",
            cases.into_keys().collect::<Vec<_>>().join(" ")
        );
        return ExitCode::FAILURE;
    };
    if let Some(mean_bytes) = arguments.next().and_then(|rate| rate.parse().ok()).filter(|rate| *rate != 0) {
        profile(mean_bytes);
    }
    case(count);
    ExitCode::SUCCESS
}
