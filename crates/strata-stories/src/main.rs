//! `story NAME [fixed]`: plays one story, says `ready`, and stays as it is until its standard input ends. Once there is a line to read,
//! it says its statistics as JSON.
//!
//! `fixed` plays the same without the fault. `STRATA_PROFILE=FILE` has it profiled.

mod story;

use std::fmt::Write as _;
use std::io::{BufRead, Read, Write};
use std::process::ExitCode;

use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

/// How a story goes: with its fault, or without.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Faulty,
    Fixed,
}

fn main() -> ExitCode {
    // As the environment asks: STRATA_PROFILE=FILE.
    strata_profile::start_as_asked();
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let form = if arguments.next().is_some_and(|word| word == "fixed") { Form::Fixed } else { Form::Faulty };
    match story::ALL.iter().find(|(known, _)| *known == name) {
        Some((_, play)) => play(form),
        None => {
            let known: Vec<_> = story::ALL.iter().map(|(known, _)| *known).collect();
            eprintln!("no story `{name}`; there are {}", known.join(", "));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Says that the story has come to its point and what Strata's statistics are, and waits until it is not needed any more.
///
/// From the statistics on, this thread allocates nothing, so that they stay true.
pub(crate) fn ready() {
    let (mut out, mut input) = (std::io::stdout().lock(), std::io::stdin().lock());
    // Makes the buffers of both.
    let _ = writeln!(out, "ready");
    let _ = input.fill_buf().is_ok_and(<[u8]>::is_empty);
    let mut text = Text { bytes: [0; 64 << 10], len: 0 };
    let _ = Strata::stats().write_json(&mut text);
    let _ = writeln!(text);
    let _ = out.write_all(text.bytes.get(..text.len).unwrap_or_default());
    let _ = out.flush();
    let mut ignored = [0; 16];
    while input.read(&mut ignored).is_ok_and(|read| read > 0) {}
}

/// Text in a buffer on the stack.
struct Text {
    bytes: [u8; 64 << 10],
    len: usize,
}

impl std::fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len + text.len();
        let place = self.bytes.get_mut(self.len..end).ok_or(std::fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}
