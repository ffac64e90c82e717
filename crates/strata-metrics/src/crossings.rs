//! An event of `tracing` for each time that memory grows beyond a threshold.
//!
//! Does not know: who subscribes.

use stratalloc::watch::{self, Threshold, Watch, WatchError};

/// Has an event of level WARN, with target `strata`, for each crossing of a threshold; until the watch is dropped.
///
/// Its fields: `bytes`, what there is; `threshold_bytes`; `limit_bytes`, if there is a limit; `measure`, what is measured.
/// A subscriber may allocate: the event comes from a thread of its own, outside of the allocator.
///
/// # Errors
/// As [`watch::at`] has them: Strata is not the program's allocator, no thread, too many watches, a share of no limit.
///
/// ```
/// # #[global_allocator]
/// # static GLOBAL: stratalloc::Strata = stratalloc::Strata;
/// # fn main() -> Result<(), stratalloc::watch::WatchError> {
/// use stratalloc::watch::Threshold;
///
/// let _watch = strata_metrics::trace_crossings(Threshold::resident().bytes(2 << 30))?;
/// # Ok(())
/// # }
/// ```
pub fn trace_crossings(threshold: Threshold) -> Result<Watch, WatchError> {
    watch::at(threshold, |crossing| {
        tracing::warn!(
            target: "strata",
            bytes = crossing.bytes(),
            threshold_bytes = crossing.threshold_bytes(),
            limit_bytes = crossing.limit_bytes(),
            measure = ?crossing.measure(),
            "memory grew beyond a threshold"
        );
    })
}
