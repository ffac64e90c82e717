//! The tables: medians of every allocator with Strata's ratio to the best peer and to glibc, one table for each metric.

use comfy_table::presets::{ASCII_MARKDOWN, UTF8_HORIZONTAL_ONLY};
use comfy_table::{Cell, CellAlignment, Table, TableComponent};

use super::allocators::{self, GLIBC, STRATA};
use super::catalogue;
use super::results::{Clock, Metric, Results};
use super::verdicts::{mean_to, mean_to_best, ratio_to, ratio_to_best};

/// For a terminal.
pub(super) fn all(results: &Results, clock: Clock) -> Vec<(&'static str, Table)> {
    tables(results, clock, |table| {
        table.load_preset(UTF8_HORIZONTAL_ONLY);
        table.remove_style(TableComponent::HorizontalLines).remove_style(TableComponent::MiddleIntersections);
    })
}

/// For a page.
pub(super) fn markdown(results: &Results, clock: Clock) -> Vec<(&'static str, Table)> {
    tables(results, clock, |table| {
        table.load_preset(ASCII_MARKDOWN);
    })
}

/// What `--list` says.
pub(super) fn offers() -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).remove_style(TableComponent::HorizontalLines);
    table.remove_style(TableComponent::MiddleIntersections).set_header(["program", "its work"]);
    for program in catalogue::ALL {
        table.add_row([program.name, program.work]);
    }
    let known = allocators::known(&[]).unwrap_or_default();
    let names: Vec<&str> = known.iter().map(|offer| offer.name.as_str()).collect();
    format!("{table}\nallocators: {}", names.join(", "))
}

fn tables(results: &Results, clock: Clock, style: impl Fn(&mut Table)) -> Vec<(&'static str, Table)> {
    let time = match clock {
        Clock::Wall => "time",
        Clock::Processor => "processor time",
    };
    let metrics =
        [(time, Metric::Time(clock)), ("peak memory", Metric::Peak), ("page faults", Metric::Faults)];
    let styled = metrics.map(|(title, metric)| {
        let mut table = of(results, metric);
        style(&mut table);
        (title, table)
    });
    if results.programs.is_empty() { Vec::new() } else { styled.into() }
}

fn of(results: &Results, metric: Metric) -> Table {
    let mut table = Table::new();
    let names = results.allocators.iter().map(|one| one.name.as_str());
    let ratios = if results.has(STRATA) { &["÷ best peer", "÷ glibc"][..] } else { &[] };
    table.set_header(std::iter::once("").chain(names.clone()).chain(ratios.iter().copied()));
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

fn align(mut table: Table) -> Table {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn shown(number: Option<f64>, write: impl Fn(f64) -> String) -> String {
    number.map_or_else(|| "–".to_owned(), write)
}

fn times(ratio: f64) -> String {
    format!("{ratio:.2} ×")
}

/// Three digits and a unit.
fn written(number: f64, metric: Metric) -> String {
    match metric {
        Metric::Time(_) if number >= 1e9 => format!("{:.2} s", number / 1e9),
        Metric::Time(_) => format!("{:.0} ms", number / 1e6),
        Metric::Peak => {
            let mebibytes = number / f64::from(1 << 20);
            if mebibytes < 99.95 { format!("{mebibytes:.1} MiB") } else { format!("{mebibytes:.0} MiB") }
        }
        Metric::Faults => format!("{number:.0}"),
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
        let tables = markdown(&results, Clock::Wall);
        assert_eq!(cells(&tables[0].1, 0), ["git", "900 ms", "1.80 s", "1.00 s", "0.90 ×", "0.50 ×"]);
        assert_eq!(cells(&tables[1].1, 0), ["git", "10.0 MiB", "20.0 MiB", "8.0 MiB", "1.25 ×", "0.50 ×"]);
        assert_eq!(cells(&tables[2].1, 1)[1..], ["", "1.00 ×", "1.00 ×", "1.00 ×", "1.00 ×"]);
    }

    #[test]
    fn without_strata_there_are_no_ratios() {
        let tables = markdown(&results(&[("git", "glibc", sample(1, 1))]), Clock::Wall);
        assert_eq!(cells(&tables[0].1, 0), ["git", "1 ms"]);
    }
}
