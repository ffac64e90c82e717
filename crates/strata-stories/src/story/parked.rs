//! Two hundred threads that did some work once and now sleep, each with blocks ready for work that does not come.
//!
//! Fixed: each gives its blocks back before it sleeps.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use stratalloc::Strata;

use crate::Form;

const THREADS: usize = 200;

/// Fills the magazines: blocks of many sizes come and go.
fn work() {
    for _ in 0..30 {
        let blocks: Vec<Vec<u8>> = (0..60).flat_map(|_| (1..=24).map(|step| vec![1; 64 * step])).collect();
        black_box(blocks);
    }
}

pub(super) fn play(form: Form) {
    let done = Arc::new(Barrier::new(THREADS + 1));
    for _ in 0..THREADS {
        let done = Arc::clone(&done);
        thread::spawn(move || {
            work();
            if form == Form::Fixed {
                Strata::collect();
            }
            done.wait();
            loop {
                thread::sleep(Duration::from_secs(60));
            }
        });
    }
    done.wait();
    crate::ready();
}
