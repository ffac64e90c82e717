//! The tables: medians of every allocator with Strata's ratio to the best peer and to glibc, one table for each metric.

use comfy_table::{Cell, Table};
use strata_harness::tables::{NONE, align, under};
use strata_harness::units::{count, mebibytes, time, times};

use super::allocators::{self, GLIBC, STRATA};
use super::catalogue;
use super::results::{Clock, Metric, Results};
use super::verdicts::{mean_to, mean_to_best, ratio_to, ratio_to_best};

/// What `--list` says.
pub(super) fn offers() -> String {
    let mut table = under(["program", "its work"]);
    for program in catalogue::ALL {
        table.add_row([program.name, program.work]);
    }
    let known = allocators::known(&[]).unwrap_or_default();
    let names: Vec<&str> = known.iter().map(|offer| offer.name.as_str()).collect();
    format!("{table}\nallocators: {}", names.join(", "))
}

/// Every table, with its title.
pub(super) fn all(results: &Results, clock: Clock) -> Vec<(&'static str, Table)> {
    let title = match clock {
        Clock::Wall => "time",
        Clock::Processor => "processor time",
    };
    let metrics =
        [(title, Metric::Time(clock)), ("peak memory", Metric::Peak), ("page faults", Metric::Faults)];
    let tables = metrics.map(|(title, metric)| (title, of(results, metric)));
    if results.programs.is_empty() { Vec::new() } else { tables.into() }
}

fn of(results: &Results, metric: Metric) -> Table {
    let names = results.allocators.iter().map(|one| one.name.as_str());
    let ratios = if results.has(STRATA) { &["÷ best peer", "÷ glibc"][..] } else { &[] };
    let mut table = under(std::iter::once("").chain(names.clone()).chain(ratios.iter().copied()));
    for program in &results.programs {
        let medians =
            names.clone().map(|name| shown(results.median(program, name, metric), |it| written(it, metric)));
        let mut row = vec![(*program).to_owned()];
        row.extend(medians);
        row.push(shown(ratio_to_best(results, program, metric), times));
        row.push(shown(ratio_to(results, program, GLIBC, metric), times));
        row.truncate(1 + results.allocators.len() + ratios.len());
        table.add_row(row);
    }
    if results.has(STRATA) {
        table.add_row(means(results, metric));
    }
    align(table)
}

/// Of Strata's ratios to each allocator, then to each program's best.
fn means(results: &Results, metric: Metric) -> Vec<Cell> {
    let mut row = vec!["geometric mean of Strata's ratio".to_owned()];
    let others = results.allocators.iter().map(|one| match one.name.as_str() {
        STRATA => String::new(),
        name => shown(mean_to(results, name, metric), times),
    });
    row.extend(others);
    row.push(shown(mean_to_best(results, metric), times));
    row.push(shown(mean_to(results, GLIBC, metric), times));
    row.into_iter().map(Cell::new).collect()
}

fn shown(number: Option<f64>, write: impl Fn(f64) -> String) -> String {
    number.map_or_else(|| NONE.to_owned(), write)
}

fn written(number: f64, metric: Metric) -> String {
    match metric {
        Metric::Time(_) => time(number),
        Metric::Peak => mebibytes(number),
        Metric::Faults => count(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Sample;
    use crate::results::testing::results;

    fn sample(milliseconds: u64, mebibytes: u64) -> Sample {
        let wall_ns = milliseconds * 1_000_000;
        Sample { wall_ns, processor_ns: wall_ns, peak_bytes: mebibytes << 20, faults: 7 }
    }

    fn cells(table: &Table, row: usize) -> Vec<String> {
        table.row(row).into_iter().flat_map(|row| row.cell_iter()).map(Cell::content).collect()
    }

    #[test]
    fn medians_ratios_and_means_stand_in_their_columns() {
        let results = results(&[
            ("git", "strata", sample(900, 10)),
            ("git", "glibc", sample(1800, 20)),
            ("git", "jemalloc", sample(1000, 8)),
        ]);
        let tables = all(&results, Clock::Wall);
        assert_eq!(cells(&tables[0].1, 0), ["git", "900 ms", "1800 ms", "1000 ms", "0.90×", "0.50×"]);
        assert_eq!(cells(&tables[1].1, 0), ["git", "10.0 MiB", "20.0 MiB", "8.00 MiB", "1.25×", "0.50×"]);
        assert_eq!(cells(&tables[2].1, 1)[1..], ["", "1.00×", "1.00×", "1.00×", "1.00×"]);
    }

    #[test]
    fn without_strata_there_are_no_ratios() {
        let tables = all(&results(&[("git", "glibc", sample(1, 1))]), Clock::Wall);
        assert_eq!(cells(&tables[0].1, 0), ["git", "1.00 ms"]);
    }
}
