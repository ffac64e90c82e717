//! ripgrep: a program of Rust that searches files with several threads.

use anyhow::{Context, Result};

use super::text::Writer;
use super::{Program, Rounds};
use crate::place::Place;
use crate::run::{Done, Run};

const FILES: usize = 400;
const LINES_OF_A_FILE: usize = 800;

pub(super) const RIPGREP: Program = Program {
    name: "ripgrep",
    work: "searches 400 files for alternatives, two threads, every match as JSON",
    packages: &[&["ripgrep"]],
    rounds: Rounds::All,
    prepare,
    run: search,
};

fn prepare(place: &Place) -> Result<()> {
    let mut writer = Writer::new(4);
    std::fs::create_dir(place.input("texts")).context("making a folder of texts")?;
    (0..FILES)
        .try_for_each(|number| place.put(&format!("texts/{number:03}.txt"), writer.lines(LINES_OF_A_FILE)))
}

/// Which file comes first is up to the threads, and the summary has times in it: the matches are sorted.
fn search(run: &Run<'_>) -> Result<Done> {
    let pattern = r"\b(?:(\w*)tendra(\w*)|gus\w{3,5}lin|(zu|pi){2,}\w*)\b";
    let words = ["rg", "--threads", "2", "--json", "--ignore-case", pattern].map(Into::into);
    let done = run.once(words.into_iter().chain([run.place.input("texts")]))?;
    let mut matches: Vec<&[u8]> = done
        .answer
        .split(|byte| *byte == b'\n')
        .filter(|line| line.starts_with(br#"{"type":"match""#))
        .collect();
    matches.sort_unstable();
    Ok(Done { answer: matches.join(&b'\n'), sample: done.sample })
}
