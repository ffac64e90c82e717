//! A comment that names `file.rs::function` names a file and an item that exist; an ordering says whom it pairs with.
//!
//! `// Release: publishes the links; pairs with Acquire in remote.rs::take_all.` is a promise about another file, and the
//! first thing that a rename breaks. A reference may give the end of the path (`pool/remote.rs::push`), and the short name of a
//! crate for its folder (`core/pool/remote.rs::push`).

use std::collections::BTreeSet;

use super::{Finding, PROTOCOL_CRATES};
use crate::source::{Source, pattern};
use crate::workspace::Tree;

/// A file's name as comments give it, and what the file defines.
type Items = (String, BTreeSet<String>);

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let files: Vec<_> = tree.rust_below(&["crates/", "loom-tests/"]).collect();
    let items: Vec<Items> = files.iter().map(|file| (said(&file.path), items(file))).collect();
    let is_checked = |file: &Source| PROTOCOL_CRATES.iter().any(|folder| file.path.starts_with(folder));
    let findings = files.iter().flat_map(|file| {
        let nameless = if is_checked(file) { nameless(file) } else { Vec::new() };
        dangling(file, &items).into_iter().chain(nameless)
    });
    findings.collect()
}

/// The comments with the marks of continued lines blank, so that a sentence may run over them.
fn sentences(file: &Source) -> String {
    let marks = pattern(r"(?m)^[ \t]*//[/!]?");
    marks.replace_all(&file.comments(), |hit: &regex::Captures<'_>| " ".repeat(hit[0].len())).into_owned()
}

/// The path as comments give it: `core/pool/remote.rs`.
fn said(path: &str) -> String {
    path.replace("crates/strata-", "").replace("crates/", "").replacen("/src/", "/", 1)
}

/// What a file defines.
fn items(file: &Source) -> BTreeSet<String> {
    const ITEM: &str =
        r"\b(?:fn|struct|enum|union|const|static|trait|type|mod|macro_rules!)\s+(?:mut\s+)?(\w+)";
    const FIELD: &str = r"(?m)^\s*(?:pub(?:\([^)]*\))?\s+)?(\w+)\s*:\s";
    [ITEM, FIELD]
        .iter()
        .flat_map(|form| file.find(Source::code, form))
        .map(|hit| hit.groups[1].to_owned())
        .collect()
}

fn dangling(file: &Source, items: &[Items]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for hit in file.find(sentences, r"\b((?:[\w-]+/)*\w+\.rs)::(?:\w+::)*(\w+)") {
        let (path, item) = (&hit.groups[1], &hit.groups[2]);
        let is_end = |before: &str| before.is_empty() || before.ends_with('/');
        let is_meant = |known: &str| known.strip_suffix(said(path).as_str()).is_some_and(is_end);
        let files: Vec<_> = items.iter().filter(|(known, _)| is_meant(known)).collect();
        let message = match &files[..] {
            [] => format!("names `{path}`, which does not exist: follow the rename"),
            files if files.iter().any(|(_, items)| items.contains(item)) => continue,
            _ => format!("names `{item}`, which `{path}` does not define: follow the rename"),
        };
        findings.push(file.finding(hit.line, message));
    }
    findings
}

/// "pairs with" that does not say with whom.
fn nameless(file: &Source) -> Vec<Finding> {
    let promises = file.find(sentences, r"\b(pairs)\s+with\b([^;]*?)(?:\.\s|;|\z)");
    let is_nameless = |promise: &str| !pattern(r"\w+\.rs::\w+").is_match(promise);
    let message = "pairs with whom? Write `pairs with Acquire in file.rs::function.`";
    let nameless = promises.into_iter().filter(|hit| is_nameless(&hit.groups[2]));
    nameless.map(|hit| file.finding(hit.line, message)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: (&str, &str) = (
        "crates/strata-core/src/pool/remote.rs",
        "//! R.\nfn push() {}\nstruct Word {\n    state: u64,\n}\n",
    );

    fn lines(text: &str) -> Vec<usize> {
        check(&Tree::of(&[OTHER, ("crates/strata-core/src/a.rs", text)]))
            .iter()
            .map(|finding| finding.line)
            .collect()
    }

    #[test]
    fn a_reference_to_what_exists_passes_and_one_to_what_is_lost_or_nameless_is_found() {
        for good in [
            "// Acquire: sees it; pairs with Release in remote.rs::push.\n",
            "// Acquire: sees it; pairs with Release in\n    // pool/remote.rs::push. More.\n",
            "// `core/pool/remote.rs::push`, crates/strata-core/src/pool/remote.rs::push\n",
            "/// `pool/remote.rs::Word` and remote.rs::Word::state.\n",
            "let a = \"pairs with away.rs::push.\";\n",
        ] {
            assert!(lines(good).is_empty(), "{good}");
        }
        assert_eq!(lines("fn a() {}\n// pairs with Release in away.rs::push.\n"), [2]);
        assert_eq!(lines("// pairs with Release in remote.rs::shove.\n"), [1]);
        assert_eq!(lines("// pairs with Release in mote.rs::push.\n"), [1]);
        assert_eq!(lines("// Release: pairs with the Acquire of the reader. See remote.rs::push.\n"), [1]);
    }
}
