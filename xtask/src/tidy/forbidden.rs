//! What may not stand in a file: patterns, each with texts that it finds and texts that it lets pass.
//!
//! A breach is what one of a pattern's groups matches; what it matches without a group is passed over, as `SeqCst` is in a fence.
//! Clippy's `ptr_as_ptr`, `ref_as_ptr` and `borrow_as_ptr`, which the workspace turns on, see the casts that text alone cannot tell.

use super::{Finding, OUR_RUST, PROTOCOL_CRATES};
use crate::source::Source;
use crate::workspace::Tree;

struct Rule {
    /// Whether the file of this path is read.
    reads: fn(&str) -> bool,
    view: fn(&Source) -> String,
    pattern: &'static str,
    instead: &'static str,
    #[cfg_attr(not(test), expect(dead_code, reason = "examples, for the test and the reader"))]
    found: &'static [&'static str],
    #[cfg_attr(not(test), expect(dead_code, reason = "examples, for the test and the reader"))]
    passes: &'static [&'static str],
}

fn any(path: &str) -> bool {
    path != "Cargo.lock"
}

fn ours(path: &str) -> bool {
    path.ends_with(".rs") && OUR_RUST.iter().any(|folder| path.starts_with(folder))
}

/// What the models check: everything that the protocols are made of.
fn modelled(path: &str) -> bool {
    ours(path) && path.contains("/src/") && PROTOCOL_CRATES.iter().any(|folder| path.starts_with(folder))
}

fn behind_the_facade(path: &str) -> bool {
    modelled(path) && !path.starts_with("crates/strata-core/src/sync/")
}

const RULES: &[Rule] = &[
    Rule {
        reads: ours,
        view: Source::code_and_comments,
        pattern: r"\b((?:todo|unimplemented|dbg)!|(?:FIXME|TODO)\b)",
        instead: "finish it, or open an issue and say in the comment why it can wait",
        found: &["// TODO: b", "fn c() { todo!() }", "dbg!(1);", "/* FIXME */", "unimplemented!()"],
        passes: &["let a = \"TODO\"; let todos = 1;"],
    },
    Rule {
        reads: ours,
        view: Source::code,
        pattern: r"\b(static\s+mut)\b",
        instead: "has no owner: use a facade atomic, or an `UnsafeCell` in a type that says who may touch it",
        found: &["static  mut A: u8 = 0;"],
        passes: &["static MUTABLE: u8 = 0; &'static mut_; let a = \"static mut\";"],
    },
    Rule {
        reads: ours,
        view: Source::code,
        pattern: r"\b(mod\s+(?:utils?|common|helpers?|misc))\s*\{",
        instead: "says nothing: name the module by the idea that is in it",
        found: &["mod helpers {}"],
        passes: &["mod tests {}", "mod commons {}"],
    },
    Rule {
        reads: behind_the_facade,
        view: Source::code,
        pattern: r"\b((?:core|std|loom)\s*::\s*(?:\{[^;]*\b)?sync\s*::\s*(?:\{[^;]*\b)?atomic)\b",
        instead: "import it from `strata_core::sync`, which loom can replace",
        found: &[
            "use core::sync::atomic::AtomicU64;",
            "use std::{cmp,\n sync::atomic};",
            "use core::sync::{Once, atomic::Ordering};",
        ],
        passes: &["use crate::sync::AtomicU64; // core::sync::atomic"],
    },
    Rule {
        reads: modelled,
        view: Source::code,
        // loom takes a SeqCst access for AcqRel, which makes false alarms.
        pattern: r"\buse\s[^;]*;|fence\s*\(\s*(?:\w+\s*::\s*)*SeqCst\s*\)|\b(SeqCst)\b",
        instead: "no access that loom checks: use Acquire and Release, or Relaxed with `fence(SeqCst)`",
        found: &["a.load(SeqCst);"],
        passes: &["use crate::sync::Ordering::SeqCst;\nfence(Ordering::SeqCst);\ncompiler_fence(\n SeqCst);"],
    },
    Rule {
        reads: modelled,
        view: Source::code,
        pattern: concat!(
            r"\b(as\s+\*\s*(?:const|mut)|expose_provenance|with_exposed_provenance(?:_mut)?|from_exposed_addr)\b",
            r"|(\.(?:as_ptr|as_mut_ptr|cast(?:::<[^<>]*>)?|cast_mut|cast_const)\(\)\s*as\s+[ui](?:size|64))\b",
            r"|\b(transmute\s*::\s*<\s*(?:usize|u64)\s*,\s*(?:\*|&|NonNull))",
        ),
        instead: "loses provenance: use `cast`, `ptr::from_ref`, `addr`, `map_addr`, `with_addr` or `byte_add`",
        found: &[
            "a as *const u8;",
            "b as\n *mut u8;",
            "c.as_ptr() as usize;",
            "d.cast::<u8>() as u64;",
            "e.expose_provenance();",
            "transmute::<usize, NonNull<u8>>(1)",
        ],
        passes: &[
            "a.cast::<u8>(); b.map_addr(|x| x & 1); c.addr().get(); d.len() as usize; // e as *mut u8",
            "transmute::<u64, f64>(1)",
        ],
    },
    Rule {
        reads: any,
        view: |file| file.text.clone(),
        // Written so that the pattern does not match itself.
        pattern: r#"(?m)(?:^|[\s"'`(=:\[,])(/(?:work|root|tmp/target|home/[a-z]\w*)(?:/[\w.-]+|[-\w]*\b))"#,
        instead: "is a path of one machine: name it relative to the workspace",
        found: &[
            concat!("see /wo", "rk/main/x.rs"),
            concat!("`/tmp/", "target-x/debug`"),
            concat!("(/ho", "me/ada/src)"),
        ],
        passes: &[concat!(
            "target/release/strata, net/wo",
            "rk/x, /proc/self/maps, https://a.example/wo",
            "rk/b"
        )],
    },
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    RULES.iter().flat_map(|rule| tree.files.iter().flat_map(|file| breaches(rule, file))).collect()
}

fn breaches(rule: &Rule, file: &Source) -> Vec<Finding> {
    if !(rule.reads)(&file.path) {
        return Vec::new();
    }
    let finding = |hit: crate::source::Hit| {
        let found = hit.groups[1..]
            .iter()
            .find(|group| !group.is_empty())?
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        Some(file.finding(hit.line, format!("`{found}`: {}", rule.instead)))
    };
    file.find(rule.view, rule.pattern).into_iter().filter_map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn each_rule_finds_what_it_should_and_lets_the_rest_pass() {
        for rule in RULES {
            for text in rule.found {
                let found = messages("crates/strata-core/src/a.rs", text);
                assert!(found.len() == 1 && found[0].ends_with(rule.instead), "{text:?}: {found:?}");
            }
            for text in rule.passes {
                assert_eq!(messages("crates/strata-core/src/a.rs", text), [""; 0], "{text:?}");
            }
        }
    }

    #[test]
    fn the_facade_other_crates_and_tests_are_free() {
        let text = "use core::sync::atomic::AtomicU64;\n";
        for path in [
            "crates/strata-core/src/sync/native.rs",
            "crates/strata-os/src/lib.rs",
            "crates/strata-core/tests/a.rs",
        ] {
            assert!(messages(path, text).is_empty(), "{path}");
        }
        assert!(
            messages("crates/strata-os/src/a.rs", "a as *mut u8").is_empty(),
            "system calls take raw pointers"
        );
    }
}
