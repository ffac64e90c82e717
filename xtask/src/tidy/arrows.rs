//! Crates use each other exactly as the table in `docs/architecture.md` draws it.
//!
//! Normal dependencies count, whatever the target; those of tests and build scripts are free. A row whose second cell is
//! `any` may use what it likes (the tools at the top).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use cargo_metadata::{DependencyKind, Package};

use super::Finding;
use crate::table::marked;
use crate::workspace::Tree;

const PAGE: &str = "docs/architecture.md";

/// Each member of the workspace with the members that it uses.
pub(super) type Arrows = BTreeMap<String, BTreeSet<String>>;

/// The arrows as cargo knows them.
pub(super) fn from_cargo(root: &Path) -> Result<Arrows> {
    let packages = crate::workspace::packages(root)?;
    let is_member = |name: &String| packages.iter().any(|package| package.name == *name);
    let used = |package: &Package| {
        let normal = package.dependencies.iter().filter(|it| it.kind == DependencyKind::Normal);
        normal.map(|it| it.name.clone()).filter(is_member).collect()
    };
    Ok(packages.iter().map(|package| (package.name.to_string(), used(package))).collect())
}

/// Where the table and cargo differ.
pub(super) fn check(tree: &Tree, arrows: &Arrows) -> Vec<Finding> {
    let rows = match marked(tree, PAGE, "arrows", "which crate uses which") {
        Ok(rows) => rows,
        Err(missing) => return vec![missing],
    };
    let unknown = rows.iter().filter(|row| !row.names(0).iter().any(|name| arrows.contains_key(name)));
    let mut findings: Vec<_> = unknown
        .map(|row| row.finding(PAGE, format!("{} is no package of the workspace", row.cells[0])))
        .collect();
    for (name, used) in arrows {
        let Some(row) = rows.iter().find(|row| row.names(0).contains(name)) else {
            let message = format!("`{name}` has no row: add it with the crates that it uses");
            findings.push(Finding::new(PAGE, 1, message));
            continue;
        };
        if row.cells.get(1).is_some_and(|cell| cell == "any") {
            continue;
        }
        let drawn = row.names(1);
        let extra = used.iter().filter(|used| !drawn.contains(used));
        findings.extend(extra.map(|extra| {
            row.finding(PAGE, format!("`{name}` uses `{extra}`: drop the dependency, or redraw the layers"))
        }));
        let missing = drawn.iter().filter(|drawn| !used.contains(*drawn));
        findings.extend(missing.map(|missing| {
            row.finding(PAGE, format!("`{name}` does not use `{missing}`: take the arrow away"))
        }));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str =
        "<!-- tidy:arrows -->\n|c|u|\n|-|-|\n| `a` | `b` |\n| `b` | — |\n| `x` | any |\n<!-- tidy:end -->\n";

    fn arrows(list: &[(&str, &[&str])]) -> Arrows {
        list.iter()
            .map(|(name, used)| (name.to_string(), used.iter().map(ToString::to_string).collect()))
            .collect()
    }

    fn lines(table: &str, list: &[(&str, &[&str])]) -> Vec<usize> {
        let mut lines: Vec<_> =
            check(&Tree::of(&[(PAGE, table)]), &arrows(list)).iter().map(|finding| finding.line).collect();
        lines.sort_unstable();
        lines
    }

    #[test]
    fn each_difference_is_found_and_crates_as_drawn_pass() {
        assert!(lines(TABLE, &[("a", &["b"]), ("b", &[]), ("x", &["a", "b"])]).is_empty());
        assert_eq!(lines(TABLE, &[("a", &[]), ("b", &["a"]), ("x", &[])]), [4, 5]);
        assert_eq!(lines(TABLE, &[("a", &["b"]), ("b", &[]), ("new", &[])]), [1, 6]);
        assert_eq!(lines("# no table", &[]), [1]);
    }
}
