//! The face for huge blocks.
//!
//! Does not know: how any of it is done.

use super::PageHeap;
use crate::huge::block::{Request, Resized};
use core::ptr::NonNull;
use strata_core::address::UserPtr;

impl PageHeap {
    /// Allocates `bytes` at a multiple of `align`; the flag says whether the memory is known to be zero.
    ///
    /// `want_zero` asks for memory that is (`huge/zero`). `None`: no addresses or no memory left.
    pub fn allocate_huge(&self, bytes: usize, align: usize, want_zero: bool) -> Option<(NonNull<u8>, bool)> {
        let request = Request::new(bytes, align, want_zero)?;
        let found = self.huge().allocate(&request).or_else(|| self.allocate_huge_with_the_last(&request));
        if found.is_none() {
            strata_os::probe!("refused", bytes);
        }
        found
    }

    /// The system refused: free memory is given back, and no more is asked for than is needed.
    #[cold]
    fn allocate_huge_with_the_last(&self, request: &Request) -> Option<(NonNull<u8>, bool)> {
        if !request.can_be_had() {
            return None;
        }
        self.thp.note_refused();
        self.in_flight.search_until_all_landed(|| self.allocate_huge_in_turn(request))
    }

    fn allocate_huge_in_turn(&self, request: &Request) -> Option<(NonNull<u8>, bool)> {
        loop {
            let ticket = self.asking.ticket();
            // Whole huge pages may have been what was too much, and other threads may have made room.
            if let Some(block) = self.huge().allocate_least(request) {
                return Some(block);
            }
            let Some(turn) = self.asking.begin(ticket) else { continue };
            self.release_kept_memory();
            self.give_up_in_turn(&turn);
            return self.huge().allocate_least(request);
        }
    }

    /// Makes a huge allocation of at least `old_bytes` `bytes` long, which is still huge, without copying.
    ///
    /// A smaller one gives its tail back; one that grows into what it has already stays as it is.
    ///
    /// # Safety
    /// - `pointer` is the start of a huge allocation that is the caller's; after [`Resized::Moved`] it is gone.
    pub unsafe fn resize_huge(&self, pointer: UserPtr, old_bytes: usize, bytes: usize) -> Resized {
        // SAFETY: the start of a huge allocation, by this function's contract.
        unsafe { self.huge().resize(pointer, old_bytes, bytes) }
    }

    /// Whether a huge block with this payload lay where nothing is mapped any more, as far as that is known.
    pub fn was_unmapped(&self, pointer: UserPtr) -> bool {
        self.huge().was_unmapped(pointer)
    }

    /// Gives a huge allocation back.
    ///
    /// # Safety
    /// - `pointer` is the start of a huge allocation that the caller may free, and that is not used again.
    pub unsafe fn free_huge(&self, pointer: UserPtr) {
        // SAFETY: the start of a huge allocation, not used again, by this function's contract.
        unsafe { self.huge().free(pointer) }
    }

    /// Bytes that the program may use of a huge allocation.
    ///
    /// # Safety
    /// - `pointer` is the start of a huge allocation of the caller's.
    pub unsafe fn usable_huge(&self, pointer: UserPtr) -> usize {
        // SAFETY: the start of a huge allocation, by this function's contract.
        unsafe { self.huge().usable_bytes(pointer) }
    }
}
