//! Puts what was measured into the book, so that numbers are not typed by hand.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::results::{Clock, Results};
use super::{table, verdicts};

const PAGE: &str = "docs/programs.md";
const OPEN: &str = "<!-- programs:table -->\n";
const CLOSE: &str = "<!-- programs:end -->";

/// Replaces what stands between the marks.
pub(super) fn write(root: &Path, results: &Results, clock: Clock) -> Result<()> {
    let page = root.join(PAGE);
    let text = fs::read_to_string(&page).with_context(|| format!("reading {PAGE}"))?;
    let text = replaced(&text, &section(results, clock))
        .with_context(|| format!("{PAGE} lacks the marks {OPEN}{CLOSE}"))?;
    fs::write(&page, text).with_context(|| format!("writing {PAGE}"))?;
    println!("written: {PAGE}");
    Ok(())
}

fn replaced(text: &str, section: &str) -> Option<String> {
    let (before, rest) = text.split_once(OPEN)?;
    let (_, after) = rest.split_once(CLOSE)?;
    Some(format!("{before}{OPEN}\n{section}\n{CLOSE}{after}"))
}

fn section(results: &Results, clock: Clock) -> String {
    let mut text = format!("Medians of {} rounds. {}\n\n{}\n", results.rounds, machine(), versions(results));
    for (title, table) in table::markdown(results, clock) {
        // Writing into a string does not fail.
        let _ = write!(text, "\n### {}\n\n{table}\n", heading(title));
    }
    text.push_str("\n### Targets\n\n");
    for line in verdicts::of(results, clock).iter().chain(&results.warnings()) {
        let _ = writeln!(text, "- {line}");
    }
    if !results.checked.is_empty() {
        let _ = write!(
            text,
            "\nRun once for their verdict, and passed on every allocator: {}.\n",
            results.checked.join(", ")
        );
    }
    text
}

fn versions(results: &Results) -> String {
    let named: Vec<String> =
        results.allocators.iter().map(|one| format!("{} ({})", one.name, one.version)).collect();
    format!("Allocators: {}.", named.join(", "))
}

/// Whose name the numbers bear: processor, cores, kernel, release.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        line.and_then(|line| line.split_once([':', '=']))
            .map(|(_, value)| value.trim().trim_matches('"').to_owned())
            .unwrap_or_else(|| "unknown".to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{cores} cores of {}, Linux {}, {}.",
        value(&read("/proc/cpuinfo"), "model name"),
        read("/proc/sys/kernel/osrelease").split('-').next().unwrap_or_default().trim(),
        value(&read("/etc/os-release"), "PRETTY_NAME")
    )
}

fn heading(title: &str) -> String {
    let mut letters = title.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let text = format!("a\n{OPEN}old\n{CLOSE}\nb\n");
        assert_eq!(replaced(&text, "new"), Some(format!("a\n{OPEN}\nnew\n{CLOSE}\nb\n")));
        assert_eq!(replaced("a\nb\n", "new"), None);
    }

    #[test]
    fn the_page_has_its_marks() {
        let page = fs::read_to_string(crate::root().join(PAGE)).expect("the page can be read");
        assert!(replaced(&page, "new").is_some());
    }
}
