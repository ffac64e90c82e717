//! The programs, one file each: which packages, which input, how it is run, what its answer is.
//!
//! Inputs are made from a fixed seed or lie in `crates/strata-programs/inputs/`. An answer must be the same on all allocators; where a
//! program gives a verdict of its own (servers, test suites), that is checked, and the answer holds what does not depend on
//! the clock.

mod compiler;
mod git;
mod jq;
mod lua;
mod perl;
mod postgres;
mod python;
mod redis;
mod ripgrep;
mod shell;
mod sqlite;
mod stress;
mod text;
mod video;
mod xslt;

use anyhow::Result;

use super::install::Package;
use super::place::Place;
use super::run::{Done, Run};

/// How often a program is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounds {
    /// As often as was asked for, for its numbers.
    All,
    /// Once on each allocator, for its verdict.
    Once,
}

/// A program and its work.
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) work: &'static str,
    pub(super) packages: &'static [Package],
    pub(super) rounds: Rounds,
    /// Makes its inputs, once.
    pub(super) prepare: fn(&Place) -> Result<()>,
    pub(super) run: fn(&Run<'_>) -> Result<Done>,
}

/// All of them, in the order of the tables.
pub(super) const ALL: &[&Program] = &[
    &python::SCRIPT,
    &redis::REDIS,
    &sqlite::SQLITE,
    &compiler::COMPILER,
    &git::GIT,
    &perl::PERL,
    &lua::LUA,
    &jq::JQ,
    &ripgrep::RIPGREP,
    &postgres::POSTGRES,
    &stress::STRESS,
    &shell::SHELL,
    &video::VIDEO,
    &xslt::XSLT,
    &python::TESTS,
];

impl Program {
    pub(super) fn is_timed(&self) -> bool {
        self.rounds == Rounds::All
    }

    /// Rounds after the first.
    pub(super) fn rounds(&self, wish: usize) -> usize {
        match self.rounds {
            Rounds::All => wish,
            Rounds::Once => 0,
        }
    }
}

/// Nothing to prepare.
fn nothing(_: &Place) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_there_once() {
        let names: BTreeSet<&str> = ALL.iter().map(|program| program.name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
