//! Every protocol of `docs/protocols.md` has its source file, its model and a mutant; every model has its protocol.

use super::Finding;
use crate::mutants::sites;
use crate::source::{Source, line_of};
use crate::table::{Row, marked, pattern};
use crate::workspace::Tree;

const PAGE: &str = "docs/protocols.md";
const MODELS: &str = "loom-tests/tests/";

// The columns: № | protocol | source | model | mutants.
const SOURCE: usize = 2;
const MODEL: usize = 3;
const MUTANTS: usize = 4;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(rows) = tree.get(PAGE).and_then(|page| marked(page, "protocols")) else {
        return vec![Finding::new(
            PAGE,
            1,
            "has no table marked `tidy:protocols`: list there № | protocol | source | model | mutants",
        )];
    };
    let mut findings: Vec<_> = rows.iter().flat_map(|row| incomplete(tree, row)).collect();
    findings.extend(orphans(tree, &rows));
    findings.extend(tree.rust_below(&["crates/"]).flat_map(|file| misnumbered(file, &rows)));
    findings
}

/// Comments that number protocols otherwise than the table, or name one of which the file is no source.
fn misnumbered(file: &Source, rows: &[Row]) -> Vec<Finding> {
    let comments = file.comments();
    let numbers = pattern(r"\b[Pp]rotocols? (\d+)|\((P\d+(?:, P\d+)*)\)");
    let mut findings = Vec::new();
    for hit in numbers.captures_iter(&comments) {
        let line = line_of(&comments, hit.get_match().start());
        if let Some(number) = hit.get(1) {
            let message =
                format!("`protocol {}`: say it as {PAGE} numbers it, such as (P9)", number.as_str());
            findings.push(Finding::new(&file.path, line, message));
        }
        for number in hit.get(2).into_iter().flat_map(|numbers| numbers.as_str().split(", ")) {
            let is_source = |row: &Row| row.cells[0] == number && row.names(SOURCE).contains(&file.path);
            if !rows.iter().any(is_source) {
                let message = format!("({number}): {PAGE} does not name this file as its source");
                findings.push(Finding::new(&file.path, line, message));
            }
        }
    }
    findings
}

fn incomplete(tree: &Tree, row: &Row) -> Vec<Finding> {
    let number = &row.cells[0];
    let finding = |message: String| Finding::new(PAGE, row.line, format!("protocol {number}: {message}"));
    let mut findings = Vec::new();
    for (column, what) in [(SOURCE, "source file"), (MODEL, "model in loom-tests/tests"), (MUTANTS, "mutant")]
    {
        if row.names(column).is_empty() {
            findings.push(finding(format!("names no {what}: add it in backquotes")));
        }
    }
    for path in row.names(SOURCE).iter().chain(&row.names(MODEL)).filter(|path| tree.get(path).is_none()) {
        findings
            .push(finding(format!("`{path}` does not exist: give the path from the root of the workspace")));
    }
    let known = sites(tree);
    for mutant in row.names(MUTANTS).iter().filter(|mutant| !known.contains_key(*mutant)) {
        findings.push(finding(format!(
            "mutant `{mutant}` has no site in crates/*/src: seed it, or correct the name"
        )));
    }
    findings
}

/// Models that no protocol claims.
fn orphans(tree: &Tree, rows: &[Row]) -> Vec<Finding> {
    let claimed: Vec<_> = rows.iter().flat_map(|row| row.names(MODEL)).collect();
    let models = tree.rust_below(&[MODELS]).filter(|file| file.path[MODELS.len()..].starts_with('p'));
    let orphans = models.filter(|file| !claimed.contains(&file.path));
    orphans
        .map(|file| {
            Finding::new(&file.path, 1, format!("belongs to no protocol: add it to the table in {PAGE}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: (&str, &str) = ("crates/strata-core/src/a.rs", "#[cfg(strata_mutant = \"a_relaxed\")]\n");
    const MODEL_FILE: (&str, &str) = ("loom-tests/tests/p1_a.rs", "//! A.\n");

    fn messages(row: &str, files: &[(&str, &str)]) -> Vec<String> {
        let page = format!("<!-- tidy:protocols -->\n|№|p|s|m|x|\n|-|-|-|-|-|\n{row}\n<!-- tidy:end -->\n");
        check(&Tree::of(&[files, &[(PAGE, page.as_str())]].concat()))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_protocol_with_source_model_and_mutant_passes() {
        let row = "| 1 | a | `crates/strata-core/src/a.rs` | `loom-tests/tests/p1_a.rs` | `a_relaxed` |";
        assert!(messages(row, &[SITE, MODEL_FILE]).is_empty());
    }

    #[test]
    fn each_missing_part_is_found() {
        let row = "| 1 | a | `crates/strata-core/src/b.rs` | `loom-tests/tests/p1_b.rs` | `b_relaxed` |";
        let found = messages(row, &[SITE]);
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(found[0].starts_with("docs/protocols.md:4: protocol 1: `crates/strata-core/src/b.rs`"));
        assert_eq!(messages("| 2 | b | — | — | — |", &[]).len(), 3);
    }

    #[test]
    fn a_comment_that_numbers_otherwise_or_claims_another_file_is_found() {
        let row = "| P1 | a | `crates/strata-core/src/a.rs` | `loom-tests/tests/p1_a.rs` | `a_relaxed` |";
        let with = |comment: &str| {
            let file = ("crates/strata-core/src/a.rs", format!("//! {comment}\n{}", SITE.1));
            messages(row, &[(file.0, &file.1), MODEL_FILE])
        };
        assert!(with("Frees (P1).").is_empty());
        assert!(with("Frees (protocol 1).")[0].contains("say it as docs/protocols.md numbers it"));
        assert!(with("Frees (P1, P2).")[0].contains("(P2)"));
    }

    #[test]
    fn a_model_of_no_protocol_is_found() {
        assert!(messages("", &[MODEL_FILE])[0].starts_with("loom-tests/tests/p1_a.rs:1:"));
    }

    #[test]
    fn a_page_without_table_is_found() {
        assert_eq!(check(&Tree::default()).len(), 1);
    }
}
