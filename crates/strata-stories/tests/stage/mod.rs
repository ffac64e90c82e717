//! Stories as processes of their own, and the command that inspects them.

#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The command `strata`, built beside the stories.
pub(crate) fn strata() -> &'static Path {
    static COMMAND: OnceLock<PathBuf> = OnceLock::new();
    COMMAND.get_or_init(|| {
        let folder = Path::new(env!("CARGO_BIN_EXE_story")).parent().expect("a folder of programs");
        let (target, profile) = (folder.parent().expect("a target"), folder.file_name().expect("a profile"));
        let profile = if profile == "debug" { "dev".as_ref() } else { profile };
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "strata-cli", "--profile"]).arg(profile);
        let built = build.arg("--target-dir").arg(target).status().expect("cargo starts");
        assert!(built.success(), "the command does not build");
        folder.join("strata")
    })
}

/// What the command answers, which must succeed.
pub(crate) fn answer(arguments: &[&str]) -> String {
    let output = ask(arguments);
    let (said, error) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {said}{error}");
    said
}

/// Runs the command.
pub(crate) fn ask(arguments: &[&str]) -> Output {
    Command::new(strata()).args(arguments).output().expect("the command starts")
}

/// A text of the command's.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running story.
pub(crate) struct Story {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// The process to inspect: the story, or its child.
    pub(crate) pid: u32,
}

impl Story {
    /// Plays a story, up to its point.
    pub(crate) fn play(name: &str, form: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_story"));
        Self::start(command.args([name, form]))
    }

    /// Plays any program that says `ready`.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let (input, pid) = (child.stdin.take(), child.id());
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let mut story = Self { child, input, output, pid };
        loop {
            let line = story.line();
            match line.strip_prefix("child ") {
                Some(number) => story.pid = number.parse().expect("a number"),
                None => break assert_eq!(line, "ready"),
            }
        }
        story
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("its output");
        line.trim_end().to_owned()
    }

    /// The statistics that it has of itself; it allocates nothing afterwards.
    pub(crate) fn own_stats(&mut self) -> Value {
        self.input.as_mut().expect("its input").write_all(b"\n").expect("it listens");
        serde_json::from_str(&self.line()).expect("JSON")
    }

    /// Tells it to go on, by an empty line; what it says then.
    pub(crate) fn go_on(&mut self) -> String {
        self.input.as_mut().expect("its input").write_all(b"\n").expect("it listens");
        self.line()
    }

    /// Waits until it has ended.
    pub(crate) fn wait(mut self) {
        let _ = self.child.wait();
    }

    /// Its number, as an argument.
    pub(crate) fn number(&self) -> String {
        self.pid.to_string()
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether Python is there, and has this module.
pub(crate) fn python_has(module: &str) -> bool {
    let asked = Command::new("python3").args(["-c", &format!("import {module}")]).output();
    asked.is_ok_and(|output| output.status.success())
}
