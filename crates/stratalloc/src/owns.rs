//! Whose a pointer is, for programs with several allocators: searched for, and never trusted.
//!
//! Blocks of pools lie in segments, which are listed. A huge block has a head in front of it, at a place that its address tells;
//! whether there is memory at all, the kernel says.
//!
//! Does not know: what is done with a pointer.

use crate::global::Strata;
use core::mem::offset_of;
use strata_cache::thread::RUNTIME;
use strata_core::address::ARENA_MASK;
use strata_core::arena::{ArenaHead, ArenaKind, PAYLOAD_AT};
use strata_core::layout::{ARENA_BYTES, HEADER_TABLE_BYTES};
use strata_os::machine;

impl Strata {
    /// Whether a pointer is of this allocator: a live allocation or one that was freed, or, for allocations up to 2 MiB, a place inside
    /// of one. Any pointer may be asked for; nothing is read that cannot be.
    ///
    /// A few nanoseconds for what lies in pools, a system call for the rest.
    ///
    /// ```
    /// use stratalloc::{Heap, Strata};
    ///
    /// let heap = Heap::new()?;
    /// let block = heap.alloc(core::alloc::Layout::new::<u64>()).expect("memory");
    /// assert!(Strata::owns(block.as_ptr()));
    /// assert!(!Strata::owns(&raw const heap));
    /// # Ok::<(), stratalloc::HeapError>(())
    /// ```
    pub fn owns<T>(pointer: *const T) -> bool {
        !pointer.is_null() && (RUNTIME.page_heap.contains(pointer.addr()) || is_huge(pointer.cast()))
    }
}

/// Whether there is a huge mapping's head where one of ours would be for this payload.
fn is_huge(pointer: *const u8) -> bool {
    let within = pointer.addr() & !ARENA_MASK;
    let (head, offset) = if within == 0 {
        (pointer.wrapping_byte_sub(HEADER_TABLE_BYTES), HEADER_TABLE_BYTES.max(machine::page_size()))
    } else {
        (pointer.map_addr(|address| address & ARENA_MASK), within)
    };
    let is_place = (HEADER_TABLE_BYTES..ARENA_BYTES).contains(&offset) && offset.is_power_of_two();
    // Nothing of ours is in the first arena of addresses, and the kernel takes null for nothing to read.
    is_place && !head.is_null() && machine::is_readable(head) && says_huge(head, offset)
}

/// Compares what lies at `head`, which is readable, with what `strata-segment` writes there, word by word: it may be
/// anything.
fn says_huge(head: *const u8, offset: usize) -> bool {
    let word = |at: usize| {
        // SAFETY: readable, and no word of a head crosses a page.
        unsafe { head.wrapping_byte_add(at).cast::<[u8; 8]>().read_volatile() }
    };
    let word = |at| u64::from_ne_bytes(word(at));
    let kind = (ArenaKind::Huge as u64) << 32;
    word(0) == 0
        && word(offset_of!(ArenaHead, segment)) == 0
        && word(offset_of!(ArenaHead, index)) == kind
        && word(PAYLOAD_AT) == offset as u64
        && word(offset_of!(ArenaHead, mapped_bytes)) > offset as u64
}

const _: () = assert!(offset_of!(ArenaHead, kind) == offset_of!(ArenaHead, index) + 4);
const _: () = assert!(cfg!(target_endian = "little"));
