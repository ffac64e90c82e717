//! Numbers in pages are those of the source: `<!-- from CRATE: NAME = VALUE -->` stands beside a sentence that rests on a constant.
//!
//! A page may not be generated and true all the same: who changes the constant is led to the sentence.

use super::Finding;
use super::links::prose;
use crate::source::Source;
use crate::table::pattern;
use crate::workspace::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let pages = tree.files.iter().filter(|file| file.path.ends_with(".md"));
    pages.flat_map(|page| outdated(tree, page)).collect()
}

fn outdated(tree: &Tree, page: &Source) -> Vec<Finding> {
    let facts = pattern(r"<!-- from ([\w-]+): (\w+) = (.+?) -->");
    let mut findings = Vec::new();
    for (index, line) in prose(&page.text) {
        for hit in facts.captures_iter(&line) {
            let (package, name, said) = (&hit[1], &hit[2], &hit[3]);
            let values = values_of(tree, package, name);
            if !values.iter().any(|value| value == said) {
                let message = match &values[..] {
                    [] => format!("`{package}` has no constant `{name}`: say what the sentence rests on now"),
                    [value, ..] => {
                        format!(
                            "`{name}` is `{value}`, not `{said}`: mend the sentence before this, then the mark"
                        )
                    }
                };
                findings.push(Finding::new(&page.path, index + 1, message));
            }
        }
    }
    findings
}

/// What constants of this name are, wherever in the package.
fn values_of(tree: &Tree, package: &str, name: &str) -> Vec<String> {
    let folder = format!("crates/{package}/src/");
    let constants = pattern(r"\bconst\s+(\w+)\s*:[^=;]+=\s*([^;]+);");
    let files = tree.files.iter().filter(|file| file.path.starts_with(&folder) && file.is_rust());
    files
        .flat_map(|file| {
            let code = file.code();
            let hits = constants.captures_iter(&code).filter(|hit| &hit[1] == name);
            hits.map(|hit| hit[2].split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(page: &str, code: &str) -> Vec<String> {
        let tree = Tree::of(&[("docs/a.md", page), ("crates/a-b/src/c.rs", code)]);
        check(&tree).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_number_that_the_source_has_passes() {
        assert!(
            messages("16 MiB <!-- from a-b: ALL = 16 << 20 -->", "const ALL: u64 =\n    16 << 20;")
                .is_empty()
        );
    }

    #[test]
    fn a_number_that_has_changed_is_found_and_so_is_one_that_is_gone() {
        let found = messages(
            "<!-- from a-b: ALL = 8 << 20 -->\n<!-- from a-b: NONE = 1 -->",
            "const ALL: u64 = 16 << 20;",
        );
        assert!(
            found[0].contains("is `16 << 20`, not `8 << 20`") && found[1].contains("no constant `NONE`"),
            "{found:?}"
        );
    }
}
