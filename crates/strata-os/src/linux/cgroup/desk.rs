//! Room for one question, off the stack: a thread may have the 16 KiB of stack that POSIX grants, and be within `malloc`.
//!
//! A mapping of its own costs a tenth of what the question does. If there is none to be had, nothing is known of containers; the
//! limit on addresses is what is near then.
//!
//! Does not know: what is asked.

use super::super::map::{map, release};
use super::mount::Mount;
use super::path::Path;
use crate::system::machine::page_size;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

/// Bytes of a file that are read; of a list of mounts, bytes of a line.
pub(super) const TEXT_BYTES: usize = 4096;

/// What lies on it.
pub(super) struct Papers {
    /// `/proc/self/cgroup`, for as long as the group's name is wanted.
    pub(super) membership: [u8; TEXT_BYTES],
    /// Any other file.
    pub(super) text: [u8; TEXT_BYTES],
    pub(super) mount: Mount,
    pub(super) path: Path,
}

/// The room, given back with the value.
pub(super) struct Desk(NonNull<Papers>);

impl Desk {
    /// An empty one.
    pub(super) fn take() -> Option<Self> {
        map(Self::bytes(), page_size()).map(|start| Self(start.cast()))
    }

    fn bytes() -> usize {
        size_of::<Papers>().next_multiple_of(page_size())
    }
}

impl Deref for Desk {
    type Target = Papers;

    fn deref(&self) -> &Papers {
        // SAFETY: mapped by `take`, ours; all-zero bytes are empty papers.
        unsafe { self.0.as_ref() }
    }
}

impl DerefMut for Desk {
    fn deref_mut(&mut self) -> &mut Papers {
        // SAFETY: mapped by `take`, ours, and borrowed only by `self`.
        unsafe { self.0.as_mut() }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // SAFETY: mapped by `take`, and used no more.
        unsafe { release(self.0.cast(), Self::bytes()) };
    }
}
