//! The stories, by name.

mod fork;
mod fragmentation;
mod healthy;
mod huge;
mod parked;
mod refused;
mod rounds;
mod sparse;
mod unbounded_cache;

use crate::Form;

/// A story, and its name.
type Named = (&'static str, fn(Form));

/// All of them.
pub(crate) const ALL: &[Named] = &[
    ("unbounded-cache", unbounded_cache::play),
    ("fragmentation", fragmentation::play),
    ("parked-in-threads", parked::play),
    ("sparse-table", sparse::play),
    ("idle", healthy::idle),
    ("busy", healthy::busy),
    ("bursts", healthy::bursts),
    ("threads", healthy::threads),
    ("huge-blocks", huge::play),
    ("fork", fork::play),
    ("refused", refused::play),
    ("rounds", rounds::play),
];
