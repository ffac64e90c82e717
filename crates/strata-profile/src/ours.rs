//! Which functions are the allocator's own, which a profile leaves out.
//!
//! Does not know: where they are called from.

use crate::Frame;

/// Frames at the start of a stack among which the allocator's may be.
pub(crate) const MOST_OF_OURS: usize = 48;

/// How the names of the allocator's functions begin, behind the `<` of an implementation.
const BEGINNINGS: [&str; 14] = [
    "strata_cache::",
    "strata_core::",
    "strata_os::",
    "strata_profile::",
    "strata_recorder::",
    "strata_segment::",
    "stratalloc::",
    "impl strata_",
    "__rust_alloc",
    "__rust_realloc",
    "__rust_no_alloc",
    "__rustc",
    "__rg_",
    "alloc::alloc::",
];

/// Where the allocator's functions stand, behind the folder of crates: with line tables only, their names have no path before them.
const FOLDERS: [&str; 8] = [
    "strata-cache",
    "strata-capi",
    "strata-core",
    "strata-os",
    "strata-profile",
    "strata-recorder",
    "strata-segment",
    "stratalloc",
];

/// Whether a function is the allocator's own.
pub(crate) fn is_ours(frame: &Frame) -> bool {
    is_named_like_ours(&frame.function) || frame.file.as_deref().is_some_and(is_file_of_ours)
}

fn is_named_like_ours(function: &str) -> bool {
    let name = function.trim_start_matches(['<', '&']);
    BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

/// `…/strata-core/src/…`, or `…/strata-core-1.2.3/src/…`, as cargo has it.
fn is_file_of_ours(file: &str) -> bool {
    if file.ends_with("/library/alloc/src/alloc.rs") {
        return true;
    }
    let mut folders = file.split('/');
    let mut before = "";
    folders.any(|folder| {
        let name = core::mem::replace(&mut before, folder);
        let is_source = folder == "src";
        is_source && FOLDERS.iter().any(|ours| name.strip_prefix(ours).is_some_and(is_version))
    })
}

/// What may stand behind a crate's name: nothing, or a dash and its version.
fn is_version(text: &str) -> bool {
    text.is_empty()
        || text.strip_prefix('-').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_the_allocator_are_told_from_others() {
        for ours in [
            "strata_profile::stack::capture",
            "<stratalloc::global::Strata as core::alloc::global::GlobalAlloc>::alloc",
            "__rustc::__rust_alloc",
            "alloc::alloc::exchange_malloc",
        ] {
            assert!(is_named_like_ours(ours), "{ours}");
        }
        for other in [
            "main",
            "alloc::raw_vec::RawVec<T>::grow_one",
            "strategy::plan",
            "<my::Cache as Fill>::fill",
            // Every `main` of Rust is called by it.
            "__rust_begin_short_backtrace<fn() -> (), ()>",
        ] {
            assert!(!is_named_like_ours(other), "{other}");
        }
    }

    #[test]
    fn without_a_path_before_its_name_a_function_is_told_by_its_file() {
        let is_ours = |file: &str| {
            super::is_ours(&Frame {
                function: "walk".to_owned(),
                file: Some(file.to_owned()),
                line: Some(92),
            })
        };
        assert!(is_ours("/src/strata/crates/strata-recorder/src/stack/tables.rs"));
        assert!(is_ours("/cargo/registry/src/index/stratalloc-0.1.0/src/global.rs"));
        assert!(is_ours("/rustc/1234/library/alloc/src/alloc.rs"));
        for other in
            ["/src/strata/crates/strata-stories/src/main.rs", "src/main.rs", "/strata-core-tools/src/a.rs"]
        {
            assert!(!is_ours(other), "{other}");
        }
    }
}
