//! The dump that a program writes of itself: by a signal, in whatever it is, and before null is returned.

mod stage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use stage::{Story, answer, text};

/// A machine under load takes its time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A file of the test's own.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let file = Self(std::env::temp_dir().join(format!("strata-dump-{name}-{}", std::process::id())));
        let _ = fs::remove_file(&file.0);
        file
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.0).unwrap_or_default()
    }

    /// The snapshots in it, once there are `count` whole ones.
    fn snapshots(&self, count: usize) -> Vec<Value> {
        let start = Instant::now();
        loop {
            let text = self.text();
            let lines = text.split_inclusive('\n').filter(|line| line.starts_with("{\"strata_snapshot\""));
            let whole: Vec<Value> = lines
                .filter(|line| line.ends_with('\n'))
                .map(|line| serde_json::from_str(line).expect("JSON"))
                .collect();
            if whole.len() >= count {
                return whole;
            }
            assert!(start.elapsed() < PATIENCE, "{} of {count} dumps:\n{text}", whole.len());
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn play(name: &str, file: &File) -> Story {
    let mut command = Command::new(env!("CARGO_BIN_EXE_story"));
    command.arg(name).env("STRATA_DUMP", file.path());
    Story::start(command.env("STRATA_DUMP_SIGNAL", libc::SIGUSR2.to_string()))
}

/// Sends the signal to each thread of the process.
fn signal_all_threads(process: u32) {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("threads").flatten();
    for thread in threads.filter_map(|entry| entry.file_name().to_str()?.parse::<libc::pid_t>().ok()) {
        // SAFETY: a signal that the process answers.
        unsafe { libc::syscall(libc::SYS_tgkill, process as libc::pid_t, thread, libc::SIGUSR2) };
    }
}

/// How often the threads of a process that is at work have paused.
fn pauses(process: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("threads").flatten();
    let status = threads.filter_map(|entry| fs::read_to_string(entry.path().join("status")).ok());
    let pauses = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or(0)
    };
    status.map(pauses).sum()
}

fn signal(process: u32) {
    // SAFETY: a signal that the process answers.
    assert_eq!(unsafe { libc::kill(process as libc::pid_t, libc::SIGUSR2) }, 0);
}

fn sum_of_top_lines(snapshot: &Value) -> u64 {
    let lines = snapshot["explanation"]["lines"].as_array().expect("lines");
    lines
        .iter()
        .filter(|line| line["parent"].is_null())
        .map(|line| line["bytes"].as_u64().expect("bytes"))
        .sum()
}

#[test]
fn a_signal_has_a_process_say_what_it_holds_and_the_process_goes_on() {
    let file = File::new("signal");
    let mut story = play("threads", &file);
    assert_eq!(file.text(), "", "nothing is dumped unasked");
    signal(story.pid);
    let snapshot = file.snapshots(1).remove(0);
    let page = file.text();
    for part in ["strata: a signal asks for a dump: process", "live blocks", "RSS", "no problem"] {
        assert!(page.contains(part), "no {part}:\n{page}");
    }
    let rss = snapshot["explanation"]["rss_bytes"].as_u64().expect("bytes");
    assert_eq!(sum_of_top_lines(&snapshot), rss);
    let status = fs::read_to_string(format!("/proc/{}/status", story.pid)).expect("status");
    let kernels: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok())
        .expect("VmRSS");
    assert!(rss.abs_diff(kernels << 10) < (1 << 20), "{rss} by the dump, {kernels} kB by the kernel");
    signal(story.pid);
    assert_eq!(file.snapshots(2).len(), 2);
    let difference =
        answer(&["diff", file.path().to_str().expect("a path"), file.path().to_str().expect("a path")]);
    assert!(difference.contains("live blocks: no change"), "{difference}");
    let own = story.own_stats();
    assert_eq!(own["large_bytes"], snapshot["heaps"][0]["stats"]["large_bytes"]);
    assert!(own["live_bytes"].as_u64().expect("bytes") > 1 << 20);
}

#[test]
fn signals_that_come_in_the_middle_of_anything_do_no_harm() {
    let file = File::new("busy");
    let story = play("busy", &file);
    for _ in 0..30 {
        signal_all_threads(story.pid);
        sleep(Duration::from_millis(3));
    }
    assert!(!file.snapshots(1).is_empty());
    // A dump that was begun ends.
    let dumps = file.text().matches("strata: a signal").count();
    let snapshots = file.snapshots(dumps);
    assert!(
        snapshots.iter().all(|snapshot| sum_of_top_lines(snapshot) == snapshot["explanation"]["rss_bytes"])
    );
    let (before, start) = (pauses(story.pid), Instant::now());
    while pauses(story.pid) == before {
        assert!(start.elapsed() < PATIENCE, "it does not go on");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn before_null_is_returned_the_process_says_what_holds_the_memory() {
    let file = File::new("refused");
    let script = "ulimit -v 700000; exec \"$0\" refused";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_story")]).env("STRATA_DUMP", file.path());
    let _story = Story::start(&mut command);
    let page = file.text();
    assert_eq!(page.matches("strata: memory is refused, and null returned").count(), 1, "{page}");
    assert_eq!(page.matches("strata: ").count(), 1, "once: {page}");
    let snapshot = file.snapshots(1).remove(0);
    assert_eq!(sum_of_top_lines(&snapshot), snapshot["explanation"]["rss_bytes"]);
    let huge = snapshot["heaps"][0]["stats"]["huge_bytes"].as_u64().expect("bytes");
    assert!((200 << 20..700 << 20).contains(&huge), "{huge}");
}

#[test]
fn a_file_that_cannot_be_written_gets_a_line_and_the_program_runs() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_story"));
    command.env("STRATA_DUMP", "/proc/no/such/file").arg("no-such-story");
    let said = text(&command.output().expect("it starts").stderr);
    assert!(said.contains("strata: STRATA_DUMP: the file cannot be opened"), "{said}");
    assert!(said.contains("no story `no-such-story`"), "{said}");
    let file = File::new("number");
    command.env("STRATA_DUMP", file.path()).env("STRATA_DUMP_SIGNAL", "USR2");
    let said = text(&command.output().expect("it starts").stderr);
    assert!(said.contains("STRATA_DUMP_SIGNAL is not accepted"), "{said}");
}
