//! `strata top` on a real terminal: what it shows, its keys, and that it leaves the terminal as it found it, however it ends.
//!
//! The terminal is tmux's, on a server of the test's own; without tmux these tests say that they skip.

mod stage;

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use stage::{Story, ask, strata, text};

/// A machine under load takes its time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal of 80 by 24 with a shell on it.
struct Terminal {
    socket: String,
}

impl Terminal {
    /// `None`: tmux is not there.
    fn open(name: &str) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            println!("skipped: tmux is not installed");
            return None;
        }
        let terminal = Self { socket: format!("strata-{name}-{}", std::process::id()) };
        terminal.tmux(&["new-session", "-d", "-x", "80", "-y", "24", "env", "PS1=$ ", "sh"]);
        terminal.wait_for("$");
        Some(terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.args(["-u", "-f", "/dev/null", "-L", &self.socket]).args(arguments);
        let output = command.env_remove("TMUX").stdin(Stdio::null()).output().expect("tmux runs");
        assert!(output.status.success(), "tmux {arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// What is on it.
    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    fn wait_for(&self, part: &str) -> String {
        self.wait_until(part, |screen| screen.contains(part))
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            if is_so(&screen) {
                return screen;
            }
            assert!(start.elapsed() < PATIENCE, "waited for {what}; there is:\n{screen}");
            sleep(Duration::from_millis(50));
        }
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    fn type_line(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.keys(&["Enter"]);
    }

    /// Starts the command, which says by its exit status that it has ended.
    fn start(&self, arguments: &str) {
        self.type_line("clear");
        self.type_line(&format!("{} top {arguments}; echo status=$?", strata().display()));
    }

    /// The command, a child of the terminal's shell.
    fn command(&self) -> u32 {
        let shell = self.tmux(&["display-message", "-p", "#{pane_pid}"]);
        let shell = shell.trim();
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).expect("children");
        children.split_whitespace().next().expect("a child").parse().expect("a number")
    }

    /// The command has ended, and the terminal is as it was: echo, lines, its own screen, a cursor.
    fn assert_given_back(&self, status: u32) {
        self.wait_for(&format!("status={status}"));
        self.type_line("clear");
        self.type_line(
            "stty -a | tr ' ;' '\\n\\n' | grep -x -e icanon -e echo -e isig | sort | tr '\\n' '+'",
        );
        self.wait_for("echo+icanon+isig+");
        let modes = self.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]);
        assert_eq!(modes.trim(), "0 1", "the screen of its own, and the cursor");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut kill = Command::new("tmux");
        let _ = kill.args(["-L", &self.socket, "kill-server"]).stderr(Stdio::null()).status();
    }
}

fn signal(process: u32, signal: &str) {
    let killed = Command::new("kill").args([signal, &process.to_string()]).status().expect("kill runs");
    assert!(killed.success());
}

#[test]
fn a_process_is_shown_on_80_by_24_and_keys_do_what_they_say() {
    let Some(terminal) = Terminal::open("keys") else { return };
    let story = Story::play("fragmentation", "");
    terminal.start(&format!("{} --every 0.2", story.pid));
    let screen = terminal.wait_for("purge policy");
    for part in ["strata top  story", "live blocks", "free blocks, pools in use", "RSS", "704 B", "q quit"] {
        assert!(screen.contains(part), "no {part}:\n{screen}");
    }
    assert_eq!(screen.lines().count(), 24, "the screen is full:\n{screen}");
    terminal.wait_for("live▾");
    terminal.keys(&["s"]);
    terminal.wait_for("free▾");
    terminal.keys(&["Tab"]);
    terminal.wait_for("batches/s");
    terminal.keys(&["f"]);
    terminal.wait_for("top  frozen");
    terminal.keys(&["f", "h"]);
    terminal.wait_for("sort by the next column");
    terminal.keys(&["x", "q"]);
    terminal.assert_given_back(0);
}

#[test]
fn a_signal_ends_it_with_the_terminal_as_it_was() {
    let Some(terminal) = Terminal::open("signals") else { return };
    let story = Story::play("idle", "");
    for (name, status) in [("-INT", 130), ("-TERM", 143)] {
        terminal.start(&story.number());
        terminal.wait_for("purge policy");
        signal(terminal.command(), name);
        terminal.assert_given_back(status);
    }
    terminal.start(&story.number());
    terminal.wait_for("purge policy");
    terminal.keys(&["C-c"]);
    terminal.assert_given_back(0);
}

#[test]
fn it_ends_with_its_terminal() {
    let Some(terminal) = Terminal::open("hangup") else { return };
    let story = Story::play("idle", "");
    terminal.start(&story.number());
    terminal.wait_for("purge policy");
    let command = terminal.command();
    drop(terminal);
    let start = Instant::now();
    while fs::exists(format!("/proc/{command}")).expect("/proc") {
        assert!(start.elapsed() < PATIENCE, "{command} goes on without a terminal");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_list_names_what_runs_on_strata_and_leads_there_and_back() {
    let Some(terminal) = Terminal::open("list") else { return };
    let story = Story::play("huge-blocks", "");
    terminal.start("--every 0.3");
    let is_listed = |screen: &str| screen.contains("on Strata") && screen.contains(&story.number());
    let screen = terminal.wait_until("the story", is_listed);
    assert!(screen.contains("story") && screen.contains("allocated"), "{screen}");
    terminal.keys(&["Enter"]);
    terminal.wait_for("purge policy");
    terminal.keys(&["Escape"]);
    terminal.wait_for("on Strata");
    terminal.keys(&["q"]);
    terminal.assert_given_back(0);
}

#[test]
fn what_was_seen_last_of_a_process_that_ends_stays() {
    let Some(terminal) = Terminal::open("end") else { return };
    let story = Story::play("idle", "");
    terminal.start(&format!("{} --every 0.2", story.pid));
    terminal.wait_for("purge policy");
    drop(story);
    let screen = terminal.wait_for("strata top  ended");
    assert!(screen.contains("live blocks"), "{screen}");
    terminal.keys(&["q"]);
    terminal.assert_given_back(0);
}

#[test]
fn a_process_that_is_watched_is_neither_stopped_nor_traced() {
    let Some(terminal) = Terminal::open("watched") else { return };
    let story = Story::play("idle", "");
    let memory = || fs::read(format!("/proc/{}/maps", story.pid)).expect("maps");
    let before = memory();
    terminal.start(&format!("{} --every 0.1", story.pid));
    terminal.wait_for("purge policy");
    for _ in 0..20 {
        let status = fs::read_to_string(format!("/proc/{}/status", story.pid)).expect("status");
        assert!(status.contains("TracerPid:\t0\n"), "{status}");
        assert!(!status.contains("State:\tT") && !status.contains("State:\tt"), "{status}");
        sleep(Duration::from_millis(20));
    }
    assert_eq!(memory(), before);
}

#[test]
fn without_a_terminal_one_line_says_what_to_do_instead() {
    let story = Story::play("idle", "");
    let output = ask(&["top", &story.number()]);
    let error = text(&output.stderr);
    assert!(!output.status.success() && error.lines().count() == 1, "{error}");
    assert!(error.contains("needs a terminal") && error.contains("strata explain PID"), "{error}");
}
