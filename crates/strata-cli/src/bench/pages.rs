//! Tables in Markdown, written between the markers of a page: its numbers are never typed.
//!
//! ```text
//!   <!-- numbers:pairs-processor only=box_pair,window allocators=strata,mimalloc -->
//!   … replaced by that table, with these rows and columns …
//!   <!-- numbers:end -->
//! ```
//!
//! Both lists may be left out. A table for which nothing was run stays as it is, so that several runs may fill one page.
//!
//! Does not know: what the page says about its numbers.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};
use comfy_table::{Row, Table};

use super::metric::Metric;
use super::results::Results;
use super::sample::Kind;
use super::{noise, tables};

const BEGIN: &str = "<!-- numbers:";
const END: &str = "<!-- numbers:end -->";

/// An error if a page has no markers to write between, or cannot be written.
pub(crate) fn check(path: &Path) -> Result<()> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    if !text.contains(BEGIN) {
        bail!("{name} has no {BEGIN}TABLE --> … {END}: put the markers where tables are to stand");
    }
    strata_harness::targets::file(path)
}

/// Replaces what stands between the markers of the page at `path`; returns what was replaced.
pub(crate) fn update(path: &Path, results: &Results) -> Result<Vec<String>> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    let (text, replaced) = rewritten(&text, results).with_context(|| format!("in {name}"))?;
    std::fs::write(path, text).with_context(|| format!("cannot write {name}"))?;
    Ok(replaced)
}

fn rewritten(text: &str, results: &Results) -> Result<(String, Vec<String>)> {
    let (mut page, mut replaced, mut rest) = (String::new(), Vec::new(), text);
    while let Some(start) = rest.find(BEGIN) {
        let (before, from_marker) = rest.split_at(start);
        let Some((marker, behind)) = from_marker.split_once("-->") else { bail!("{BEGIN} without its -->") };
        let Some((old, after)) = behind.split_once(END) else { bail!("{marker}--> without {END}") };
        let wanted = Wanted::parse(marker.trim_start_matches(BEGIN))?;
        let new = wanted.written(results)?;
        let _ = write!(page, "{before}{marker}-->{}{END}", new.as_deref().unwrap_or(old));
        replaced.extend(new.map(|_| wanted.name));
        rest = after;
    }
    page.push_str(rest);
    Ok((page, replaced))
}

/// A marker: which table, and what of it.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    name: String,
    only: Vec<String>,
    allocators: Vec<String>,
}

impl Wanted {
    fn parse(marker: &str) -> Result<Self> {
        let mut words = marker.split_whitespace();
        let name = words.next().unwrap_or_default().to_owned();
        let mut wanted = Self { name, only: Vec::new(), allocators: Vec::new() };
        for word in words {
            let list = |text: &str| text.split(',').map(str::to_owned).collect();
            match word.split_once('=') {
                Some(("only", names)) => wanted.only = list(names),
                Some(("allocators", names)) => wanted.allocators = list(names),
                _ => bail!("{word:?} is neither only=… nor allocators=…"),
            }
        }
        Ok(wanted)
    }

    /// What stands between the markers; `None` if there are no numbers for it.
    fn written(&self, results: &Results) -> Result<Option<String>> {
        if self.name == "machine" {
            return Ok(Some(described(results)));
        }
        let chosen = self.chosen(results);
        let table = self.table(&chosen)?;
        Ok(table.map(|table| format!("\n\n{}\n", markdown(&table))))
    }

    fn chosen(&self, results: &Results) -> Results {
        let mut chosen = results.clone();
        let is_in = |list: &[String], name: &String| list.is_empty() || list.contains(name);
        chosen.series.retain(|series| is_in(&self.only, &series.case.workload));
        chosen.allocators.retain(|allocator| is_in(&self.allocators, allocator));
        chosen
    }

    fn table(&self, results: &Results) -> Result<Option<Table>> {
        let cases = |kind| Some(results.cases(kind)).filter(|cases| !cases.is_empty());
        let first = |kind| results.cases(kind).into_iter().next();
        let small = || Some([results.cases(Kind::Micro), results.cases(Kind::Scaling)].concat());
        let small = || small().filter(|cases| !cases.is_empty());
        let real = |metric| cases(Kind::Real).map(|cases| tables::real(results, &cases, metric));
        let pairs = |metric| small().map(|cases| tables::pairs(results, &cases, metric));
        Ok(match self.name.as_str() {
            "real-time" => real(Metric::Time),
            "real-processor" => real(Metric::Processor),
            "real-memory" => real(Metric::PeakMemory),
            "real-faults" => real(Metric::Faults),
            "pairs-time" => pairs(Metric::Time),
            "pairs-processor" => pairs(Metric::Processor),
            "efficiency" => cases(Kind::Scaling).map(|cases| tables::efficiency(results, &cases)),
            "latency" => first(Kind::Latency).map(|case| tables::latency(results, &case)),
            "story" => first(Kind::Story).map(|case| tables::story(results, &case)),
            "fragmentation" => first(Kind::Fragmentation).map(|case| tables::fragmentation(results, &case)),
            unknown => bail!("no table is called {unknown:?}"),
        })
    }
}

/// The machine, and how far its numbers can be trusted.
fn described(results: &Results) -> String {
    let effort = results.effort;
    let mut text = format!("\n\n{}; medians of {} interleaved runs", results.machine, effort.repetitions);
    noise::warnings(results).iter().for_each(|warning| {
        let _ = write!(text, "; {warning}");
    });
    text + ".\n\n"
}

fn markdown(table: &Table) -> String {
    let mut text = String::new();
    let Some(header) = table.header() else { return text };
    text.push_str(&line(header));
    let columns = header.cell_iter().count();
    text.push_str(&format!("|---|{}\n", "--:|".repeat(columns.saturating_sub(1))));
    table.row_iter().for_each(|row| text.push_str(&line(row)));
    text
}

/// One space where the terminal's table aligns by two.
fn line(row: &Row) -> String {
    let cells = row.cell_iter().map(|cell| cell.content().split_whitespace().collect::<Vec<_>>().join(" "));
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::results;

    fn some_results() -> Results {
        results(&[
            ("json", "strata", &[50]),
            ("json", "mimalloc", &[100]),
            ("trees", "strata", &[30]),
            ("trees", "mimalloc", &[10]),
        ])
    }

    #[test]
    fn a_page_without_markers_is_refused() {
        let path = std::env::temp_dir().join(format!("strata-page-{}.md", std::process::id()));
        std::fs::write(&path, "# No numbers").unwrap();
        assert!(check(&path).unwrap_err().to_string().contains("numbers:TABLE"));
        std::fs::write(&path, "<!-- numbers:real-time -->\n<!-- numbers:end -->").unwrap();
        check(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn what_stands_between_the_markers_is_replaced_and_nothing_else() {
        let page = "before\n<!-- numbers:real-time only=json -->\nold\n<!-- numbers:end -->\nafter";
        let (new, replaced) = rewritten(page, &some_results()).unwrap();
        assert_eq!(replaced, ["real-time"]);
        assert!(
            new.starts_with("before\n<!-- numbers:real-time only=json -->\n\n|  | strata | mimalloc |\n")
        );
        assert!(new.contains("| json | 50.0 ms 0.50× | 100 ms |") && !new.contains("trees"), "{new}");
        assert!(new.ends_with("<!-- numbers:end -->\nafter") && !new.contains("old"), "{new}");
        assert_eq!(rewritten(&new, &some_results()).unwrap().0, new, "a second time changes nothing");
    }

    #[test]
    fn a_table_of_what_was_not_run_stays_as_it_is() {
        for marker in ["latency", "story", "real-time only=lru_cache"] {
            let page = format!("<!-- numbers:{marker} -->\nold\n<!-- numbers:end -->");
            assert_eq!(rewritten(&page, &some_results()).unwrap(), (page, Vec::new()));
        }
    }

    #[test]
    fn columns_can_be_chosen() {
        let page = "<!-- numbers:real-time allocators=strata --><!-- numbers:end -->";
        assert!(!rewritten(page, &some_results()).unwrap().0.contains("mimalloc"));
    }

    #[test]
    fn a_wrong_marker_is_an_error_that_names_it() {
        for page in
            ["<!-- numbers:reel-time --><!-- numbers:end -->", "<!-- numbers:x y=z --><!-- numbers:end -->"]
        {
            assert!(rewritten(page, &some_results()).is_err(), "{page}");
        }
        assert!(rewritten("<!-- numbers:real-time -->", &some_results()).is_err());
    }
}
