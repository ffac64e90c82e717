//! What happens around a fork: it waits until no other thread is inside an operation, and the child takes over what those had.
//!
//! A child has one thread, and copies of the caches of all others. Those that the fork found outside of any slow path (all of them,
//! unless one took too long) are *orphans*: as intact as at their thread's end. Each slow path in the child empties one
//! of them, until there are none. So a child that only runs another program pays nothing for them.
//!
//! Heaps are values of the program, which the child has, too: their caches stay.
//!
//! Does not know: how a fork waits; `strata_segment::ForkGate` does.

use crate::cache::Cache;
use crate::registry::Registry;
use crate::thread::{self, RUNTIME};
use strata_os::lifecycle::{AroundFork, around_fork};
use strata_segment::{ForkGate, Inside, StrangerInside};

strata_os::at_load!(first register);

/// While this lives, no fork comes in the middle of what the thread does.
#[derive(Debug)]
#[must_use = "forks are held off until this is dropped"]
pub struct HeldOff<'cache> {
    _cache: Option<Inside<'cache>>,
    _stranger: Option<StrangerInside<'static>>,
}

/// Holds forks off, on the thread whose cache this is, or a sentinel.
pub(crate) fn hold_off(cache: &Cache) -> HeldOff<'_> {
    let by_cache = cache.hold_off_forks();
    let stranger = by_cache.is_none().then(|| gate().enter_as_stranger());
    HeldOff { _cache: by_cache, _stranger: stranger }
}

fn gate() -> &'static ForkGate {
    &RUNTIME.page_heap.fork_gate
}

extern "C" fn register() {
    if strata_os::barrier::register() {
        gate().fence_by_forker();
    }
    // Without memory for it, forks do not wait: the child may lack what others were in the middle of.
    around_fork(AroundFork { before, in_parent, in_child });
}

unsafe extern "C" fn before() {
    let own = thread::cache();
    let others = || RUNTIME.registry.caches().filter(|cache| !core::ptr::eq(*cache, own));
    gate().close(|| others().map(|cache| &cache.presence));
}

unsafe extern "C" fn in_parent() {
    gate().open();
}

unsafe extern "C" fn in_child() {
    RUNTIME.registry.note_orphans([thread::cache(), thread::alloc_cache()]);
    RUNTIME.page_heap.begin_in_child();
}

impl Registry {
    /// In a child of `fork`, in its only thread, whose caches are `own`: makes those of all other threads orphans. Those of heaps stay,
    /// and so do those that the fork found inside an operation: they are not used again.
    fn note_orphans(&self, own: [&Cache; 2]) {
        for slab in self.slabs.iter() {
            let known = slab.free.glance() | slab.orphans.glance();
            let claimed = slab.caches.iter().enumerate().filter(|(index, _)| known >> index & 1 == 0);
            for (index, cache) in
                claimed.filter(|(_, cache)| !own.iter().any(|own| core::ptr::eq(*own, *cache)))
            {
                if gate().was_inside(&cache.presence) {
                    cache.stays_after_fork.set(1);
                }
                cache.presence.forget();
                if cache.stays_after_fork.get() == 0 {
                    slab.orphans.release(1 << index);
                    self.orphaned.set(1);
                }
            }
        }
    }
}
