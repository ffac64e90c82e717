//! What it costs a program at work to be explained once a second: measured on request, on a quiet machine with two processors or more.
//!
//! Rounds of the same work with and without `strata explain PID` beside it, in turns; the medians are compared. Nothing is asserted.

mod stage;

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use stage::{Story, strata};

const PAIRS: usize = 12;

fn round(story: &mut Story) -> f64 {
    story.go_on().parse::<f64>().expect("nanoseconds") / 1e9
}

/// The same while the command runs once a second, and how long each run took.
fn round_explained(story: &mut Story) -> (f64, Vec<f64>) {
    let (number, is_over) = (story.number(), AtomicBool::new(false));
    thread::scope(|scope| {
        let explaining = scope.spawn(|| {
            let mut seconds = Vec::new();
            while !is_over.load(Relaxed) {
                let start = Instant::now();
                let explained =
                    Command::new(strata()).args(["explain", &number]).stdout(Stdio::null()).status();
                assert!(explained.expect("the command starts").success());
                seconds.push(start.elapsed().as_secs_f64());
                while start.elapsed() < Duration::from_secs(1) && !is_over.load(Relaxed) {
                    thread::sleep(Duration::from_millis(5));
                }
            }
            seconds
        });
        let time = round(story);
        is_over.store(true, Relaxed);
        (time, explaining.join().expect("it ends"))
    })
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
#[ignore = "two minutes, on a quiet machine: cargo test --release -p strata-stories --test cost -- --ignored --nocapture"]
fn explained_once_a_second() {
    let mut story = Story::play("rounds", "");
    round(&mut story);
    let (mut plain, mut explained, mut ratios, mut times) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        // Whichever comes first may find another machine than the one that comes second.
        let without_first = (pair % 2 == 0).then(|| round(&mut story));
        let (with, seconds) = round_explained(&mut story);
        let without = without_first.unwrap_or_else(|| round(&mut story));
        println!("pair {pair:>2}: {without:.3} s, explained {with:.3} s");
        times.extend(seconds);
        plain.push(without);
        explained.push(with);
        ratios.push(with / without);
    }
    let (plain, explained) = (median(&mut plain), median(&mut explained));
    println!(
        "medians: {plain:.3} s, explained once a second {explained:.3} s: {:+.2} %",
        100.0 * (explained / plain - 1.0)
    );
    println!("median of the pairs' ratios: {:+.2} %", 100.0 * (median(&mut ratios) - 1.0));
    println!("{} times explained, each {:.0} ms", times.len(), 1000.0 * median(&mut times));
}
