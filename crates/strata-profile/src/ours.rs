//! Which functions are the allocator's own, which a profile leaves out.
//!
//! Does not know: where they are called from.

/// Frames at the start of a stack among which the allocator's may be.
pub(crate) const MOST_OF_OURS: usize = 48;

/// How the names of the allocator's functions begin, behind the `<` of an implementation.
const BEGINNINGS: [&str; 12] = [
    "strata_cache::",
    "strata_core::",
    "strata_os::",
    "strata_profile::",
    "strata_recorder::",
    "strata_segment::",
    "stratalloc::",
    "impl strata_",
    "__rust_",
    "__rustc",
    "__rg_",
    "alloc::alloc::",
];

/// Whether a function is the allocator's own.
pub(crate) fn is_ours(function: &str) -> bool {
    let name = function.trim_start_matches(['<', '&']);
    BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn functions_of_the_allocator_are_told_from_others() {
        for ours in [
            "strata_profile::stack::capture",
            "<stratalloc::global::Strata as core::alloc::global::GlobalAlloc>::alloc",
            "__rustc::__rust_alloc",
            "alloc::alloc::exchange_malloc",
        ] {
            assert!(is_ours(ours), "{ours}");
        }
        for other in
            ["main", "alloc::raw_vec::RawVec<T>::grow_one", "strategy::plan", "<my::Cache as Fill>::fill"]
        {
            assert!(!is_ours(other), "{other}");
        }
    }
}
