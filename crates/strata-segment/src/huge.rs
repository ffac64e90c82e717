//! Huge allocations: more than half an arena, each a mapping of its own.
//!
//! ```text
//!   align < 4 MiB:   │ header table (slot 0: ArenaHead) │ payload …            mapping starts on an arena boundary
//!   align ≥ 4 MiB:   │ page with the ArenaHead at its end │ payload …          *payload* starts on an arena boundary
//! ```
//!
//! The header table in front is all zero but for slot 0, so that the slot of any payload address reads as "no owner".
//! Growing tries to extend in place, then moves pages instead of bytes. A freed mapping waits on a shelf (`huge_shelf`) for
//! the next request.
//!
//! Does not know: pools, classes. Idea: `mremap` for huge blocks (ClickHouse, and long wished for elsewhere).

use crate::directory::Directory;
use crate::huge_pages::Pages;
use core::ptr::NonNull;
use strata_core::address::UserPtr;
use strata_core::arena::ArenaHead;
use strata_core::layout::{ARENA_BYTES, HEADER_TABLE_BYTES};
use strata_core::sync::Ordering::Relaxed;
use strata_os::{machine, memory};

/// What came of a resize.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a moved allocation has a new address"]
pub enum Resized {
    /// Same address.
    InPlace,
    /// Its pages are here now; the old address is gone.
    Moved(NonNull<u8>),
    /// Nothing changed.
    Refused,
}

impl Directory {
    /// Allocates `bytes` at a multiple of `align`; the flag says whether the memory is known to be zero.
    ///
    /// `want_zero` asks for memory that is: such a request is never served from the shelf, since calling the kernel is
    /// cheaper than touching what the program may never touch. `None`: no addresses or no memory left.
    pub fn allocate_huge(&self, bytes: usize, align: usize, want_zero: bool) -> Option<(NonNull<u8>, bool)> {
        let page = machine::page_size();
        let offset =
            if align < ARENA_BYTES { HEADER_TABLE_BYTES.max(align) } else { HEADER_TABLE_BYTES.max(page) };
        let needed = bytes.checked_add(offset)?.checked_next_multiple_of(page)?;
        let pages = if want_zero { Pages::Any } else { self.pages_for_block(needed) };
        let mapped = pages.whole_pages(needed);
        let ordinary = align <= HEADER_TABLE_BYTES;
        if ordinary
            && !want_zero
            && let Some(head) = self.reuse_huge(mapped, pages)
        {
            return Some((self.count_in(head), false));
        }
        self.make_room(mapped);
        let head = match self.map_huge(mapped, offset, align, pages) {
            Some(head) => head,
            None if self.release_kept_memory() => self.map_huge(mapped, offset, align, pages)?,
            None => return None,
        };
        Some((self.count_in(head), true))
    }

    /// A kept mapping that is large enough, or the largest that is not, made longer: its pages are warm.
    fn reuse_huge(&self, mapped: usize, pages: Pages) -> Option<NonNull<ArenaHead>> {
        let head = self.huge_shelf.take(mapped)?;
        let old = mapped_bytes(head);
        if old >= mapped {
            return Some(head);
        }
        // SAFETY: one mapping, ours.
        match unsafe { self.extend(head, old, mapped, pages) } {
            Some(head) => Some(head),
            None => {
                // SAFETY: ours, and of no use.
                unsafe { self.unmap_huge(head) };
                None
            }
        }
    }

    /// Makes a mapping longer where it is or, by moving its pages, elsewhere. `None`: it is as it was.
    ///
    /// # Safety
    /// - The mapping is the caller's, `old` bytes long and aligned to an arena; `new` is more.
    unsafe fn extend(
        &self,
        head: NonNull<ArenaHead>,
        old: usize,
        new: usize,
        pages: Pages,
    ) -> Option<NonNull<ArenaHead>> {
        self.make_room(new - old);
        let start = mapping_start(head);
        // SAFETY: one mapping, ours.
        let extended = if unsafe { memory::grow_in_place(start, old, new) } {
            head
        } else {
            // SAFETY: one mapping, ours; nobody uses the old addresses if it moves.
            unsafe { memory::relocate(start, old, new, ARENA_BYTES) }?.cast()
        };
        // SAFETY: one mapping, ours, of this length now.
        unsafe { pages.ask_for(extended.cast(), new) };
        self.note_length(extended, old, new);
        Some(extended)
    }

    fn map_huge(
        &self,
        mapped: usize,
        offset: usize,
        align: usize,
        pages: Pages,
    ) -> Option<NonNull<ArenaHead>> {
        let head = if align < ARENA_BYTES {
            memory::map(mapped, ARENA_BYTES)?.cast()
        } else {
            map_behind_boundary(mapped, offset, align)?
        };
        // SAFETY: mapped just now, ours; nothing is touched yet.
        unsafe { pages.ask_for(mapping_start(head), mapped) };
        // SAFETY: mapped just now, zero, ours; the head is within its first page.
        unsafe { head.write(ArenaHead::of_huge(mapped, offset)) };
        self.numbers.reserved_bytes.add(mapped as u64);
        self.numbers.committed_bytes.add(mapped as u64);
        Some(head)
    }

    fn count_in(&self, head: NonNull<ArenaHead>) -> NonNull<u8> {
        let mapped = mapped_bytes(head);
        self.numbers.huge_blocks.add(1);
        self.numbers.huge_bytes.add(mapped as u64);
        payload(head)
    }

    /// Gives a huge allocation back.
    ///
    /// # Safety
    /// - `pointer` is the start of a huge allocation that is the caller's, who does not use it again.
    pub unsafe fn free_huge(&self, pointer: UserPtr) {
        // SAFETY: the caller's promise.
        let head = unsafe { huge_head(pointer) };
        let (mapped, offset) = (mapped_bytes(head), mapping_offset(head));
        self.numbers.huge_blocks.subtract(1);
        self.numbers.huge_bytes.subtract(mapped as u64);
        self.appetite.note_freed(mapped as u64);
        // Relaxed: a number that stands alone.
        let keep = self.tuning.huge_keep_bytes.load(Relaxed);
        let ordinary = offset == HEADER_TABLE_BYTES && !pointer.is_arena_aligned();
        if !ordinary || mapped as u64 > keep {
            // SAFETY: the caller's promise.
            return unsafe { self.unmap_huge(head) };
        }
        self.huge_shelf.put(head, mapped as u64, keep, |displaced| {
            // SAFETY: the shelf handed it over; nobody else knows it.
            unsafe { self.unmap_huge(displaced) };
        });
        self.schedule_purge();
    }

    /// # Safety
    /// - The mapping is the caller's, who does not use it again.
    pub(crate) unsafe fn unmap_huge(&self, head: NonNull<ArenaHead>) {
        let mapped = mapped_bytes(head);
        self.numbers.reserved_bytes.subtract(mapped as u64);
        self.numbers.committed_bytes.subtract(mapped as u64);
        self.numbers.purged_bytes.add(mapped as u64);
        // SAFETY: the mapping starts at the page of its head and is ours.
        unsafe { memory::release(mapping_start(head), mapped) };
    }

    /// Makes a huge allocation of at least `old_bytes` `bytes` long, which is still huge, without copying.
    ///
    /// A smaller one gives its tail back; one that grows into what it has already stays as it is.
    ///
    /// # Safety
    /// - `pointer` is the start of a huge allocation that is the caller's; after [`Resized::Moved`] it is gone.
    pub unsafe fn resize_huge(
        &self,
        pointer: UserPtr,
        old_bytes: usize,
        bytes: usize,
        align: usize,
    ) -> Resized {
        // SAFETY: the caller's promise.
        let head = unsafe { huge_head(pointer) };
        let (old, offset) = (mapped_bytes(head), mapping_offset(head));
        let Some(new) =
            bytes.checked_add(offset).and_then(|sum| sum.checked_next_multiple_of(machine::page_size()))
        else {
            return Resized::Refused;
        };
        let start = mapping_start(head);
        if new == old || (new < old && bytes >= old_bytes) {
            return Resized::InPlace;
        }
        if new < old {
            // SAFETY: the tail is the caller's and no longer used.
            unsafe { memory::shrink_in_place(start, old, new) };
            self.note_resize(head, old, new);
            return Resized::InPlace;
        }
        if align >= ARENA_BYTES || pointer.is_arena_aligned() {
            // SAFETY: one mapping, ours.
            return if unsafe { memory::grow_in_place(start, old, new) } {
                self.note_resize(head, old, new);
                Resized::InPlace
            } else {
                Resized::Refused
            };
        }
        // SAFETY: the caller's mapping, aligned to an arena since its alignment is below one.
        match unsafe { self.extend(head, old, new, self.pages_for_longer(new)) } {
            Some(extended) => {
                self.numbers.huge_bytes.add((new - old) as u64);
                if extended == head { Resized::InPlace } else { Resized::Moved(payload(extended)) }
            }
            None => Resized::Refused,
        }
    }

    /// A live allocation's mapping has another length now.
    fn note_resize(&self, head: NonNull<ArenaHead>, old: usize, new: usize) {
        self.note_length(head, old, new);
        self.numbers.huge_bytes.add(new as u64);
        self.numbers.huge_bytes.subtract(old as u64);
    }

    /// A mapping has another length now.
    fn note_length(&self, head: NonNull<ArenaHead>, old: usize, new: usize) {
        let payload_offset = mapping_offset(head);
        // SAFETY: ours, mapped; nobody else reads the head of a block that is being resized.
        unsafe { head.write(ArenaHead::of_huge(new, payload_offset)) };
        for counter in [&self.numbers.reserved_bytes, &self.numbers.committed_bytes] {
            counter.add(new as u64);
            counter.subtract(old as u64);
        }
    }
}

impl Directory {
    /// Bytes that the program may use of a huge allocation.
    ///
    /// # Safety
    /// - `pointer` is the start of a huge allocation of the caller's.
    pub unsafe fn usable_huge(&self, pointer: UserPtr) -> usize {
        // SAFETY: the same contract.
        let head = unsafe { huge_head(pointer) };
        mapped_bytes(head) - mapping_offset(head)
    }
}

/// # Safety
/// - `pointer` is the start of a huge allocation.
unsafe fn huge_head(pointer: UserPtr) -> NonNull<ArenaHead> {
    if pointer.is_arena_aligned() {
        let head = pointer.as_non_null().as_ptr().wrapping_byte_sub(HEADER_TABLE_BYTES).cast();
        // SAFETY: the page in front of the payload, hence not null.
        return unsafe { NonNull::new_unchecked(head) };
    }
    pointer.arena().head_place()
}

fn mapped_bytes(head: NonNull<ArenaHead>) -> usize {
    // SAFETY: initialised by `map_huge`.
    unsafe { head.as_ref() }.mapped_bytes
}

fn mapping_offset(head: NonNull<ArenaHead>) -> usize {
    // SAFETY: initialised by `map_huge`.
    unsafe { head.as_ref() }.payload_offset
}

fn payload(head: NonNull<ArenaHead>) -> NonNull<u8> {
    let payload = mapping_start(head).as_ptr().wrapping_byte_add(mapping_offset(head));
    // SAFETY: within the mapping, hence not null.
    unsafe { NonNull::new_unchecked(payload) }
}

/// The head is in the mapping's first page: at its start, or (over-aligned) at its end.
fn mapping_start(head: NonNull<ArenaHead>) -> NonNull<u8> {
    let page = machine::page_size();
    let start = head.cast::<u8>().as_ptr().map_addr(|address| address & !(page - 1));
    // SAFETY: a mapping does not start at address 0.
    unsafe { NonNull::new_unchecked(start) }
}

/// Maps so that what lies behind the first page is at a multiple of `align`, an arena or more.
fn map_behind_boundary(mapped: usize, page: usize, align: usize) -> Option<NonNull<ArenaHead>> {
    let total = mapped.checked_add(align)?.checked_sub(page)?;
    let start = memory::map(total, align)?;
    let front = align - page;
    // SAFETY: the front of the new mapping, which nobody uses.
    unsafe { memory::release(start, front) };
    let head = start.as_ptr().wrapping_byte_add(align - HEADER_TABLE_BYTES).cast();
    // SAFETY: within the mapping, hence not null.
    Some(unsafe { NonNull::new_unchecked(head) })
}
