//! P32: the most that was outside of pools: each thread says what it took and gave back, of blocks that others may have freed, while peaks
//! are reset.
#![cfg(strata_loom)]

use std::sync::Arc;
use strata_cache::{Outside, Sayer};
use strata_core::size_class::SizeClass;
use strata_loom_tests::{join, model, spawn};

fn class() -> SizeClass {
    SizeClass::of(32)
}

fn bytes(blocks: u64) -> u64 {
    blocks * class().block_bytes() as u64
}

#[test]
fn what_one_took_and_another_gave_back_adds_up() {
    model("what_one_took_and_another_gave_back_adds_up", None, || {
        let outside = Arc::new(Outside::explored());
        let threads = [&[3, -1][..], &[-2]].map(|changes| {
            let there = Arc::clone(&outside);
            spawn(move || {
                let sayer = Sayer::explored();
                changes.iter().for_each(|more| sayer.say(&there, class(), *more));
                sayer.peak()
            })
        });
        let during = outside.bytes();
        assert!(during.current <= bytes(3) && during.current <= during.peak, "{during:?}");
        let peaks = threads.map(join);
        assert_eq!(peaks, [bytes(3), 0], "a thread that only gives back has no peak");
        let end = outside.bytes();
        assert_eq!((end.current, end.came, end.gone), (0, bytes(3), bytes(3)));
        assert!((bytes(1)..=bytes(3)).contains(&end.peak), "{end:?}");
    });
}

#[test]
fn a_peak_that_is_reset_meanwhile_is_no_less_than_what_there_is() {
    model("a_peak_that_is_reset_meanwhile_is_no_less_than_what_there_is", None, || {
        let outside = Arc::new(Outside::explored());
        let sayer = Sayer::explored();
        sayer.say(&outside, class(), 2);
        let there = Arc::clone(&outside);
        let resetting = spawn(move || there.reset_peaks());
        sayer.say(&outside, class(), 1);
        join(resetting);
        let end = outside.bytes();
        assert_eq!((end.current, end.peak), (bytes(3), bytes(3)), "less than there is");
    });
}
