//! Tables in Markdown, written between the markers of a page: its numbers are never typed.
//!
//! ```text
//!   <!-- numbers:pairs-processor only=box_pair,window allocators=strata,mimalloc -->
//!   … replaced by that table, with these rows and columns …
//!   <!-- numbers:end -->
//! ```
//!
//! Both lists may be left out; `chart` is the picture that `--chart` draws in the same run. A table for which nothing was run stays as it is, so that several runs may fill one page.
//!
//! Does not know: what the page says about its numbers.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Result, bail};
use comfy_table::Table;
use strata_harness::pages::Markers;
use strata_harness::sample::Kind;
use strata_harness::tables::markdown;

use super::metric::Metric;
use super::results::Results;
use super::{noise, tables};

const NUMBERS: Markers = Markers("numbers");

/// An error if a page has no markers to write between, or cannot be written.
pub(crate) fn check(path: &Path) -> Result<()> {
    NUMBERS.check(path)
}

/// Replaces what stands between the markers of the page at `path`; returns what was replaced. A chart that was drawn is shown where the
/// page wants one.
pub(crate) fn update(path: &Path, results: &Results, chart: Option<&Path>) -> Result<Vec<String>> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let chart = chart.map(|chart| chart.strip_prefix(folder).unwrap_or(chart).display());
    NUMBERS.update(path, |marker| match marker {
        "chart" => Ok(chart.as_ref().map(|chart| format!("![Time and peak memory of real work]({chart})"))),
        marker => Wanted::parse(marker)?.written(results),
    })
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
        Ok(table.map(|table| markdown(&table)))
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
    let mut text = format!(
        "{}; Strata {}; medians of {} interleaved runs",
        results.machine, results.strata, effort.repetitions
    );
    noise::warnings(results).iter().for_each(|warning| {
        let _ = write!(text, "; {warning}");
    });
    text + "."
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

    fn rewritten(page: &str, results: &Results) -> Result<(String, Vec<String>)> {
        NUMBERS.rewritten(page, |marker| Wanted::parse(marker)?.written(results))
    }

    #[test]
    fn what_stands_between_the_markers_is_replaced_and_nothing_else() {
        let page = "before\n<!-- numbers:real-time only=json -->\nold\n<!-- numbers:end -->\nafter";
        let (new, replaced) = rewritten(page, &some_results()).unwrap();
        assert_eq!(replaced, ["real-time only=json"]);
        assert!(
            new.starts_with("before\n<!-- numbers:real-time only=json -->\n\n|  | strata | mimalloc |\n")
        );
        assert!(new.contains("| json | 50.0 ms 0.50× | 100 ms |") && !new.contains("trees"), "{new}");
        assert!(new.ends_with("<!-- numbers:end -->\nafter") && !new.contains("old"), "{new}");
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
    }
}
