//! No address from a number, no number from an address, by `as`: provenance would be lost, and no tool here sees that.
//!
//! What text alone can tell: `as *const`/`as *mut` on anything (`cast`, `cast_mut`, `ptr::from_ref` and `with_addr` say it
//! better), exposing or inventing provenance by name, and `as usize` straight behind a pointer's own verb. The rest is
//! clippy's `ptr_as_ptr`, `ref_as_ptr` and `borrow_as_ptr`, which the workspace turns on.

use super::{Finding, PROTOCOL_CRATES};
use crate::source::line_of;
use crate::table::pattern;
use crate::workspace::Tree;

const RULES: &[(&str, &str)] = &[
    (r"\bas\s+\*\s*(?:const|mut)\b", "`as *…`: use `cast`, `ptr::from_ref`, `map_addr` or `byte_add`"),
    (
        r"\b(?:expose_provenance|with_exposed_provenance|with_exposed_provenance_mut|from_exposed_addr)\b",
        "exposed provenance: carry the pointer, and use `map_addr` or `with_addr`",
    ),
    (
        r"\.(?:as_ptr|as_mut_ptr|cast(?:::<[^<>]*>)?|cast_mut|cast_const)\(\)\s*as\s+(?:usize|u64|isize|i64)\b",
        "a pointer turned into a number by `as`: use `.addr()`",
    ),
    (
        r"\btransmute\s*::\s*<\s*(?:usize|u64)\s*,\s*(?:\*|&|NonNull)",
        "a number turned into a pointer: carry the pointer",
    ),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust_below(PROTOCOL_CRATES).filter(|file| file.path.contains("/src/")) {
        let code = file.code();
        for (rule, message) in RULES {
            let hits =
                pattern(rule).find_iter(&code).map(|hit| line_of(&code, hit.start())).collect::<Vec<_>>();
            findings.extend(hits.into_iter().map(|line| Finding::new(&file.path, line, *message)));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn each_way_to_lose_provenance_is_found() {
        let text = "a as *const u8;\nb as\n *mut u8;\nc.as_ptr() as usize;\nd.cast::<u8>() as u64;\ne.expose_provenance();\n";
        let mut found = lines("crates/strata-core/src/a.rs", text);
        found.sort_unstable();
        assert_eq!(found, [1, 2, 4, 5, 6]);
    }

    #[test]
    fn provenance_kept_and_plain_numbers_pass() {
        let text =
            "a.cast::<u8>();\nb.map_addr(|x| x & 1);\nc.addr().get();\nd.len() as usize;\n// e as *mut u8\n";
        assert!(lines("crates/strata-core/src/a.rs", text).is_empty());
        assert!(
            lines("crates/strata-os/src/a.rs", "a as *mut u8").is_empty(),
            "system calls speak in raw pointers"
        );
    }
}
