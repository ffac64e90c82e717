//! The head of a huge block: found from its payload, checked, and read.
//!
//! A block that was freed says that its payload begins nowhere; of one whose memory was used again since, anything may lie there.
//!
//! Does not know: who writes heads (`block`).

use super::extent::{Extent, MappingNumber};
use core::ptr::NonNull;
use strata_core::address::UserPtr;
use strata_core::arena::{ArenaHead, ArenaKind};
use strata_core::layout::HEADER_TABLE_BYTES;
use strata_os::machine;

/// The head of the block with this payload.
///
/// # Safety
/// - `pointer` is the start of a huge allocation, or was one.
pub(super) unsafe fn huge_head(pointer: UserPtr) -> NonNull<ArenaHead> {
    if pointer.is_arena_aligned() {
        let head = pointer.as_non_null().as_ptr().wrapping_byte_sub(HEADER_TABLE_BYTES).cast();
        // SAFETY: the page in front of the payload, hence not null.
        return unsafe { NonNull::new_unchecked(head) };
    }
    pointer.arena().head_place()
}

/// Whether a live block with this payload has its head here, where anything may lie if the block was freed before.
///
/// # Safety
/// - The place can be read.
pub(super) unsafe fn is_live(head: NonNull<ArenaHead>, pointer: UserPtr) -> bool {
    // SAFETY: readable, by this function's contract.
    let kind = unsafe { ArenaHead::kind_at(head) };
    kind == Some(ArenaKind::Huge)
        && payload(head) == pointer.as_non_null()
        && mapped_bytes(head) > mapping_offset(head)
        && mapped_bytes(head).is_multiple_of(machine::page_size())
}

pub(super) fn mapped_bytes(head: NonNull<ArenaHead>) -> usize {
    // SAFETY: initialised by `map_huge`.
    unsafe { head.as_ref() }.mapped_bytes
}

pub(super) fn mapping_offset(head: NonNull<ArenaHead>) -> usize {
    // SAFETY: initialised by `map_huge`.
    unsafe { head.as_ref() }.payload_offset()
}

/// The whole of a block, to be kept when it is freed.
pub(super) fn extent_of(head: NonNull<ArenaHead>) -> Extent {
    // SAFETY: initialised by `map_huge` or `reuse_huge`.
    let mapping = MappingNumber(unsafe { head.as_ref() }.mapping);
    Extent { start: mapping_start(head), bytes: mapped_bytes(head), mapping }
}

pub(super) fn payload(head: NonNull<ArenaHead>) -> NonNull<u8> {
    let payload = mapping_start(head).as_ptr().wrapping_byte_add(mapping_offset(head));
    // SAFETY: within the mapping, hence not null.
    unsafe { NonNull::new_unchecked(payload) }
}

/// The head is in the mapping's first page: at its start, or (over-aligned) at its end.
pub(super) fn mapping_start(head: NonNull<ArenaHead>) -> NonNull<u8> {
    let page = machine::page_size();
    let start = head.cast::<u8>().as_ptr().map_addr(|address| address & !(page - 1));
    // SAFETY: a mapping does not start at address 0.
    unsafe { NonNull::new_unchecked(start) }
}
