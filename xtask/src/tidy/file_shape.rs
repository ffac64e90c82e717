//! A file is one idea: it opens by saying it, is short, and is named by it.

use super::{Finding, OUR_RUST};
use crate::source::Source;
use crate::workspace::Tree;

const MOST_LINES: usize = 400;
const MOST_LINES_OF_A_TEST: usize = 600;
const NAMES_THAT_SAY_NOTHING: &[&str] = &["utils", "util", "common", "helpers", "helper", "misc"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust_below(OUR_RUST).flat_map(|file| [opening(file), length(file), name(file)]).flatten().collect()
}

/// `//!` comes first, or after attributes of the whole file; a crate's README may stand for it.
fn opening(file: &Source) -> Option<Finding> {
    let mut lines = file.text.lines();
    let readme = |line: &str| line.starts_with("#![doc = include_str!(");
    let first = lines.find(|line| readme(line) || !line.starts_with("#!["));
    if first.is_some_and(|line| readme(line) || line.starts_with("//! ") && line.len() > "//! ".len()) {
        return None;
    }
    Some(file.finding(1, "does not open with `//!`: say in one sentence what the file is"))
}

fn length(file: &Source) -> Option<Finding> {
    let test = file.path.contains("/tests/") || file.path.ends_with("tests.rs");
    let most = if test { MOST_LINES_OF_A_TEST } else { MOST_LINES };
    let lines = file.text.lines().count();
    (lines > most)
        .then(|| file.finding(most + 1, format!("has {lines} lines, {most} at most: split it by concept")))
}

fn name(file: &Source) -> Option<Finding> {
    let folders_and_file = file.path.trim_end_matches(".rs").split('/');
    let empty = folders_and_file.into_iter().find(|part| NAMES_THAT_SAY_NOTHING.contains(part))?;
    Some(file.finding(1, format!("`{empty}` says nothing: name the file by the idea that is in it")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn a_file_opens_with_its_idea_is_short_and_has_a_name() {
        let long = format!("//! What.\n{}", "\n".repeat(450));
        let longer = long.clone() + &"\n".repeat(200);
        for (count_of, path, text) in [
            (0, "crates/a/src/lib.rs", "#![no_std]\n#![warn(x)]\n//! What.\n"),
            (0, "crates/a/src/lib.rs", "#![doc = include_str!(\"../README.md\")]\n#![no_std]\n"),
            (0, "docs/a.rs", "fn a() {} // not ours to shape"),
            (1, "benches/src/a.rs", "use b;\n//! What.\n"),
            (1, "loom-tests/src/a.rs", "//!\n"),
            (1, "xtask/src/a.rs", ""),
            (1, "crates/a/src/a.rs", &long),
            (0, "crates/a/tests/a.rs", &long),
            (1, "crates/a/tests/a.rs", &longer),
            (1, "crates/a/src/utils.rs", "//! What.\n"),
            (1, "crates/a/src/common/mod.rs", "//! What.\n"),
            (0, "crates/a/src/commons.rs", "//! What.\n"),
        ] {
            assert_eq!(count(path, text), count_of, "{path}: {text}");
        }
    }
}
