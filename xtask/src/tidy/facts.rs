//! Numbers in pages are those of the source: `<!-- from CRATE: NAME = VALUE -->` stands beside a sentence that rests on a constant.
//!
//! A page may not be generated and true all the same: who changes the constant is led to the sentence.

use super::Finding;
use crate::source::Source;
use crate::workspace::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let pages = tree.files.iter().filter(|file| file.path.ends_with(".md"));
    pages.flat_map(|page| outdated(tree, page)).collect()
}

fn outdated(tree: &Tree, page: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for hit in page.find(|page| page.text.clone(), r"(?m)(?:^|[^`])<!-- from ([\w-]+): (\w+) = (.+?) -->") {
        let (package, name, said) = (&hit.groups[1], &hit.groups[2], &hit.groups[3]);
        let message = match &values_of(tree, package, name)[..] {
            values if values.iter().any(|value| value == said) => continue,
            [] => format!("`{package}` has no constant `{name}`: say what the sentence rests on now"),
            [value, ..] => {
                format!("`{name}` is `{value}`, not `{said}`: mend the sentence before this, then the mark")
            }
        };
        findings.push(page.finding(hit.line, message));
    }
    findings
}

/// What constants of this name are, wherever in the package.
fn values_of(tree: &Tree, package: &str, name: &str) -> Vec<String> {
    const CONSTANT: &str = r"\bconst\s+(\w+)\s*:[^=;]+=\s*([^;]+);";
    let folder = format!("crates/{package}/src/");
    tree.rust_below(&[&folder])
        .flat_map(|file| file.find(Source::code, CONSTANT))
        .filter(|hit| hit.groups[1] == name)
        .map(|hit| hit.groups[2].split_whitespace().collect::<Vec<_>>().join(" "))
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
    fn a_number_that_has_changed_or_is_gone_is_found_and_one_that_the_source_has_passes() {
        let code = "const ALL: u64 =\n    16 << 20;";
        assert_eq!(
            messages("16 MiB <!-- from a-b: ALL = 16 << 20 --> `<!-- from a-b: X = 1 -->`", code),
            [""; 0]
        );
        let found = messages("<!-- from a-b: ALL = 8 << 20 -->\n<!-- from a-b: NONE = 1 -->", code);
        assert!(found[0].contains("is `16 << 20`, not `8 << 20`"), "{found:?}");
        assert!(found[1].contains("no constant `NONE`"), "{found:?}");
    }
}
