//! Every option that a user can set is in the book.

use super::Finding;
use crate::source::line_of;
use crate::table::pattern;
use crate::workspace::Tree;

const TABLE: &str = "crates/stratalloc/src/options/table.rs";
const PAGE: &str = "docs/options.md";

/// An option is `name: "purge_delay"` or `"STRATA_PURGE_DELAY"` in the table.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let (Some(table), Some(page)) = (tree.get(TABLE), tree.get(PAGE)) else { return Vec::new() };
    let code = table.code_and_strings();
    let shipped = code.split("#[cfg(test)]").next().unwrap_or_default();
    let mut findings = Vec::new();
    let names = pattern(r#"\bname\s*:\s*"(\w+)"|"(STRATA_\w+)""#);
    if !names.is_match(shipped) {
        let message = "holds no `name: \"…\"` and no `\"STRATA_…\"`: tell xtask/src/tidy/options.rs how options are written now";
        findings.push(Finding::new(TABLE, 1, message));
    }
    for hit in names.captures_iter(shipped) {
        let Some(name) = hit.get(1).or(hit.get(2)) else { continue };
        let variable = format!("STRATA_{}", name.as_str().trim_start_matches("STRATA_").to_uppercase());
        if !page.text.contains(&variable) {
            let message = format!("`{variable}` is not in {PAGE}: add it with its default and meaning");
            findings.push(Finding::new(TABLE, line_of(shipped, name.start()), message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(table: &str, page: &str) -> Vec<usize> {
        check(&Tree::of(&[(TABLE, table), (PAGE, page)])).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn an_option_that_the_book_lacks_is_found() {
        assert_eq!(
            lines("Option {\n name: \"purge_delay\" }\n\"STRATA_STATS\"", "`STRATA_STATS` prints"),
            [2]
        );
    }

    #[test]
    fn a_table_that_the_rule_cannot_read_is_found() {
        assert_eq!(lines("enum Purge {}", ""), [1]);
    }

    #[test]
    fn options_in_the_book_pass_and_so_does_a_tree_without_table() {
        assert!(lines("name: \"stats\"", "`STRATA_STATS`").is_empty());
        assert!(check(&Tree::of(&[(PAGE, "")])).is_empty());
    }
}
