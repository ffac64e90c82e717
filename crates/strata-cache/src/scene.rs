//! What the tests of this crate do with a runtime or a cache of their own.
//!
//! Does not know: what they test.

use crate::cache::Cache;
use crate::registry::Runtime;
use strata_core::address::UserPtr;
use strata_core::size_class::SizeClass;

/// A runtime of the test's own, from which the clock takes no memory back.
pub(crate) fn runtime() -> &'static Runtime {
    let runtime: &'static Runtime = std::boxed::Box::leak(std::boxed::Box::new(Runtime::new()));
    runtime.page_heap.set_purge_delay(u64::MAX);
    runtime
}

/// A block of `class` from `cache`.
pub(crate) fn new(cache: &Cache, class: SizeClass) -> UserPtr {
    // SAFETY: the caches of a test have one user.
    UserPtr::new(unsafe { cache.alloc(class) }.unwrap().as_non_null())
}

/// Gives `block`, of `class`, back by way of `cache`.
pub(crate) fn free(cache: &Cache, block: UserPtr, class: SizeClass) {
    // SAFETY: as in `new`; a test gives a block back once.
    unsafe { cache.free(block, class) };
}
