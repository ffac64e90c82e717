//! The mutants: where the source has them, and which model `loom-tests/mutants.toml` says must fail.
//!
//! A site is `#[cfg(strata_mutant = "name")]`, or an entry `… mutant "name" = …` of the table in
//! `crates/strata-core/src/sync/mutation.rs`. The table of the models:
//!
//! ```toml
//! short = ["p1_remote_chain"]            # what the ordinary test command runs: files, or file::test
//!
//! [mutants.remote_push_relaxed]
//! file = "p1_remote_chain"               # loom-tests/tests/p1_remote_chain.rs
//! filter = "one_push_one_drain"          # optional: part of the test's name, as cargo test takes it
//! breaks = "the owner may read a link before it is written"
//! ```
//!
//! Does not know: how a fault is built or run.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::source::Source;
use crate::workspace::Tree;

/// Where the table is.
pub(crate) const TABLE: &str = "loom-tests/mutants.toml";

/// The table of the models.
#[derive(Deserialize, Default, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    /// Test files (or `file::test`) of the short set.
    #[serde(default)]
    pub(crate) short: Vec<String>,
    /// By the fault's name.
    #[serde(default)]
    pub(crate) mutants: BTreeMap<String, Mutant>,
}

/// One mutant, as the table has it.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mutant {
    /// The test file, without folder and `.rs`.
    pub(crate) file: String,
    /// Which of its tests run: a part of their names.
    #[serde(default)]
    pub(crate) filter: Option<String>,
    /// What goes wrong, in words.
    pub(crate) breaks: String,
    /// The fault makes a thread spin for ever, so loom's branch limit is how it is seen.
    #[serde(default)]
    pub(crate) livelock: bool,
}

impl Table {
    /// The table of the workspace at `root`.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(root.join(TABLE)).with_context(|| format!("reading {TABLE}"))?;
        toml::from_str(&text).with_context(|| format!("{TABLE} is not as xtask/src/mutants.rs describes it"))
    }

    /// Demands that the source seeds exactly the faults that the table lists.
    pub(crate) fn agrees_with(&self, tree: &Tree) -> Result<()> {
        let sites = sites(tree);
        let untested = sites.iter().filter(|(name, _)| !self.mutants.contains_key(*name));
        let mut wrong: Vec<_> = untested
            .map(|(name, (path, line))| format!("{path}:{line}: `{name}` has no entry in {TABLE}"))
            .collect();
        let unseeded = self.mutants.keys().filter(|name| !sites.contains_key(*name));
        wrong.extend(unseeded.map(|name| format!("{TABLE}: `{name}` has no site in crates/*/src")));
        if wrong.is_empty() {
            return Ok(());
        }
        bail!("the mutants and their table differ:\n  {}", wrong.join("\n  "))
    }
}

/// The faults that the shipped source seeds: name to (file, line).
pub(crate) fn sites(tree: &Tree) -> BTreeMap<String, (String, usize)> {
    let mut sites = BTreeMap::new();
    for file in tree.rust_below(&["crates/"]).filter(|file| file.path.contains("/src/")) {
        for hit in file.find(Source::code_and_strings, r#"\b(?:strata_mutant\s*=|mutant)\s*"(\w+)""#) {
            sites.entry(hit.groups[1].to_owned()).or_insert((file.path.clone(), hit.line));
        }
    }
    sites
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let text = "//! --cfg strata_mutant=\"not_in_a_comment\"\n#[cfg(not(strata_mutant = \"a\"))]\n#[cfg(strata_mutant=\"a\")]\n\
                    sites! { B: bool = true, mutant \"b\" = false; }\n#[cfg(strata_mutant = $mutant)]\n";
        Tree::of(&[("crates/x/src/a.rs", text), ("crates/x/tests/b.rs", "strata_mutant = \"c\"")])
    }

    #[test]
    fn both_forms_of_a_site_are_found_once() {
        let sites = sites(&tree());
        assert_eq!(sites.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(sites["a"].1, 2);
    }

    #[test]
    fn a_table_that_differs_from_the_source_names_what_is_missing_on_either_side() {
        let wrong = |table: &str| {
            let table: Table = toml::from_str(table).expect("a table");
            table.agrees_with(&tree()).err().map(|wrong| wrong.to_string()).unwrap_or_default()
        };
        let a = "[mutants.a]\nfile = \"p1\"\nbreaks = \"x\"\n";
        assert_eq!(wrong(&(a.to_owned() + &a.replace("s.a", "s.b"))), "");
        let wrong = wrong(&(a.to_owned() + &a.replace("s.a", "s.z")));
        assert!(wrong.contains("crates/x/src/a.rs:4: `b`") && wrong.contains("`z` has no site"), "{wrong}");
    }
}
