//! Links of pages lead to files and headings that exist, and every page of the book is in its summary and links to no file outside.
//!
//! Addresses of the web are not checked: they would fail whenever another machine is down.

use std::collections::HashMap;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use super::Finding;
use crate::source::{Source, line_of};
use crate::workspace::Tree;

const BOOK: &str = "docs/";
const SUMMARY: &str = "docs/SUMMARY.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let pages = || tree.files.iter().filter(|file| file.path.ends_with(".md"));
    pages().flat_map(|page| broken(tree, page)).chain(unlisted(tree)).collect()
}

fn broken(tree: &Tree, page: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (event, place) in Parser::new(&page.text).into_offset_iter() {
        if let Event::Start(Tag::Link { dest_url: target, .. } | Tag::Image { dest_url: target, .. }) = event
            && !target.contains("://")
            && !target.starts_with("mailto:")
            && let Err(why) = follow(tree, page, &target)
        {
            let line = line_of(&page.text, place.start);
            findings.push(page.finding(line, format!("the link to `{target}`: {why}")));
        }
    }
    findings
}

fn follow(tree: &Tree, page: &Source, target: &str) -> Result<(), String> {
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { page.path.clone() } else { resolve(&page.path, path) };
    let folder = format!("{}/", path.trim_end_matches('/'));
    if !tree.files.iter().any(|file| file.path == path || file.path.starts_with(&folder)) {
        return Err(format!("there is no `{path}`"));
    }
    if page.path.starts_with(BOOK) && !path.starts_with(BOOK) {
        return Err("a page of the book is read elsewhere, too: give the repository's address".to_owned());
    }
    let file = tree.get(&path).filter(|file| file.path.ends_with(".md") && !heading.is_empty());
    if file.is_some_and(|file| !anchors(&file.text).iter().any(|anchor| anchor == heading)) {
        return Err(format!("`{path}` has no heading that becomes `#{heading}`"));
    }
    Ok(())
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

/// What headings become in an address, as GitHub and mdBook do it.
fn anchors(text: &str) -> Vec<String> {
    let mut seen = HashMap::<String, u32>::new();
    let (mut title, mut all) = (String::new(), Vec::new());
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => title.clear(),
            Event::Text(part) | Event::Code(part) => title.push_str(&part),
            Event::End(TagEnd::Heading(_)) => {
                let title = title.to_lowercase();
                let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
                let slug: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
                let count = seen.entry(slug.clone()).and_modify(|count| *count += 1).or_default();
                all.push(if *count == 0 { slug } else { format!("{slug}-{count}") });
            }
            _ => {}
        }
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
    fn a_link_to_nothing_is_found_and_one_that_leads_somewhere_passes() {
        let page = "\n[x](b.md) [y](../README.md#c-d) [z](#e)\n";
        let found = messages(&[("other/a.md", page), ("README.md", "# C")]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("there is no `other/b.md`") && found[1].contains("`#c-d`"), "{found:?}");
        let page = "# A `b`: c, d\n[1](#a-b-c-d) [2](../src) [3](../src/a.rs) [4](https://example.org)\n```\n[5](no)\n```\n`[6](no)`";
        assert_eq!(messages(&[("other/a.md", page), ("src/a.rs", "//! A.")]), [""; 0]);
    }

    #[test]
    fn a_page_of_the_book_links_to_no_file_outside_and_is_in_the_summary() {
        let found = messages(&[
            (SUMMARY, "- [A](b/a.md)"),
            ("docs/b/a.md", "[1](../c.md) [2](../../src/a.rs)"),
            ("docs/c.md", ""),
            ("src/a.rs", "//! A."),
        ]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("`../../src/a.rs`: a page of the book"), "{found:?}");
        assert!(found[1].contains("`c.md` is not in the summary"), "{found:?}");
    }

    #[test]
    fn a_second_heading_of_a_name_has_a_number() {
        assert_eq!(anchors("# A\n## A\n### What `x` is\n```\n# no\n```"), ["a", "a-1", "what-x-is"]);
    }
}
