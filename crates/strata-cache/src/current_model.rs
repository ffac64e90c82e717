//! The current thread's cache, in models: there is no thread word; every actor holds its cache in its hand.
//!
//! Does not know: stand-ins: a model never calls with one.

use crate::cache::Cache;
use strata_core::block::BlockPtr;
use strata_core::size_class::SizeClass;
use strata_segment::Directory;

pub(crate) fn own(cache: &Cache) -> Option<&Cache> {
    cache.runtime().map(|_| cache)
}

pub(crate) fn directory(cache: &Cache) -> &'static Directory {
    cache.directory()
}

pub(crate) fn shared_directory() -> &'static Directory {
    unreachable!("models have no threads without a cache")
}

pub(crate) fn alloc_without_cache(_class: SizeClass) -> Option<BlockPtr> {
    unreachable!("models have no threads without a cache")
}
