//! The house rules, as checks that name the file, the line and what to do.
//!
//! Each rule is one file here and one function from a tree of sources to findings, so that a test hands it a good and a bad
//! tree of three lines. `cargo xtask tidy` runs them; so does the test below, hence the one test command.
//!
//! Does not know: how the files were found, who reads the findings.

mod arrows;
mod decisions;
mod facts;
mod file_shape;
mod forbidden;
mod links;
mod pairing;
mod protocols;
pub(crate) mod switches;
mod walls;

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};

use crate::workspace::Tree;

/// One breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) line: usize,
    /// What is wrong, then what to do about it.
    pub(crate) message: String,
}

impl Finding {
    pub(crate) fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// The crates whose source the models check: no atomics but the facade's, no addresses from numbers.
const PROTOCOL_CRATES: &[&str] = &["crates/strata-core/", "crates/strata-segment/", "crates/strata-cache/"];

/// The folders whose Rust files must have our form.
const OUR_RUST: &[&str] = &["crates/", "benches/", "loom-tests/", "xtask/"];

type Check = fn(&Tree) -> Vec<Finding>;

const CHECKS: &[(&str, Check)] = &[
    ("files open with their idea, are short, and are named by it", file_shape::check),
    ("nothing stands in a file that may not", forbidden::check),
    ("comments name functions that exist", pairing::check),
    ("protocols have source, model and mutant", protocols::check),
    ("rooms know what they are drawn to know", walls::check),
    ("heuristics that can be compiled out are in the book", switches::check),
    ("links lead somewhere", links::check),
    ("numbers in pages are those of the source", facts::check),
    ("decisions have one form, and fit on a screen", decisions::check),
];

/// Every breach in the workspace at `root`.
fn findings(root: &Path) -> Result<Vec<Finding>> {
    let tree = Tree::load(root)?;
    let mut findings: Vec<_> = CHECKS.iter().flat_map(|(_, check)| check(&tree)).collect();
    findings.extend(arrows::check(&tree, &arrows::from_cargo(root)?));
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    Ok(findings)
}

/// Prints every breach; an error if there is one.
pub(crate) fn run(root: &Path) -> Result<()> {
    let findings = findings(root)?;
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} breaches of the house rules (CONTRIBUTING.md says why each rule exists)", findings.len());
    }
    for (rule, _) in CHECKS {
        println!("ok: {rule}");
    }
    println!("ok: crates use each other as drawn");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_keeps_its_house_rules() {
        let findings = findings(&crate::workspace::root()).expect("the workspace can be read");
        let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "\n{}\n", lines.join("\n"));
    }
}
