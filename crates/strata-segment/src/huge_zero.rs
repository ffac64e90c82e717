//! Huge blocks that must be zero: what waits for reuse is cleared, or the kernel gives fresh memory.
//!
//! | the program            | takes a zeroed block from        | what that costs                                           |
//! |------------------------|----------------------------------|-----------------------------------------------------------|
//! | fills what it takes    | the shelf, if enough waits there | clearing: a tenth of a fault for each page                |
//! | leaves much untouched  | the kernel                       | a fault for each page that is touched; none for the others |
//!
//! Does not know: what else huge blocks do. Measured: decision 0018.

use crate::directory::Directory;
use crate::huge::{Reused, payload};
use core::ptr::NonNull;
use strata_core::arena::ArenaHead;

impl Directory {
    /// A block of `needed` bytes with its head, cleared. `None`: fresh memory costs less, or there is nothing to reuse.
    pub(crate) fn reuse_cleared(&self, needed: usize) -> Option<NonNull<ArenaHead>> {
        if self.huge_shelf.kept_bytes() < needed as u64 || !self.is_filled() {
            return None;
        }
        let reused = self.reuse_huge(needed)?;
        clear(&reused, needed);
        Some(reused.head)
    }
}

/// Zeroes what was in use before; what the kernel added is zero.
fn clear(reused: &Reused, needed: usize) {
    let payload = payload(reused.head);
    let offset = payload.addr().get() - reused.head.addr().get();
    let used = reused.used_bytes.min(needed).saturating_sub(offset);
    // SAFETY: within the block, which is ours and whose first `used_bytes` are mapped.
    unsafe { payload.write_bytes(0, used) };
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use strata_core::address::UserPtr;
    use strata_core::layout::ARENA_BYTES;

    /// Larger than what all other tests of this process hold together.
    const VAST: usize = 1 << 30;

    fn new(directory: &Directory, bytes: usize) -> NonNull<u8> {
        directory.allocate_huge(bytes, 16, false).unwrap().0
    }

    /// Takes a block, fills it and gives it back: where it was.
    fn leave_filled(directory: &Directory, bytes: usize) -> NonNull<u8> {
        let block = new(directory, bytes);
        // SAFETY: allocated just now, of this length.
        unsafe { block.write_bytes(0xA5, bytes) };
        // SAFETY: ours, used no more.
        unsafe { directory.free_huge(UserPtr::new(block)) };
        block
    }

    fn new_zeroed(directory: &Directory, bytes: usize) -> NonNull<u8> {
        let (block, is_zero) = directory.allocate_huge(bytes, 16, true).unwrap();
        assert!(is_zero);
        // SAFETY: allocated just now, of this length, initialised to zero.
        let content = unsafe { core::slice::from_raw_parts(block.as_ptr(), bytes) };
        assert_eq!(content.iter().position(|byte| *byte != 0), None);
        block
    }

    #[test]
    fn a_program_that_fills_what_it_takes_has_what_it_left_cleared() {
        static DIRECTORY: Directory = Directory::new();
        let left = leave_filled(&DIRECTORY, 2 * ARENA_BYTES);
        assert_eq!(new_zeroed(&DIRECTORY, ARENA_BYTES), left);
    }

    #[test]
    fn what_does_not_suffice_is_not_made_longer() {
        static DIRECTORY: Directory = Directory::new();
        leave_filled(&DIRECTORY, ARENA_BYTES);
        let kept = DIRECTORY.huge_shelf.kept_bytes();
        new_zeroed(&DIRECTORY, 2 * ARENA_BYTES);
        assert_eq!(DIRECTORY.huge_shelf.kept_bytes(), kept);
    }

    #[test]
    fn a_program_that_leaves_much_untouched_has_fresh_memory() {
        static DIRECTORY: Directory = Directory::new();
        new(&DIRECTORY, VAST);
        leave_filled(&DIRECTORY, ARENA_BYTES);
        let kept = DIRECTORY.huge_shelf.kept_bytes();
        new_zeroed(&DIRECTORY, ARENA_BYTES / 2);
        assert_eq!(DIRECTORY.huge_shelf.kept_bytes(), kept);
    }
}
