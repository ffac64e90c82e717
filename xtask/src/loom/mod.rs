//! The shipped protocols under loom, and the same protocols with a fault in them.
//!
//! `models` runs what must pass; `faults` runs what must fail; `build` makes both; [`crate::compiler`] puts one fault in.
//!
//! Does not know: any protocol.

mod build;
mod faults;
mod models;

use std::path::Path;

use anyhow::{Result, bail};

use crate::mutants::Table;

/// What to check.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Build each mutant of loom-tests/mutants.toml and demand that its model fails.
    #[arg(long)]
    mutants: bool,
    /// Only this test file, tests with this in their names, or (with --mutants) this fault.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Only the models of the ordinary test command (`short` in loom-tests/mutants.toml).
    #[arg(long, conflicts_with_all = ["mutants", "only"])]
    short: bool,
}

/// Some of the models: a test file, a part of a test's name, or both.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
struct Selection {
    file: Option<String>,
    filter: Option<String>,
}

impl Selection {
    /// `file`, `file::test` or `test`; what is no file of the tests is a part of a name.
    fn parse(root: &Path, name: &str) -> Self {
        let (first, rest) = name.split_once("::").map_or((name, None), |(first, rest)| (first, Some(rest)));
        if root.join("loom-tests/tests").join(format!("{first}.rs")).is_file() {
            return Self { file: Some(first.to_owned()), filter: rest.map(str::to_owned) };
        }
        Self { file: None, filter: Some(name.to_owned()) }
    }
}

/// Runs what is asked for; an error if a model fails or a fault survives.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let only = arguments.only.as_deref();
    match arguments {
        Arguments { mutants: true, .. } => faults::run(root, only),
        Arguments { short: true, .. } => short(root),
        _ => models::run(root, &[only.map_or_else(Selection::default, |name| Selection::parse(root, name))]),
    }
}

/// Runs the models of the ordinary test command.
pub(crate) fn short(root: &Path) -> Result<()> {
    let table = Table::load(root)?;
    if table.short.is_empty() {
        bail!("`short` in {} names no model", crate::mutants::TABLE);
    }
    models::run(root, &table.short.iter().map(|name| Selection::parse(root, name)).collect::<Vec<_>>())
}
