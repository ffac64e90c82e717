//! Every heuristic that can be compiled out is a paragraph of the book, and every such paragraph has its switch.

use std::collections::BTreeSet;

use super::Finding;
use crate::source::Source;
use crate::table::pattern;
use crate::workspace::Tree;

const SOURCE: &str = "crates/strata-segment/src/without.rs";
const SWITCH: &str = r#"(?m)^\s*\w+ = "(\w+)";"#;
const PAGE: &str = "docs/how-memory-goes-back.md";

/// All switches.
pub(crate) fn names(tree: &Tree) -> Vec<String> {
    tree.get(SOURCE).map(|source| named(source, SWITCH).into_iter().collect()).unwrap_or_default()
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let (Some(source), Some(page)) = (tree.get(SOURCE), tree.get(PAGE)) else {
        return vec![Finding::new(PAGE, 1, format!("goes with {SOURCE}: both have to be there"))];
    };
    let (switches, told) = (named(source, SWITCH), named(page, r"Switch: `(\w+)`"));
    let untold = switches.difference(&told).map(|name| {
        Finding::new(SOURCE, 1, format!("`{name}` has no paragraph in {PAGE}: end one with `Switch: ...`"))
    });
    let unbuilt = told.difference(&switches).map(|name| {
        Finding::new(PAGE, 1, format!("names the switch `{name}`, which {SOURCE} does not have"))
    });
    untold.chain(unbuilt).collect()
}

fn named(file: &Source, text: &'static str) -> BTreeSet<String> {
    pattern(text).captures_iter(&file.text).map(|hit| hit[1].to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(source: &str, page: &str) -> usize {
        check(&Tree::of(&[(SOURCE, source), (PAGE, page)])).len()
    }

    #[test]
    fn both_lists_are_the_same() {
        assert_eq!(findings("    A_B = \"a_b\";\n", "What it does. Switch: `a_b`."), 0);
        assert_eq!(findings("    A_B = \"a_b\";\n", "What it does."), 1);
        assert_eq!(findings("", "What it does. Switch: `a_b`."), 1);
        assert_eq!(check(&Tree::default()).len(), 1);
    }
}
