//! A signal, in a process of its own: whether an end is wanted is the process's.

use std::time::Duration;

use strata_harness::interrupt;
use strata_harness::rounds::{Ended, run};

#[test]
fn a_signal_ends_the_rounds_and_not_the_process() {
    assert!(!interrupt::is_wanted());
    interrupt::listen().unwrap();
    let ended = run(5, None, |number| {
        if number == 1 {
            signal_hook::low_level::raise(signal_hook::consts::SIGTERM).unwrap();
        }
        Duration::ZERO
    });
    assert_eq!(ended, Ended::Interrupted(2));
    assert!(ended.told(5).unwrap().contains("round 2 of 5"));
}
