//! What it costs a program at work to be explained once a second: measured on request, on a quiet machine with two processors or more.
//!
//! Rounds of the same work without and with `strata explain PID` beside it, in turns. Once a second is too seldom to be told from chance
//! in a few rounds; so another program explains without a pause, and what each explanation costs is computed from that. Nothing is asserted.

mod stage;

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use stage::{Story, strata};

const PAIRS: usize = 12;

/// Seconds of a round: of the clock, but for those in which the thread waited for a processor; and of processors.
type Seconds = [f64; 2];

fn round(story: &mut Story) -> Seconds {
    let [ran_before, waited_before] = scheduled(story.pid);
    let wall = story.go_on().parse::<f64>().expect("nanoseconds") / 1e9;
    let [ran, waited] = scheduled(story.pid);
    [wall - (waited - waited_before), ran - ran_before]
}

/// How long a process's main thread has run, and waited for a processor.
fn scheduled(pid: u32) -> [f64; 2] {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).expect("its times");
    let mut numbers = text.split_whitespace().map(|number| number.parse::<f64>().expect("nanoseconds") / 1e9);
    [numbers.next().expect("its time"), numbers.next().expect("its waits")]
}

/// The same while the command runs every so often, and how long each run took.
fn round_explained(story: &mut Story, every: Duration) -> (Seconds, Vec<f64>) {
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
                while start.elapsed() < every && !is_over.load(Relaxed) {
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

/// Rounds with and without, in turns: each pair's times, and how often and how long it was explained.
fn pairs(story: &mut Story, every: Duration) -> Vec<[Seconds; 2]> {
    let (mut pairs, mut times) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        // Whichever comes first may find another machine than the one that comes second.
        let without_first = (pair % 2 == 0).then(|| round(story));
        let (with, seconds) = round_explained(story, every);
        let without = without_first.unwrap_or_else(|| round(story));
        println!(
            "pair {pair:>2}: {without:.3?} s by the clock and of processors, explained {} times {with:.3?} s",
            seconds.len()
        );
        let count = seconds.len() as f64;
        let cost = [0, 1].map(|kind| 1000.0 * (with[kind] - without[kind]) / count);
        pairs.push([cost, [0, 1].map(|kind| 100.0 * (with[kind] / without[kind] - 1.0))]);
        times.extend(seconds);
    }
    println!("{} times explained, each {:.0} ms", times.len(), 1000.0 * median(&mut times));
    pairs
}

/// The median of what each pair says, the least and the greatest: by the clock, and of processors.
fn told(values: impl Iterator<Item = Seconds>) -> String {
    let [mut wall, mut processor]: [Vec<f64>; 2] =
        values.map(|[wall, processor]| (wall, processor)).unzip().into();
    let line = |values: &mut [f64]| {
        let middle = median(values);
        format!("{middle:+.2} ({:+.2} to {:+.2})", values[0], values[values.len() - 1])
    };
    format!("{} by the clock, {} of processors", line(&mut wall), line(&mut processor))
}

#[test]
#[ignore = "two minutes, on a quiet machine: cargo test --release -p strata-stories --test cost -- --ignored --nocapture"]
fn explained_once_a_second_and_without_a_pause() {
    let mut story = Story::play("rounds", "");
    round(&mut story);
    let seldom = pairs(&mut story, Duration::from_secs(1));
    let often = pairs(&mut story, Duration::ZERO);
    println!("once a second, per cent: {}", told(seldom.iter().map(|[_, ratio]| *ratio)));
    println!("without a pause, per cent: {}", told(often.iter().map(|[_, ratio]| *ratio)));
    println!(
        "an explanation, of those without a pause, milliseconds: {}",
        told(often.iter().map(|[cost, _]| *cost))
    );
}
