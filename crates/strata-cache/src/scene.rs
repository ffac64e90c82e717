//! What the tests of this crate do with a cache that is theirs alone.
//!
//! Does not know: what they look at.

use crate::cache::Cache;
use strata_core::address::UserPtr;
use strata_core::size_class::SizeClass;

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
