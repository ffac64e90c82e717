//! What decides how much memory goes back, and when.
//!
//! Does not know: addresses.

pub(crate) mod peak;
pub(crate) mod pressure;
pub(crate) mod reclaim;
pub(crate) mod refaults;
