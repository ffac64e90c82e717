//! A file is one idea: it opens by saying it, is short, and is named by it.

use super::{Finding, OUR_RUST};
use crate::source::{Source, line_of};
use crate::table::pattern;
use crate::workspace::Tree;

const MOST_LINES: usize = 400;
const MOST_LINES_OF_A_TEST: usize = 600;
const NAMES_THAT_SAY_NOTHING: &[&str] = &["utils", "util", "common", "helpers", "helper", "misc"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust_below(OUR_RUST)
        .flat_map(|file| [opening(file), length(file), name(file), module(file)])
        .flatten()
        .collect()
}

/// `//!` comes first, or after attributes of the whole file; a crate's README may stand for it.
fn opening(file: &Source) -> Option<Finding> {
    let mut lines = file.text.lines();
    let readme = |line: &str| line.starts_with("#![doc = include_str!(");
    let first = lines.find(|line| readme(line) || !line.starts_with("#!["));
    if first.is_some_and(|line| readme(line) || line.starts_with("//! ") && line.len() > "//! ".len()) {
        return None;
    }
    Some(Finding::new(&file.path, 1, "does not open with `//!`: say in one sentence what the file is"))
}

fn length(file: &Source) -> Option<Finding> {
    let test = file.path.contains("/tests/") || file.path.ends_with("tests.rs");
    let most = if test { MOST_LINES_OF_A_TEST } else { MOST_LINES };
    let lines = file.text.lines().count();
    (lines > most).then(|| {
        Finding::new(&file.path, most + 1, format!("has {lines} lines, {most} at most: split it by concept"))
    })
}

fn name(file: &Source) -> Option<Finding> {
    let folders_and_file = file.path.trim_end_matches(".rs").split('/');
    let empty = folders_and_file.into_iter().find(|part| NAMES_THAT_SAY_NOTHING.contains(part))?;
    Some(Finding::new(
        &file.path,
        1,
        format!("`{empty}` says nothing: name the file by the idea that is in it"),
    ))
}

/// A module within the file.
fn module(file: &Source) -> Option<Finding> {
    let code = file.code();
    let modules = pattern(r"\bmod\s+(\w+)\s*\{");
    let empty = modules
        .captures_iter(&code)
        .filter_map(|hit| hit.get(1))
        .find(|m| NAMES_THAT_SAY_NOTHING.contains(&m.as_str()))?;
    let message = format!("`mod {}` says nothing: name it by the idea that is in it", empty.as_str());
    Some(Finding::new(&file.path, line_of(&code, empty.start()), message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn a_file_that_opens_with_its_idea_passes() {
        assert_eq!(count("crates/a/src/lib.rs", "//! What.\n"), 0);
        assert_eq!(count("crates/a/src/lib.rs", "#![no_std]\n#![warn(x)]\n//! What.\n"), 0);
        assert_eq!(count("crates/a/src/lib.rs", "#![doc = include_str!(\"../README.md\")]\n#![no_std]\n"), 0);
        assert_eq!(count("docs/a.rs", "fn a() {}"), 0, "not ours to shape");
    }

    #[test]
    fn a_file_that_does_not_is_found() {
        assert_eq!(count("benches/src/a.rs", "use b;\n//! What.\n"), 1);
        assert_eq!(count("loom-tests/src/a.rs", "//!\n"), 1);
        assert_eq!(count("xtask/src/a.rs", ""), 1);
    }

    #[test]
    fn a_long_file_is_found_and_a_test_may_be_longer() {
        let text = format!("//! What.\n{}", "\n".repeat(450));
        assert_eq!(count("crates/a/src/a.rs", &text), 1);
        assert_eq!(count("crates/a/tests/a.rs", &text), 0);
        assert_eq!(count("crates/a/tests/a.rs", &(text + &"\n".repeat(200))), 1);
    }

    #[test]
    fn a_name_that_says_nothing_is_found_as_file_and_as_folder() {
        assert_eq!(count("crates/a/src/utils.rs", "//! What.\n"), 1);
        assert_eq!(count("crates/a/src/common/mod.rs", "//! What.\n"), 1);
        assert_eq!(count("crates/a/src/a.rs", "//! What.\nmod helpers {}\nmod tests {}\n"), 1);
        assert_eq!(count("crates/a/src/commons.rs", "//! What.\n"), 0);
    }
}
