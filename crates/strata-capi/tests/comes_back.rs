//! What programs free, in silence or not, with one thread or more, goes back to the system: read from outside, in `/proc`.
//!
//! How long it takes is printed, and no more than a busy machine's patience is demanded; on an idle one it is less than a second.

mod finished;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use finished::{Finished, Way, runs};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
/// Beside 1.15 times what lives.
const SLACK: u64 = 8 * MIB;
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that says "begin", waits for a line, says "live BYTES" when its burst is over, and lives on until it is ended.
struct Program {
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Program {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let says = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, says }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.says.read_line(&mut line).expect("a line");
        line
    }

    fn resident(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the line");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * KIB
    }

    /// Has it make its burst. At the end it is to be as small as before, but for what lives.
    fn expect_back(mut self, name: &str) {
        assert_eq!(self.line(), "begin\n", "{name}");
        let before = self.resident();
        writeln!(self.child.stdin.as_ref().expect("a pipe"), "go").expect("it reads");
        let line = self.line();
        let (start, full) = (Instant::now(), self.resident());
        let live: u64 = line.strip_prefix("live ").expect(name).trim().parse().expect("a number");
        let bound = (before + live) * 115 / 100 + SLACK;
        while self.resident() > bound && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
        }
        let (took, left) = (start.elapsed(), self.resident());
        let mib = |bytes: u64| bytes as f64 / MIB as f64;
        let numbers = format!(
            "{name}: before {:.1} MiB, burst {:.1}, live {:.1}; after {took:.1?} {:.1}, allowed {:.1}",
            mib(before),
            mib(full),
            mib(live),
            mib(left),
            mib(bound)
        );
        println!("{numbers}");
        assert!(full > bound + 32 * MIB, "there was nothing to give back: {numbers}");
        assert!(left <= bound, "{numbers}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn expect_back_in_c(kind: &str) {
    if let Some(mut command) = Finished::get().program("c/comes_back.c", Way::Preloaded) {
        command.arg(kind);
        Program::start(command).expect_back(kind);
    }
}

fn expect_back_in(program: &str, arguments: &[&str]) {
    if !runs(program) {
        println!("skipped: no {program}");
        return;
    }
    let mut command = Command::new(program);
    command.args(arguments).env("PYTHONMALLOC", "malloc").env("LD_PRELOAD", Finished::get().shared());
    Program::start(command).expect_back(program);
}

#[test]
fn after_a_burst_of_small_blocks() {
    expect_back_in_c("small");
}

#[test]
fn after_a_burst_of_blocks_of_a_mebibyte() {
    expect_back_in_c("mebibytes");
}

#[test]
fn after_one_huge_block() {
    expect_back_in_c("huge");
}

#[test]
fn beside_two_threads_that_sleep() {
    expect_back_in_c("small, threads");
}

#[test]
fn while_a_warm_list_goes_on() {
    expect_back_in_c("small, warm");
}

#[test]
fn after_a_table_of_keys_was_dropped_beside_threads_that_sleep() {
    expect_back_in_c("table, threads");
}

#[test]
fn the_pages_between_scattered_survivors() {
    expect_back_in_c("scattered");
}

#[test]
fn the_pages_between_scattered_survivors_beside_two_threads_that_sleep() {
    expect_back_in_c("scattered, threads");
}

#[test]
fn a_large_list_in_python() {
    let script = "import os, sys\n\
        os.write(1, b'begin\\n'); sys.stdin.readline()\n\
        x = [str(i) * 3 for i in range(1_000_000)]\n\
        del x\n\
        os.write(1, b'live 0\\n')\n\
        import signal; signal.pause()\n";
    expect_back_in("python3", &["-c", script]);
}

#[test]
fn a_large_list_in_perl() {
    // Perl keeps the heads of its scalars itself: few, since the strings are long.
    let script = "syswrite STDOUT, \"begin\\n\"; <STDIN>; my @x = map { 'x' x 2000 } 1..50000; undef @x; \
        syswrite STDOUT, \"live 0\\n\"; sleep 1000;";
    expect_back_in("perl", &["-e", script]);
}
