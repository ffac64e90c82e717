//! Atomics come through `strata_core::sync`, so that loom sees all of them, and no access is SeqCst.
//!
//! loom treats a SeqCst access as AcqRel, which makes false alarms; a store-load protocol is written with `fence(SeqCst)`.

use super::{Finding, PROTOCOL_CRATES};
use crate::source::{Source, line_of};
use crate::table::pattern;
use crate::workspace::Tree;

const FACADE: &str = "crates/strata-core/src/sync/";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let files = tree.rust_below(PROTOCOL_CRATES).filter(|file| file.path.contains("/src/"));
    files.flat_map(|file| past_the_facade(file).into_iter().chain(sequential(file))).collect()
}

fn past_the_facade(file: &Source) -> Vec<Finding> {
    if file.path.starts_with(FACADE) {
        return Vec::new();
    }
    let code = file.code();
    let direct = pattern(r"\b(?:core|std|loom)\s*::\s*(?:\{[^;]*\b)?sync\s*::\s*(?:\{[^;]*\b)?atomic\b");
    let lines = direct.find_iter(&code).map(|hit| (line_of(&code, hit.start()), hit.as_str()));
    lines
        .map(|(line, path)| {
            let path = path.split_whitespace().collect::<String>();
            Finding::new(
                &file.path,
                line,
                format!("`{path}…`: import it from `strata_core::sync`, which loom can replace"),
            )
        })
        .collect()
}

fn sequential(file: &Source) -> Vec<Finding> {
    // A `use` of the name is no access, and `fence(SeqCst)` is the one thing that loom models.
    let code = pattern(r"\buse\s[^;]*;")
        .replace_all(&file.code(), |hit: &regex::Captures<'_>| blank(&hit[0]))
        .into_owned();
    let code = pattern(r"\b(?:compiler_)?fence\s*\(\s*(?:\w+\s*::\s*)*SeqCst\s*\)")
        .replace_all(&code, |hit: &regex::Captures<'_>| blank(&hit[0]));
    let message =
        "a SeqCst access is not what loom checks: use Acquire and Release, or Relaxed with `fence(SeqCst)`";
    pattern(r"\bSeqCst\b")
        .find_iter(&code)
        .map(|hit| Finding::new(&file.path, line_of(&code, hit.start()), message))
        .collect()
}

/// As long as `text`, with its lines, and empty.
fn blank(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn an_atomic_past_the_facade_is_found() {
        let text = "use core::sync::atomic::AtomicU64;\nuse std::{cmp,\n sync::atomic};\nuse core::sync::{Once, atomic::Ordering};\n";
        assert_eq!(lines("crates/strata-cache/src/a.rs", text), [1, 2, 4]);
    }

    #[test]
    fn the_facade_other_crates_and_tests_are_free() {
        let text = "use core::sync::atomic::AtomicU64;\n";
        assert!(lines("crates/strata-core/src/sync/native.rs", text).is_empty());
        assert!(lines("crates/strata-os/src/lib.rs", text).is_empty());
        assert!(lines("crates/strata-core/tests/a.rs", text).is_empty());
        assert!(
            lines("crates/strata-core/src/a.rs", "use crate::sync::AtomicU64; // core::sync::atomic")
                .is_empty()
        );
    }

    #[test]
    fn only_a_fence_may_be_sequential() {
        let text = "use crate::sync::Ordering::SeqCst;\na.load(SeqCst);\nfence(Ordering::SeqCst);\nfence(\n SeqCst);\n";
        assert_eq!(lines("crates/strata-core/src/a.rs", text), [2]);
    }
}
