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

/// Seconds of a round: on the wall, and of processors.
type Seconds = [f64; 2];

fn round(story: &mut Story) -> Seconds {
    let before = processor_seconds(story.pid);
    let wall = story.go_on().parse::<f64>().expect("nanoseconds") / 1e9;
    [wall, processor_seconds(story.pid) - before]
}

/// What all threads of a process had of processors.
fn processor_seconds(pid: u32) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("its threads");
    let of_thread = |folder: std::path::PathBuf| -> Option<f64> {
        let text = std::fs::read_to_string(folder.join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    threads.filter_map(|thread| of_thread(thread.ok()?.path())).sum::<f64>() / 1e9
}

/// The same while the command runs once a second, and how long each run took.
fn round_explained(story: &mut Story) -> (Seconds, Vec<f64>) {
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
    let (mut ratios, mut times) = ([Vec::new(), Vec::new()], Vec::new());
    for pair in 0..PAIRS {
        // Whichever comes first may find another machine than the one that comes second.
        let without_first = (pair % 2 == 0).then(|| round(&mut story));
        let (with, seconds) = round_explained(&mut story);
        let without = without_first.unwrap_or_else(|| round(&mut story));
        println!("pair {pair:>2}: {without:.3?} s on the wall and of processors, explained {with:.3?} s");
        times.extend(seconds);
        for (ratios, (with, without)) in ratios.iter_mut().zip(with.into_iter().zip(without)) {
            ratios.push(with / without);
        }
    }
    let [wall, processor] = ratios.map(|mut ratios| 100.0 * (median(&mut ratios) - 1.0));
    println!("medians of the pairs' ratios: {wall:+.2} % on the wall, {processor:+.2} % of processor time");
    println!("{} times explained, each {:.0} ms", times.len(), 1000.0 * median(&mut times));
}
