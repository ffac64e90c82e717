//! What can be typed after `strata`: one file for each verb.

pub(crate) mod bench;
pub(crate) mod core;
pub(crate) mod explain;
pub(crate) mod map;
pub(crate) mod profile;
pub(crate) mod run;
pub(crate) mod snapshot;
pub(crate) mod stats;
