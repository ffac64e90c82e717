//! What it costs a program at work to be explained once a second: measured on request, on a machine with two processors or more.
//!
//! Rounds of the same work, a tenth of a second or so, in pairs: one while `strata explain PID` runs once, one without. What others
//! do on the machine is in both, so a few hundred differences say what an explanation costs, to a part of a millisecond; of it follows what
//! one a second does. Nothing is asserted.

mod stage;

use std::process::{Command, Stdio};
use std::time::Instant;

use stage::{Story, strata};

const PAIRS: usize = 600;

/// Milliseconds of a round: of the clock, but for those in which the thread waited for a processor; and of processors.
type Milliseconds = [f64; 2];

fn round(story: &mut Story) -> Milliseconds {
    let [ran_before, waited_before] = scheduled(story.pid);
    let wall = story.go_on().parse::<f64>().expect("nanoseconds") / 1e6;
    let [ran, waited] = scheduled(story.pid);
    [wall - (waited - waited_before), ran - ran_before]
}

/// How long a process's main thread has run, and waited for a processor.
fn scheduled(pid: u32) -> [f64; 2] {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).expect("its times");
    let mut numbers = text.split_whitespace().map(|number| number.parse::<f64>().expect("nanoseconds") / 1e6);
    [numbers.next().expect("its time"), numbers.next().expect("its waits")]
}

/// The same while the command runs once, and how long that took.
fn round_explained(story: &mut Story) -> (Milliseconds, f64) {
    let start = Instant::now();
    let mut explain = Command::new(strata());
    let explaining = explain.args(["explain", &story.number()]).stdout(Stdio::null()).spawn();
    let mut explaining = explaining.expect("the command starts");
    let waiting = std::thread::spawn(move || {
        assert!(explaining.wait().expect("it ends").success());
        1000.0 * start.elapsed().as_secs_f64()
    });
    let time = round(story);
    (time, waiting.join().expect("it ends"))
}

/// The median, and between which values the true one lies with a chance of 95 %, by ranks.
fn median(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let (half, away) = (values.len() / 2, (0.98 * (values.len() as f64).sqrt()).ceil() as usize);
    [half, half - away, half + away].map(|rank| values[rank])
}

#[test]
#[ignore = "four minutes: cargo test --release -p strata-stories --test cost -- --ignored --nocapture"]
fn explained_once_and_not() {
    let mut story = Story::play("rounds", "");
    round(&mut story);
    let (mut costs, mut without, mut explanations) = ([Vec::new(), Vec::new()], Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        // Whichever comes first may find another machine than the one that comes second.
        let first = (pair % 2 == 0).then(|| round(&mut story));
        let (explained, took) = round_explained(&mut story);
        let plain = first.unwrap_or_else(|| round(&mut story));
        for kind in [0, 1] {
            costs[kind].push(explained[kind] - plain[kind]);
        }
        without.push(plain[0]);
        explanations.push(took);
    }
    let [took, ..] = median(explanations);
    println!("{PAIRS} pairs; a round {:.0} ms, an explanation {took:.0} ms", median(without)[0]);
    for (kind, cost) in ["by the clock", "of processors"].into_iter().zip(costs) {
        let [cost, least, most] = median(cost);
        println!(
            "an explanation costs the program {cost:.2} ms {kind} ({least:.2} to {most:.2}); once a second {:.2} %",
            cost / 10.0
        );
    }
}
