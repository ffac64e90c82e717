//! Every heuristic that can be compiled out is a paragraph of the book, and every such paragraph has its switch.

use super::Finding;
use crate::source::Source;
use crate::workspace::Tree;

const SOURCE: (&str, &str) = ("crates/strata-segment/src/without.rs", r#"(?m)^\s*\w+ = "(\w+)";"#);
const PAGE: (&str, &str) = ("docs/how-memory-goes-back.md", r"Switch: `(\w+)`");

/// All switches.
pub(crate) fn names(tree: &Tree) -> Vec<String> {
    named(tree, SOURCE)
}

fn named(tree: &Tree, (path, pattern): (&str, &'static str)) -> Vec<String> {
    let hits = tree.get(path).map(|file: &Source| file.find(|file| file.text.clone(), pattern));
    hits.into_iter().flatten().map(|hit| hit.groups[1].to_owned()).collect()
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let (switches, told) = (named(tree, SOURCE), named(tree, PAGE));
    if switches.is_empty() || told.is_empty() {
        return vec![Finding::new(PAGE.0, 1, format!("goes with {}: both have to name switches", SOURCE.0))];
    }
    let only = |these: &[String], those: &[String], path, what: &str| {
        let alone = these.iter().filter(|name| !those.contains(name));
        alone.map(|name| Finding::new(path, 1, format!("`{name}` {what}"))).collect::<Vec<_>>()
    };
    let untold = only(&switches, &told, SOURCE.0, "has no paragraph in the book: end one with `Switch: ...`");
    [untold, only(&told, &switches, PAGE.0, "is no switch of the source")].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lists_are_the_same() {
        let findings =
            |source: &str, page: &str| check(&Tree::of(&[(SOURCE.0, source), (PAGE.0, page)])).len();
        assert_eq!(findings("    A_B = \"a_b\";\n", "What it does. Switch: `a_b`."), 0);
        assert_eq!(findings("    A_B = \"a_b\";\n C = \"c\";\n", "Switch: `a_b`. Switch: `d`."), 2);
        assert_eq!(findings("    A_B = \"a_b\";\n", "What it does."), 1);
    }
}
