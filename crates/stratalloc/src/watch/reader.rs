//! The measures, each taken at most once a check.
//!
//! Does not know: thresholds' heights.

use super::threshold::{Measure, Reading, Threshold};
use strata_cache::thread::RUNTIME;
use strata_os::machine::{self, MemoryBudget};

/// What was found out in this check.
#[derive(Default)]
pub(super) struct Reader {
    resident: Option<u64>,
    held: Option<u64>,
    budget: Option<Option<MemoryBudget>>,
    limit: Option<u64>,
}

impl Reader {
    /// What the threshold is about; `None` if the system does not say.
    pub(super) fn read(&mut self, threshold: &Threshold) -> Option<Reading> {
        match threshold.measure() {
            Measure::Resident => {
                let bytes = *self.resident.get_or_insert_with(machine::resident_bytes);
                Some(Reading { bytes, limit: self.limit_if_needed(threshold) })
            }
            Measure::Held => {
                let bytes = *self.held.get_or_insert_with(|| RUNTIME.page_heap.footprint().held_bytes);
                Some(Reading { bytes, limit: self.limit_if_needed(threshold) })
            }
            Measure::Counted => {
                let budget = *self.budget.get_or_insert_with(machine::memory_budget);
                budget.map(|budget| Reading { bytes: budget.usage, limit: Some(budget.limit) })
            }
        }
    }

    fn limit_if_needed(&mut self, threshold: &Threshold) -> Option<u64> {
        threshold.needs_limit().then(|| *self.limit.get_or_insert_with(limit))
    }
}

/// The smallest of all limits, the machine's memory among them.
fn limit() -> u64 {
    machine::memory_limit().unwrap_or(u64::MAX).min(machine::physical_memory())
}
