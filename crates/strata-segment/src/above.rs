//! What rooms report upwards, to rooms that they do not know.
//!
//! Does not know: the receiver; `page_heap` hands it out.

use core::fmt;
use strata_core::address::UserPtr;
use strata_core::pool::Pool;

/// The rooms above.
pub(crate) trait Above {
    /// Pools were released, or a huge block freed: a pass has to come sooner or later.
    fn released(&self);

    /// Bytes of huge blocks were taken from the operating system, and not touched yet.
    fn took_huge(&self, bytes: usize);

    /// More blocks of a pool were freed than were live.
    fn freed_twice(&self, pool: &Pool) -> !;

    /// What was freed or resized as a huge block is none, at least not any more.
    fn no_huge_block(&self, pointer: UserPtr) -> !;
}

/// Not the receiver's own: all that it consists of would be linked into every program that allocates (60 KiB of code).
impl fmt::Debug for dyn Above + '_ {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Above")
    }
}
