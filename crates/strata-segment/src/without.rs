//! Heuristics that can be compiled out, one at a time, to measure each: `RUSTFLAGS='--cfg strata_without="prefault"'`.
//!
//! Each is a paragraph of `docs/how-memory-goes-back.md`; `cargo xtask tidy` holds the two lists against each other.
//!
//! Does not know: what they do.

macro_rules! switches {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub(crate) const $name: bool = !cfg!(strata_without = $text);)*
    };
}

switches! {
    /// Free pools are given back for huge blocks, and huge extents for pools.
    CROSS_RECLAIM = "cross_reclaim";
    /// No more huge extents are kept than was live recently.
    HUGE_LIMIT = "huge_limit";
    /// Pools that will be filled are faulted in by one call.
    PREFAULT = "prefault";
    /// Passes back off while what they gave back is taken again.
    REFAULTS = "refaults";
    /// What others left behind an allocation in a run is given back.
    RUN_TAIL = "run_tail";
    /// By option `auto`, memory is taken in huge pages where that pays.
    THP = "thp";
}
