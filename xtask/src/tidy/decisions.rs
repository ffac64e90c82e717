//! Decisions have one form and fit on a screen; their measurements lie beside them.
//!
//! The form is that of `docs/decisions/0001`. A page of `docs/measurements` has a decision's number, and that decision links to it.

use super::Finding;
use crate::source::Source;
use crate::workspace::Tree;

/// What a screen holds.
const MOST_LINES: usize = 60;

/// What follows the title, in this order.
const PARTS: &[&str] = &["**Status:** ", "## Context", "## Decision", "## Consequences"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in &tree.files {
        let wrong = match page.path.split(['/', '-']).collect::<Vec<_>>()[..] {
            ["docs", "decisions", number, ..] => form(page, number),
            ["docs", "measurements", number, ..] => unlinked(tree, page, number),
            _ => None,
        };
        findings.extend(wrong.map(|message| page.finding(1, message)));
    }
    findings
}

/// What of a decision is not as it should be.
fn form(page: &Source, number: &str) -> Option<String> {
    let mut lines = page.text.lines();
    let count = lines.clone().count();
    if !page.text.starts_with(&format!("# {number} ")) {
        return Some(format!("begin with `# {number} ` and what was decided"));
    }
    if count > MOST_LINES {
        return Some(format!(
            "{count} lines: move what was measured to docs/measurements/{number}-….md, and link it"
        ));
    }
    let missing = PARTS.iter().find(|part| !lines.any(|line| line.starts_with(**part)))?;
    Some(format!("has no `{missing}` where decision 0001 wants it: {}", PARTS.join(" · ")))
}

fn unlinked(tree: &Tree, page: &Source, number: &str) -> Option<String> {
    let (decision, link) =
        (format!("docs/decisions/{number}-"), format!("](../{})", &page.path["docs/".len()..]));
    let mut decisions = tree.files.iter().filter(|file| file.path.starts_with(&decision));
    let is_linked = decisions.any(|decision| decision.text.contains(&link));
    (!is_linked).then(|| format!("decision {number} does not link to it"))
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
    fn a_page_in_the_form_passes_and_each_way_out_of_it_is_found() {
        let measured = "docs/measurements/0002-a.md";
        assert_eq!(count(GOOD, measured), 0);
        for bad in [
            GOOD.replace("# 0002", "# 0003"),
            GOOD.replace("## Decision", "## Context"),
            GOOD.to_owned() + &"\n".repeat(60),
        ] {
            assert_eq!(count(&bad, measured), 1, "{bad}");
        }
        assert_eq!(count(GOOD, "docs/measurements/0003-a.md"), 1);
        assert_eq!(count(GOOD, "docs/measurements/0002-b.md"), 1);
    }
}
