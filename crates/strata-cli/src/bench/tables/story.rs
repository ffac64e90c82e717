//! Resident memory through the phases of the memory story, beside what the program itself holds.

use comfy_table::{Cell, Table};

use super::{ROOMY, align, empty};
use crate::bench::metric::Metric;
use crate::bench::plan::Case;
use crate::bench::results::Results;
use crate::bench::sample::{Moment, Sample};

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
            let resident = results.series(case, allocator).and_then(|series| {
                series.median_of(|sample| moment(sample, index).map(|moment| moment.resident_bytes))
            });
            Cell::new(resident.map_or_else(|| "–".to_owned(), |bytes| cell(results, bytes, phase)))
        });
        table.add_row(std::iter::once(Cell::new(name)).chain(cells));
    }
    align(table)
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
