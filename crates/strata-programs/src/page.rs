//! Puts what was measured into the book, so that numbers are not typed by hand.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use strata_harness::machine::Machine;
use strata_harness::pages::Markers;
use strata_harness::tables::markdown;

use super::results::{Clock, Results};
use super::{table, verdicts};

const PAGE: &str = "docs/programs.md";
const PROGRAMS: Markers = Markers("programs");

/// Replaces what stands between the markers.
pub(super) fn write(root: &Path, results: &Results, clock: Clock) -> Result<()> {
    PROGRAMS.update(&root.join(PAGE), |_| Ok(Some(section(results, clock))))?;
    println!("written: {PAGE}");
    Ok(())
}

fn section(results: &Results, clock: Clock) -> String {
    let mut text =
        format!("Medians of {} rounds. {}.\n\n{}\n", results.rounds, Machine::read(), versions(results));
    for (title, table) in table::all(results, clock) {
        // Writing into a string does not fail.
        let _ = write!(text, "\n### {}\n\n{}\n", heading(title), markdown(&table));
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

fn heading(title: &str) -> String {
    let mut letters = title.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_its_markers() {
        PROGRAMS.check(&crate::root().join(PAGE)).expect("the page has markers");
    }
}
