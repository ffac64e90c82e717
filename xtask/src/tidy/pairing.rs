//! A comment that names `file.rs::function` names a file and an item that exist; an ordering says whom it pairs with.
//!
//! `// Release: publishes the links; pairs with Acquire in remote.rs::take_all.` is a promise about another file, and the
//! first thing that a rename breaks. A reference may give the end of the path (`pool/remote.rs::push`), and the short name of a
//! crate for its folder (`core/pool/remote.rs::push`).

use std::collections::BTreeSet;

use super::{Finding, PROTOCOL_CRATES};
use crate::source::{Source, line_of};
use crate::table::pattern;
use crate::workspace::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let items: Vec<_> =
        tree.rust_below(&["crates/", "loom-tests/"]).map(|file| (said(&file.path), items(file))).collect();
    let mut findings = Vec::new();
    for file in tree.rust_below(&["crates/", "loom-tests/"]) {
        let comments = joined(&file.comments());
        findings.extend(dangling(file, &comments, &items));
        if PROTOCOL_CRATES.iter().any(|folder| file.path.starts_with(folder)) {
            findings.extend(nameless(file, &comments));
        }
    }
    findings
}

/// The comments with the marks of continued lines blank, so that a sentence may run over them.
fn joined(comments: &str) -> String {
    let marks = pattern(r"(?m)^[ \t]*//[/!]?");
    marks.replace_all(comments, |hit: &regex::Captures<'_>| " ".repeat(hit[0].len())).into_owned()
}

/// The path as comments give it: `core/pool/remote.rs`.
fn said(path: &str) -> String {
    path.replace("crates/strata-", "").replace("crates/", "").replacen("/src/", "/", 1)
}

/// What a file defines.
fn items(file: &Source) -> BTreeSet<String> {
    let definition =
        pattern(r"\b(?:fn|struct|enum|union|const|static|trait|type|mod|macro_rules!)\s+(?:mut\s+)?(\w+)");
    let field = pattern(r"(?m)^\s*(?:pub(?:\([^)]*\))?\s+)?(\w+)\s*:\s");
    let code = file.code();
    let names = definition.captures_iter(&code).chain(field.captures_iter(&code));
    names.map(|hit| hit[1].to_owned()).collect()
}

fn dangling(file: &Source, comments: &str, items: &[(String, BTreeSet<String>)]) -> Vec<Finding> {
    let reference = pattern(r"\b((?:[\w-]+/)*\w+\.rs)::(?:\w+::)*(\w+)");
    let mut findings = Vec::new();
    for hit in reference.captures_iter(comments) {
        let (path, item) = (&hit[1], &hit[2]);
        let full = said(path);
        let line = line_of(comments, hit.get(0).map_or(0, |all| all.start()));
        let mut files = items
            .iter()
            .filter(|(known, _)| known.strip_suffix(full.as_str()).is_some_and(ends_a_folder))
            .peekable();
        if files.peek().is_none() {
            findings.push(Finding::new(
                &file.path,
                line,
                format!("names `{path}`, which does not exist: follow the rename"),
            ));
        } else if !files.any(|(_, items)| items.contains(item)) {
            let message = format!("names `{item}`, which `{path}` does not define: follow the rename");
            findings.push(Finding::new(&file.path, line, message));
        }
    }
    findings
}

fn ends_a_folder(before: &str) -> bool {
    before.is_empty() || before.ends_with('/')
}

/// "pairs with" that does not say with whom.
fn nameless(file: &Source, comments: &str) -> Vec<Finding> {
    let promise = pattern(r"\bpairs\s+with\b([^;]*?)(?:\.\s|;|\z)");
    let reference = pattern(r"\w+\.rs::\w+");
    let hits = promise.captures_iter(comments).filter(|hit| !reference.is_match(&hit[1]));
    let message = "pairs with whom? Write `pairs with Acquire in file.rs::function.`";
    hits.map(|hit| {
        Finding::new(&file.path, line_of(comments, hit.get(0).map_or(0, |all| all.start())), message)
    })
    .collect()
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
    fn a_reference_to_what_exists_passes() {
        assert!(lines("// Acquire: sees it; pairs with Release in remote.rs::push.\n").is_empty());
        assert!(
            lines("// Acquire: sees it; pairs with Release in\n    // pool/remote.rs::push. More.\n")
                .is_empty()
        );
        assert!(
            lines("// `core/pool/remote.rs::push`, crates/strata-core/src/pool/remote.rs::push\n").is_empty()
        );
        assert!(lines("/// `pool/remote.rs::Word` and remote.rs::Word::state.\n").is_empty());
    }

    #[test]
    fn a_reference_to_a_lost_file_or_function_is_found() {
        assert_eq!(lines("fn a() {}\n// pairs with Release in away.rs::push.\n"), [2]);
        assert_eq!(lines("// pairs with Release in remote.rs::shove.\n"), [1]);
        assert_eq!(lines("// pairs with Release in mote.rs::push.\n"), [1]);
    }

    #[test]
    fn a_pairing_without_a_name_is_found() {
        assert_eq!(lines("// Release: pairs with the Acquire of the reader. See remote.rs::push.\n"), [1]);
    }

    #[test]
    fn a_string_is_no_promise() {
        assert!(lines("let a = \"pairs with away.rs::push.\";\n").is_empty());
    }
}
