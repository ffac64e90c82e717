//! Crates use each other exactly as the table in `docs/architecture.md` draws it.
//!
//! Normal dependencies count, whatever the target; those of tests and build scripts are free. A row whose second cell is
//! `any` may use what it likes (the tools at the top).

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};

use super::Finding;
use crate::table::marked;
use crate::workspace::Tree;

const PAGE: &str = "docs/architecture.md";

/// Each member of the workspace with the members that it uses.
pub(super) type Arrows = BTreeMap<String, Vec<String>>;

/// The arrows as cargo knows them.
pub(super) fn from_cargo(root: &Path) -> Result<Arrows> {
    let manifest = root.join("Cargo.toml");
    let metadata = MetadataCommand::new()
        .manifest_path(manifest)
        .no_deps()
        .exec()
        .context("asking cargo for the crates")?;
    let members: Vec<_> = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let arrows = metadata.packages.iter().map(|package| {
        let normal =
            package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
        let mut used: Vec<_> =
            normal.map(|dependency| dependency.name.clone()).filter(|name| members.contains(name)).collect();
        used.sort();
        used.dedup();
        (package.name.to_string(), used)
    });
    Ok(arrows.collect())
}

/// Where the table and cargo differ.
pub(super) fn check(tree: &Tree, arrows: &Arrows) -> Vec<Finding> {
    let Some(rows) = tree.get(PAGE).and_then(|page| marked(page, "arrows")) else {
        return vec![Finding::new(
            PAGE,
            1,
            "has no table marked `tidy:arrows`: say there which crate uses which",
        )];
    };
    let mut findings = Vec::new();
    for (name, used) in arrows {
        let Some(row) = rows.iter().find(|row| row.names(0).contains(name)) else {
            findings.push(Finding::new(
                PAGE,
                1,
                format!("`{name}` has no row: add it with the crates that it uses"),
            ));
            continue;
        };
        if row.cells.get(1).is_some_and(|cell| cell == "any") {
            continue;
        }
        let drawn = row.names(1);
        for extra in used.iter().filter(|used| !drawn.contains(used)) {
            let message = format!(
                "`{name}` uses `{extra}` in its Cargo.toml: drop the dependency, or redraw the layers here"
            );
            findings.push(Finding::new(PAGE, row.line, message));
        }
        for missing in drawn.iter().filter(|drawn| !used.contains(drawn)) {
            let message = format!("`{name}` does not use `{missing}`: take the arrow away");
            findings.push(Finding::new(PAGE, row.line, message));
        }
    }
    for row in rows.iter().filter(|row| !row.names(0).iter().any(|name| arrows.contains_key(name))) {
        findings.push(Finding::new(
            PAGE,
            row.line,
            format!("{} is no package of the workspace: take the row away", row.cells[0]),
        ));
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
        check(&Tree::of(&[(PAGE, table)]), &arrows(list)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn crates_as_drawn_pass() {
        assert!(lines(TABLE, &[("a", &["b"]), ("b", &[]), ("x", &["a", "b"])]).is_empty());
    }

    #[test]
    fn an_arrow_too_many_and_one_too_few_are_found() {
        assert_eq!(lines(TABLE, &[("a", &[]), ("b", &["a"]), ("x", &[])]), [4, 5]);
    }

    #[test]
    fn a_crate_without_row_and_a_row_without_crate_are_found() {
        assert_eq!(lines(TABLE, &[("a", &["b"]), ("b", &[]), ("new", &[])]), [1, 6]);
    }

    #[test]
    fn a_page_without_table_is_found() {
        assert_eq!(lines("# no table", &[]), [1]);
    }
}
