//! A line a second: who answers, what it has, how many were asked.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use strata_example_service::client::Client;
use strata_example_service::load::Outcome;
use strata_example_service::routes::State;

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    generations: u32,
    most_resident_bytes: u64,
}

/// Prints until `work` is done.
pub(crate) fn while_running(address: SocketAddr, outcome: &Outcome, work: impl FnOnce()) -> Seen {
    let is_over = AtomicBool::new(false);
    println!(
        "{:>6} {:>9} {:>11} {:>9} {:>9} {:>9} {:>7}",
        "second", "process", "resident", "pages", "visits", "answered", "failed"
    );
    thread::scope(|scope| {
        let watching = scope.spawn(|| watch(address, outcome, &is_over));
        work();
        is_over.store(true, Relaxed);
        watching.join().unwrap_or_default()
    })
}

fn watch(address: SocketAddr, outcome: &Outcome, is_over: &AtomicBool) -> Seen {
    let (start, client, mut seen) = (Instant::now(), Client::new(address), Seen::default());
    for second in 1.. {
        thread::sleep(Duration::from_secs(second).saturating_sub(start.elapsed()));
        if is_over.load(Relaxed) {
            break;
        }
        let counts = format!("{:>9} {:>7}", outcome.good.load(Relaxed), outcome.failed.load(Relaxed));
        match client.state() {
            Ok(state) => {
                let resident = resident_bytes(state.process);
                seen.note(&state, resident);
                println!("{second:>6} {} {counts}", line(&state, resident));
            }
            Err(_) => println!("{second:>6} {:>9} {:>33} {counts}", "nobody", ""),
        }
    }
    seen
}

fn line(state: &State, resident: u64) -> String {
    let amount = &state.amount;
    let [resident, pages, visits] = [resident, amount.page_bytes as u64, amount.visit_bytes as u64]
        .map(|bytes| format!("{} MiB", bytes >> 20));
    format!("{:>9} {resident:>11} {pages:>9} {visits:>9}", state.process)
}

/// As the kernel counts it; 0 for a process that has just ended.
fn resident_bytes(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

impl Seen {
    fn note(&mut self, state: &State, resident: u64) {
        self.generations = self.generations.max(state.generation);
        self.most_resident_bytes = self.most_resident_bytes.max(resident);
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let restarts = self.generations.saturating_sub(1);
        write!(f, "{restarts} restarts, at most {} MiB resident", self.most_resident_bytes >> 20)
    }
}
