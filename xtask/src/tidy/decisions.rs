//! Decisions have one form and fit on a screen; their measurements lie beside them.
//!
//! The form is that of `docs/decisions/0001`. A page of `docs/measurements` has a decision's number, and that decision links to it.

use super::Finding;
use crate::source::Source;
use crate::workspace::Tree;

const DECISIONS: &str = "docs/decisions/";
const MEASUREMENTS: &str = "docs/measurements/";

/// What a screen holds.
const MOST_LINES: usize = 60;

/// What follows the title, in this order.
const PARTS: &[&str] = &["**Status:** ", "## Context", "## Decision", "## Consequences"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let pages = |folder| tree.files.iter().filter(move |file| file.path.starts_with(folder));
    let badly_formed = pages(DECISIONS).flat_map(form);
    badly_formed.chain(pages(MEASUREMENTS).filter_map(|page| unlinked(tree, page))).collect()
}

fn form(page: &Source) -> Vec<Finding> {
    let count = page.text.lines().count();
    let number = number(page, DECISIONS);
    let mut lines = page.text.lines().enumerate();
    let mut findings = Vec::new();
    if !page.text.starts_with(&format!("# {number} ")) {
        findings.push(Finding::new(&page.path, 1, format!("begin with `# {number} ` and what was decided")));
    }
    if count > MOST_LINES {
        let message =
            format!("{count} lines: move what was measured to {MEASUREMENTS}{number}-….md, and link it");
        findings.push(Finding::new(&page.path, MOST_LINES + 1, message));
    }
    if let Some(part) = PARTS.iter().find(|part| !lines.any(|(_, line)| line.starts_with(**part))) {
        let message = format!("has no `{part}` where decision 0001 wants it: {}", PARTS.join(" · "));
        findings.push(Finding::new(&page.path, 1, message));
    }
    findings
}

fn unlinked(tree: &Tree, page: &Source) -> Option<Finding> {
    let (number, file) = (number(page, MEASUREMENTS), &page.path["docs/".len()..]);
    let mut decisions =
        tree.files.iter().filter(|file| file.path.starts_with(&format!("{DECISIONS}{number}-")));
    let is_linked = decisions.any(|decision| decision.text.contains(&format!("](../{file})")));
    let message = format!("decision {number} does not link to it");
    (!is_linked).then(|| Finding::new(&page.path, 1, message))
}

fn number<'a>(page: &'a Source, folder: &str) -> &'a str {
    page.path[folder.len()..].split('-').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# 0002 A\n\n**Status:** b\n\n## Context\n\n## Decision\n\n[c](../measurements/0002-a.md)\n\n\
                        ## Consequences\n";

    fn count(decision: &str, measurement: &str) -> usize {
        check(&Tree::of(&[("docs/decisions/0002-a.md", decision), (measurement, "# 0002 Measured\n")])).len()
    }

    #[test]
    fn a_page_in_the_form_passes() {
        assert_eq!(count(GOOD, "docs/measurements/0002-a.md"), 0);
    }

    #[test]
    fn each_way_out_of_the_form_is_found() {
        assert_eq!(count(&GOOD.replace("# 0002", "# 0003"), "docs/measurements/0002-a.md"), 1);
        assert_eq!(count(&GOOD.replace("## Decision", "## Context"), "docs/measurements/0002-a.md"), 1);
        assert_eq!(count(&format!("{GOOD}{}", "\n".repeat(60)), "docs/measurements/0002-a.md"), 1);
        assert_eq!(count(GOOD, "docs/measurements/0003-a.md"), 1);
        assert_eq!(count(GOOD, "docs/measurements/0002-b.md"), 1);
    }
}
