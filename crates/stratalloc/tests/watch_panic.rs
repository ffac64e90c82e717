//! A callback that panics: reported with the thread's name, and with feature `std` the end of that call only.

#[allow(dead_code, reason = "each test file uses its part")]
mod process;

use process::child_for;
use std::sync::mpsc;
use std::time::Duration;
use stratalloc::Strata;
use stratalloc::watch::{self, Threshold};

#[global_allocator]
static GLOBAL: Strata = Strata;

const NAME: &str = "a_callback_that_panics_is_reported_and_ends_no_more_than_it_must";
const PATIENCE: Duration = Duration::from_secs(60);

/// Two watches that are crossed from the start: the first panics, the second reports.
fn panics_beside_another() {
    watch::set_interval(Duration::from_millis(1));
    let _panicking =
        watch::at(Threshold::resident().bytes(1), |_| panic!("a mistake of the program's")).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let (report, reports) = mpsc::channel();
    let _other = watch::at(Threshold::resident().bytes(1), move |_| report.send(()).unwrap()).unwrap();
    reports.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn a_callback_that_panics_is_reported_and_ends_no_more_than_it_must() {
    if std::env::var("STRATA_TEST_CHILD").is_ok_and(|child| child == NAME) {
        return panics_beside_another();
    }
    let output = child_for(NAME).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("strata: thread strata-watch: the callback of a watch panicked"), "{errors}");
    assert!(errors.contains("a mistake of the program's"), "{errors}");
    assert_eq!(output.status.success(), cfg!(feature = "std"), "{errors}");
    assert_eq!(errors.contains("feature `std`"), !cfg!(feature = "std"), "{errors}");
}
