//! Links of pages lead to files and headings that exist, and every page of the book is in its summary and links to no file outside.
//!
//! Addresses of the web are not checked: they would fail whenever another machine is down.

use std::collections::HashMap;

use super::Finding;
use crate::source::Source;
use crate::table::pattern;
use crate::workspace::Tree;

const BOOK: &str = "docs/";
const SUMMARY: &str = "docs/SUMMARY.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let pages = || tree.files.iter().filter(|file| file.path.ends_with(".md"));
    pages().flat_map(|page| broken(tree, page)).chain(unlisted(tree)).collect()
}

fn broken(tree: &Tree, page: &Source) -> Vec<Finding> {
    let links = pattern(r"\]\(([^()\s]+)\)");
    let mut findings = Vec::new();
    for (index, line) in prose(&page.text) {
        for hit in links.captures_iter(&line) {
            let target = &hit[1];
            if !target.contains("://")
                && !target.starts_with("mailto:")
                && let Err(why) = follow(tree, page, target)
            {
                findings.push(Finding::new(&page.path, index + 1, format!("the link to `{target}`: {why}")));
            }
        }
    }
    findings
}

fn follow(tree: &Tree, page: &Source, target: &str) -> Result<(), String> {
    let (path, heading) =
        target.split_once('#').map_or((target, None), |(path, heading)| (path, Some(heading)));
    let path = if path.is_empty() { page.path.clone() } else { resolve(&page.path, path) };
    let folder = format!("{}/", path.trim_end_matches('/'));
    let is_there = |file: &Source| file.path == path || file.path.starts_with(&folder);
    if !tree.files.iter().any(is_there) {
        return Err(format!("there is no `{path}`"));
    }
    if page.path.starts_with(BOOK) && !path.starts_with(BOOK) {
        return Err(
            "a page of the book is read elsewhere, too: give the address of the repository".to_owned()
        );
    }
    match (heading, tree.get(&path)) {
        (Some(heading), Some(file))
            if path.ends_with(".md") && !anchors(&file.text).contains(&heading.to_owned()) =>
        {
            Err(format!("`{path}` has no heading that becomes `#{heading}`"))
        }
        _ => Ok(()),
    }
}

/// A path relative to a file, from the root of the workspace.
fn resolve(from: &str, path: &str) -> String {
    let mut parts: Vec<_> = from.split('/').collect();
    parts.pop();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        match part {
            "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Lines outside of fenced code, without what stands in backquotes, by their index.
pub(super) fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced).then(|| (index, line.split('`').step_by(2).collect::<Vec<_>>().join("`")))
    })
}

/// What headings become in an address, as GitHub and mdBook do it.
fn anchors(text: &str) -> Vec<String> {
    let mut seen = HashMap::<String, u32>::new();
    let mut fenced = false;
    let mut all = Vec::new();
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced || !line.starts_with('#') {
            continue;
        }
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let slug: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let count = seen.entry(slug.clone()).or_default();
        all.push(if *count == 0 { slug } else { format!("{slug}-{count}") });
        *count += 1;
    }
    all
}

/// Pages of the book that are not found.
fn unlisted(tree: &Tree) -> Vec<Finding> {
    let Some(summary) = tree.get(SUMMARY) else { return Vec::new() };
    let pages = tree.files.iter().filter_map(|file| file.path.strip_prefix("docs/"));
    let pages = pages.filter(|path| path.ends_with(".md") && *path != "SUMMARY.md");
    let missing = pages.filter(|path| !summary.text.contains(&format!("({path})")));
    missing.map(|path| Finding::new(SUMMARY, 1, format!("`{path}` is not in the summary: link it"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files))
            .into_iter()
            .map(|finding| format!("{}: {}", finding.line, finding.message))
            .collect()
    }

    #[test]
    fn a_link_to_nothing_is_found() {
        let found =
            messages(&[("other/a.md", "\n[x](b.md) [y](../README.md#c-d) [z](#e)\n"), ("README.md", "# C")]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("there is no `other/b.md`") && found[1].contains("`#c-d`"), "{found:?}");
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        let page = "# A `b`: c, d\n[1](#a-b-c-d) [2](../src) [3](../src/a.rs) [4](https://example.org)\n```\n[5](no)\n```\n`[6](no)`";
        assert!(messages(&[("other/a.md", page), ("src/a.rs", "//! A.")]).is_empty());
    }

    #[test]
    fn a_page_of_the_book_links_to_no_file_outside() {
        let files =
            [("docs/b/a.md", "[1](../c.md) [2](../../src/a.rs)"), ("docs/c.md", ""), ("src/a.rs", "//! A.")];
        let found = messages(&files);
        assert!(found.iter().any(|it| it.contains("`../../src/a.rs`: a page of the book")), "{found:?}");
        assert!(!found.iter().any(|it| it.contains("`../c.md`")), "{found:?}");
    }

    #[test]
    fn a_second_heading_of_a_name_has_a_number() {
        assert_eq!(anchors("# A\n## A\n### What `x` is\n```\n# no\n```"), ["a", "a-1", "what-x-is"]);
    }

    #[test]
    fn a_page_that_the_summary_lacks_is_found() {
        let found = messages(&[(SUMMARY, "- [A](a.md)"), ("docs/a.md", ""), ("docs/c/b.md", "")]);
        assert_eq!(found, ["1: `c/b.md` is not in the summary: link it"]);
    }
}
