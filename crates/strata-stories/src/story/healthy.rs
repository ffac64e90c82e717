//! Programs without a problem.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use stratalloc::Strata;

use crate::Form;

/// A small program that waits.
pub(super) fn idle(_: Form) {
    let words: Vec<String> = (0..1000).map(|number| format!("word {number}")).collect();
    crate::ready();
    drop(words);
}

/// A table of a fixed number of values, one of which is replaced all the time.
pub(super) fn busy(_: Form) {
    let mut table: HashMap<u64, Vec<u8>> = (0..100_000).map(|key| (key, value(key))).collect();
    thread::spawn(move || {
        for round in 0_u64.. {
            let key = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 100_000;
            table.insert(key, value(key));
            if round % 1000 == 0 {
                thread::sleep(Duration::from_millis(1));
            }
        }
    });
    crate::ready();
}

/// Twenty MiB that stay, and bursts of three times as much, whose memory goes back at once.
pub(super) fn bursts(_: Form) {
    let kept: Vec<Vec<u8>> = (0..20_480).map(|_| vec![1; 1024]).collect();
    thread::spawn(|| {
        loop {
            black_box((0..120_000).map(|_| vec![1_u8; 512]).collect::<Vec<_>>());
            Strata::trim();
            thread::sleep(Duration::from_millis(1));
        }
    });
    crate::ready();
    black_box(kept);
}

fn value(key: u64) -> Vec<u8> {
    vec![key as u8; 200]
}

/// Sixteen threads, each with a list of its own.
pub(super) fn threads(_: Form) {
    let may_end = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..16)
        .map(|number| {
            let may_end = Arc::clone(&may_end);
            thread::spawn(move || {
                let list: Vec<Box<[u64]>> =
                    (0..4000).map(|index| vec![number; 16 + index % 64].into_boxed_slice()).collect();
                while !may_end.load(Relaxed) {
                    thread::sleep(Duration::from_millis(20));
                }
                black_box(list);
            })
        })
        .collect();
    thread::sleep(Duration::from_millis(300));
    crate::ready();
    may_end.store(true, Relaxed);
    threads.into_iter().for_each(|thread| _ = thread.join());
}
