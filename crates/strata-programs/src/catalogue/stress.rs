//! stress-ng's allocation stress, which checks the contents of what it allocated.

use anyhow::Result;

use super::{Program, Rounds, nothing};
use crate::run::{Done, Run};

pub(super) const STRESS: Program = Program {
    name: "stress-ng",
    work: "--malloc with --verify, two processes",
    packages: &[&["stress-ng"]],
    rounds: Rounds::All,
    prepare: nothing,
    run: stress,
};

/// Its verdict is the exit status.
fn stress(run: &Run<'_>) -> Result<Done> {
    let words = ["stress-ng", "--malloc", "2", "--malloc-ops", "300000", "--malloc-bytes", "64k"];
    let done = run.once(words.into_iter().chain(["--malloc-max", "4096", "--verify", "--seed", "7"]))?;
    Ok(Done { answer: Vec::new(), ..done })
}
