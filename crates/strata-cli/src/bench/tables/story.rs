//! Resident memory through the phases of the memory story, beside what the program itself holds.

use comfy_table::{Cell, Table};

use super::{ROOMY, align, empty};
use crate::bench::metric::Metric;
use crate::bench::plan::Case;
use crate::bench::results::{Results, Series};
use strata_harness::sample::{Moment, Sample};

/// A multiple of less tells of the program's own code.
const LEAST_TO_COMPARE: u64 = 1 << 20;

/// A row for each phase: resident memory, and how much of it the program holds.
pub(crate) fn of(results: &Results, case: &Case) -> Table {
    let mut table = empty(results);
    let phases =
        results.series.iter().find(|series| series.case == *case).and_then(|series| series.samples.first());
    let phases = phases.and_then(Sample::story).map(|story| story.phases.as_slice()).unwrap_or_default();
    for (index, phase) in phases.iter().enumerate() {
        let name = format!("{}, {} held", phase.phase, held(phase));
        let cells = results.allocators.iter().map(|allocator| {
            let series = results.series(case, allocator);
            let resident = series.and_then(|series| {
                series.median_of(|sample| moment(sample, index).map(|moment| moment.resident_bytes))
            });
            let shown = resident.map(|bytes| cell(results, bytes, phase) + &worst(series, index));
            Cell::new(shown.unwrap_or_else(|| "–".to_owned()))
        });
        table.add_row(std::iter::once(Cell::new(name)).chain(cells));
    }
    if let Some(row) = processor_time(results, case) {
        table.add_row(row);
    }
    align(table)
}

/// The most of several runs: a bound has to hold in each.
fn worst(series: Option<&Series>, index: usize) -> String {
    let Some(series) = series.filter(|series| series.samples.len() > 1) else { return String::new() };
    let resident = series.samples.iter().filter_map(|sample| moment(sample, index));
    let most = resident.map(|moment| moment.resident_bytes).max().unwrap_or_default();
    format!(" (≤ {})", Metric::PeakMemory.format(most as f64))
}

/// What an operation took of all processors, where the story counts some.
fn processor_time(results: &Results, case: &Case) -> Option<Vec<Cell>> {
    let of = |allocator: &String| {
        results.series(case, allocator)?.median_of(|sample| {
            let nanoseconds = (sample.user_ns + sample.system_ns).checked_div(sample.operations)?;
            Some(nanoseconds)
        })
    };
    let times: Vec<Option<f64>> = results.allocators.iter().map(of).collect();
    times.iter().any(Option::is_some).then(|| {
        let cells = times.iter().map(|time| {
            Cell::new(time.map_or_else(|| "–".to_owned(), |time| format!("{:.1} µs", time / 1000.0)))
        });
        std::iter::once(Cell::new("processor time an operation")).chain(cells).collect()
    })
}

fn held(phase: &Moment) -> String {
    if phase.live_bytes == 0 {
        "nothing".to_owned()
    } else {
        Metric::PeakMemory.format(phase.live_bytes as f64)
    }
}

fn moment(sample: &Sample, index: usize) -> Option<&Moment> {
    sample.story()?.phases.get(index)
}

/// Resident over held is what fragmentation and retention cost together.
fn cell(results: &Results, bytes: f64, phase: &Moment) -> String {
    let resident = Metric::PeakMemory.format(bytes);
    let wanted = phase.live_bytes >= LEAST_TO_COMPARE && results.allocators.len() <= ROOMY;
    if wanted { format!("{resident}  {:.2}×", bytes / phase.live_bytes as f64) } else { resident }
}
