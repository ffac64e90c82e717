//! Huge blocks: mapped, resized, and kept as extents between two uses.
//!
//! Does not know: pools, classes.

pub(crate) mod block;
pub(crate) mod cache;
pub(crate) mod extent;
pub(crate) mod limit;
mod zero;
