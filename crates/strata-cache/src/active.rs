//! The pool that a thread draws a class's blocks from while it is busy with the class.
//!
//! ```text
//!   adopt, claim ──► attached: refills cost no exchange ──class quiet, pool full, thread ends──► detached ──► abandoned
//! ```
//!
//! A pool is held for a batch only: unless the thread is busy with the class, it is abandoned right after the refill that
//! claimed it, and open to every thread and to the purge pass.
//!
//! A1  The slot of a class holds the token of an owned pool of that class, or nothing.
//!
//! Does not know: when a class is busy; `maintenance` does.

use crate::cache::Cache;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::{NonNull, null_mut};
use strata_core::pool::{OwnedPool, Pool};
use strata_core::size_class::SizeClass;

/// A reference to the active pool, whose token stays in its slot.
#[derive(Debug)]
pub(crate) struct Attached(ManuallyDrop<OwnedPool>);

impl Deref for Attached {
    type Target = OwnedPool;

    #[inline]
    fn deref(&self) -> &OwnedPool {
        &self.0
    }
}

impl Cache {
    /// The active pool of a class.
    #[inline]
    pub(crate) fn active(&self, class: SizeClass) -> Option<Attached> {
        let place = NonNull::new(self.class(class).active.get())?;
        // SAFETY: A1; the second token is never used after the first has left the slot: both are this thread's.
        Some(Attached(ManuallyDrop::new(unsafe { OwnedPool::from_raw(place) })))
    }

    /// Whether `pool` is the active one of its class.
    #[inline]
    pub(crate) fn is_active(&self, class: SizeClass, pool: &Pool) -> bool {
        core::ptr::eq(self.class(class).active.get().cast_const(), pool)
    }

    /// Makes a pool the active one; the one before is abandoned.
    pub(crate) fn attach(&self, class: SizeClass, pool: OwnedPool) {
        pool.set_holder(self.name());
        self.detach(class);
        self.class(class).active.set(pool.into_raw().as_ptr());
    }

    /// Abandons the active pool of a class, if there is one.
    pub(crate) fn detach(&self, class: SizeClass) {
        let slot = &self.class(class).active;
        if let Some(place) = NonNull::new(slot.get()) {
            slot.set(null_mut());
            // SAFETY: A1; the slot is empty now.
            self.page_heap().abandon(unsafe { OwnedPool::from_raw(place) });
        }
    }
}
