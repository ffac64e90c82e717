//! The recorder of this process: it is off until it is started.
//!
//! Does not know: what was recorded; `Profile` does.

pub use strata_recorder::recorder::{DEFAULT_MEAN_BYTES, mean_bytes, start, stop};
