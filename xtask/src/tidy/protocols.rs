//! Every protocol of `docs/protocols.md` has its source file, its model and a mutant; every model has its protocol.

use super::Finding;
use crate::mutants::sites;
use crate::source::Source;
use crate::table::{Row, marked};
use crate::workspace::Tree;

const PAGE: &str = "docs/protocols.md";
const MODELS: &str = "loom-tests/tests/";

// The columns: № | protocol | source | model | mutants.
const SOURCE: usize = 2;
const MODEL: usize = 3;
const MUTANTS: usize = 4;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let rows = match marked(tree, PAGE, "protocols", "№ | protocol | source | model | mutants") {
        Ok(rows) => rows,
        Err(missing) => return vec![missing],
    };
    let mut findings: Vec<_> = rows.iter().flat_map(|row| incomplete(tree, row)).collect();
    findings.extend(orphans(tree, &rows));
    findings.extend(tree.rust_below(&["crates/"]).flat_map(|file| misnumbered(file, &rows)));
    findings
}

/// Comments that number protocols otherwise than the table, or name one of which the file is no source.
fn misnumbered(file: &Source, rows: &[Row]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for hit in file.find(Source::comments, r"\b[Pp]rotocols? (\d+)|\((P\d+(?:, P\d+)*)\)") {
        let [number, numbers] = [&hit.groups[1], &hit.groups[2]];
        if !number.is_empty() {
            let message = format!("`protocol {number}`: say it as {PAGE} numbers it, such as (P9)");
            findings.push(file.finding(hit.line, message));
        }
        for number in numbers.split(", ").filter(|number| !number.is_empty()) {
            let is_source = |row: &Row| row.cells[0] == number && row.names(SOURCE).contains(&file.path);
            if !rows.iter().any(is_source) {
                let message = format!("({number}): {PAGE} does not name this file as its source");
                findings.push(file.finding(hit.line, message));
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
    let is_claimed = |file: &&Source| rows.iter().any(|row| row.names(MODEL).contains(&file.path));
    let models = tree.rust_below(&[MODELS]).filter(|file| file.path[MODELS.len()..].starts_with('p'));
    let message = format!("belongs to no protocol: add it to the table in {PAGE}");
    models.filter(|file| !is_claimed(file)).map(|file| file.finding(1, message.clone())).collect()
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

    const ROW: &str = "| P1 | a | `crates/strata-core/src/a.rs` | `loom-tests/tests/p1_a.rs` | `a_relaxed` |";

    #[test]
    fn a_protocol_with_source_model_and_mutant_passes_and_each_missing_part_is_found() {
        assert_eq!(messages(ROW, &[SITE, MODEL_FILE]), [""; 0]);
        let found =
            messages(&ROW.replace("a.rs", "b.rs").replace("1_a", "1_b").replace("`a_", "`b_"), &[SITE]);
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(found[0].starts_with("docs/protocols.md:4: protocol P1: `crates/strata-core/src/b.rs`"));
        assert_eq!(messages("| 2 | b | — | — | — |", &[]).len(), 3);
        assert!(messages("", &[MODEL_FILE])[0].starts_with("loom-tests/tests/p1_a.rs:1:"));
    }

    #[test]
    fn a_comment_that_numbers_otherwise_or_claims_another_file_is_found() {
        let with = |comment: &str| {
            let text = format!("//! {comment}\n{}", SITE.1);
            messages(ROW, &[("crates/strata-core/src/a.rs", &text), MODEL_FILE])
        };
        assert!(with("Frees (P1).").is_empty());
        assert!(with("Frees (protocol 1).")[0].contains("say it as docs/protocols.md numbers it"));
        assert!(with("Frees (P1, P2).")[0].contains("(P2)"));
    }
}
