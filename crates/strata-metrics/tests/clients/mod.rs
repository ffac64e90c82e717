//! Programs of others, which tests use where they are installed.

#![allow(dead_code, reason = "each test uses some of it")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs a program with a text as its input; `None` if it is not installed.
pub(crate) fn fed(command: &mut Command, input: &str) -> Option<Output> {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()?;
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("it reads");
    Some(child.wait_with_output().expect("it ends"))
}

/// What a program printed, both ways.
pub(crate) fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}
