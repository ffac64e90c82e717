//! Huge allocations: more than half an arena, each a mapping of its own, or an extent of one.
//!
//! ```text
//!   align < 64 KiB:  │ header table (slot 0: ArenaHead) │ payload …            mapping starts on an arena boundary
//!   align ≥ 64 KiB:  │ page with the ArenaHead at its end │ payload …          *payload* starts on an arena boundary
//! ```
//!
//! Either way a payload begins where an arena would have its first pool, so that a free reads no pool's header for it, but asks whether
//! the block's head is there: the addresses may have gone back since (`unmapped`).
//! A block grows into the extent behind it if there is one, or is extended in place, or moves by its pages instead of its bytes.
//! Freed blocks are kept in a cache (`cache`) for the next request, whatever its size; `huge_limit` says how much.
//!
//! Does not know: pools, classes. Idea: `mremap` for huge blocks (ClickHouse, and long wished for elsewhere).

use super::Huge;
use super::extent::{Extent, MappingNumber};
use super::head::{extent_of, huge_head, is_live, mapped_bytes, mapping_offset, mapping_start, payload};
use crate::purge::policy::{Returned, Taken};
use crate::thp::pages::Pages;
use core::ptr::NonNull;
use strata_core::address::UserPtr;
use strata_core::arena::ArenaHead;
use strata_core::layout::{ARENA_BYTES, HEADER_TABLE_BYTES, POOL_BYTES};
use strata_os::{clock, machine, memory};

/// The outcome of a resize.
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

/// A block that was in use before.
#[derive(Debug)]
pub(super) struct Reused {
    pub(super) head: NonNull<ArenaHead>,
    /// The first `used_bytes` of its mapping may hold something.
    pub(super) used_bytes: usize,
}

/// A request for a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// Bytes of its mapping, its head included.
    needed: usize,
    /// Where its payload begins there.
    offset: usize,
    align: usize,
    want_zero: bool,
}

impl Request {
    /// `bytes` at a multiple of `align`. `None`: no address space has as many.
    pub(crate) fn new(bytes: usize, align: usize, want_zero: bool) -> Option<Self> {
        let page = machine::page_size();
        let offset =
            if align < POOL_BYTES { HEADER_TABLE_BYTES.max(align) } else { HEADER_TABLE_BYTES.max(page) };
        let needed = bytes.checked_add(offset)?.checked_next_multiple_of(page)?;
        Some(Self { needed, offset, align, want_zero })
    }

    /// Whether there can be such a mapping at all.
    pub(crate) fn can_be_had(&self) -> bool {
        self.needed as u64 <= machine::largest_mapping()
    }
}

impl Huge<'_> {
    /// A block from the cache, or a fresh one; the flag says whether the memory is known to be zero. `None`: the OS refused.
    pub(crate) fn allocate(&self, request: &Request) -> Option<(NonNull<u8>, bool)> {
        let Request { needed, want_zero, .. } = *request;
        if request.align <= HEADER_TABLE_BYTES
            && let Some(head) = self.reuse(needed, want_zero)
        {
            return Some((self.count_in(head), want_zero));
        }
        let pages = if want_zero { self.thp.pages_for_zeroes() } else { self.thp.pages_for_block(needed) };
        let mapped = if self.policy.is_limited() { needed } else { self.thp.whole_pages(pages, needed) };
        self.allocate_fresh(request, mapped, pages)
    }

    /// A fresh block, no longer than it has to be.
    pub(crate) fn allocate_least(&self, request: &Request) -> Option<(NonNull<u8>, bool)> {
        self.allocate_fresh(request, request.needed, Pages::Any)
    }

    fn allocate_fresh(&self, request: &Request, mapped: usize, pages: Pages) -> Option<(NonNull<u8>, bool)> {
        let head = self.map_huge(mapped, request.offset, request.align, pages)?;
        // Only now, so that nothing is given back for a block that is refused. None of it is touched yet.
        self.above.took_huge(mapped);
        if !request.want_zero {
            let Extent { start, bytes, mapping } = extent_of(head);
            self.thp.note_block_bytes(start, bytes, mapping.is_in_huge_pages());
        }
        Some((self.count_in(head), true))
    }

    fn reuse(&self, needed: usize, want_zero: bool) -> Option<NonNull<ArenaHead>> {
        if want_zero { self.reuse_cleared(needed) } else { Some(self.reuse_huge(needed)?.head) }
    }

    /// An extent of the cache that is large enough, or the largest that is not, made longer: its pages are warm.
    pub(super) fn reuse_huge(&self, needed: usize) -> Option<Reused> {
        // Also while it is made longer: if that fails, it is free again.
        let (_flight, extent) = self.in_flight.take(|| self.cache.take(needed, &self.unmapping()))?;
        let (head, old) = (extent.start.cast::<ArenaHead>(), extent.bytes);
        let whole = ArenaHead::of_huge(old, HEADER_TABLE_BYTES, extent.mapping.0);
        // SAFETY: ours, at an arena boundary.
        unsafe { head.write(whole) };
        if old >= needed {
            return Some(Reused { head, used_bytes: old });
        }
        let pages = self.thp.pages_for_block(needed);
        // SAFETY: one mapping, ours.
        let extended = unsafe { self.extend(head, old, self.thp.whole_pages(pages, needed), pages) };
        if extended.is_none() {
            // SAFETY: ours, and not used.
            unsafe { self.unmap_extent(extent) };
        }
        Some(Reused { head: extended?, used_bytes: old })
    }

    /// Makes a mapping longer in place or, by moving its pages, elsewhere. `None`: it is unchanged.
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
        let start = mapping_start(head);
        // SAFETY: one mapping, ours.
        let in_place = unsafe { memory::grow_in_place(start, old, new) };
        let extended = if in_place {
            head
        } else {
            self.thp.note_block_ends(start, old);
            self.unmapped.note(start, old);
            // SAFETY: one mapping, ours; the old addresses are not used again if it moves.
            let moved = unsafe { memory::relocate(start, old, new, ARENA_BYTES) };
            let extended = moved.unwrap_or(start);
            self.unmapped.forget(extended.addr().get());
            moved?.cast()
        };
        // Only now, so that nothing is given back for what is refused.
        self.above.took_huge(new - old);
        // SAFETY: one mapping, ours, of this length now.
        let advised = unsafe { pages.ask_for(extended.cast(), new) };
        let may_have = advised || extent_of(extended).mapping.is_in_huge_pages();
        if !in_place || pages != Pages::Any {
            // To the kernel it is a mapping of its own now, which may not be moved together with its neighbours.
            let number = self.cache.number_mapping();
            self.rename(extended, if may_have { number.in_huge_pages() } else { number });
        }
        self.note_length(extended, old, new);
        let behind = mapping_start(extended).map_addr(|start| start.saturating_add(old));
        self.thp.note_block_bytes(behind, new - old, may_have);
        Some(extended)
    }

    fn rename(&self, head: NonNull<ArenaHead>, mapping: MappingNumber) {
        let whole = ArenaHead::of_huge(mapped_bytes(head), mapping_offset(head), mapping.0);
        // SAFETY: ours, mapped; only this thread reads the head of a block that it resizes.
        unsafe { head.write(whole) };
    }

    fn map_huge(
        &self,
        mapped: usize,
        offset: usize,
        align: usize,
        pages: Pages,
    ) -> Option<NonNull<ArenaHead>> {
        let head = if align < POOL_BYTES {
            memory::map(mapped, ARENA_BYTES)?.cast()
        } else {
            let start = memory::map_behind(offset, mapped, align.max(ARENA_BYTES))?;
            let head = start.as_ptr().wrapping_byte_add(offset - HEADER_TABLE_BYTES).cast();
            // SAFETY: within the mapping, hence not null.
            unsafe { NonNull::new_unchecked(head) }
        };
        // SAFETY: mapped just now, ours; nothing is touched yet.
        let advised = unsafe { pages.ask_for(mapping_start(head), mapped) };
        let number = self.cache.number_mapping();
        let mapping = if advised { number.in_huge_pages() } else { number };
        // SAFETY: mapped just now, zero, ours; the head is within its first page.
        unsafe { head.write(ArenaHead::of_huge(mapped, offset, mapping.0)) };
        self.counters.reserved_bytes.add(mapped as u64);
        self.counters.committed_bytes.add(mapped as u64);
        Some(head)
    }

    fn count_in(&self, head: NonNull<ArenaHead>) -> NonNull<u8> {
        let (mapped, payload) = (mapped_bytes(head), payload(head));
        self.unmapped.forget(UserPtr::new(payload).arena().as_non_null().addr().get());
        self.counters.huge_blocks.add(1);
        self.count_longer(mapped);
        payload
    }

    /// Notes that `bytes` more of huge blocks are live.
    fn count_longer(&self, bytes: usize) {
        self.counters.huge_bytes.add(bytes as u64);
        let now = clock::milliseconds();
        self.policy.took(Taken::Huge { bytes: bytes as u64, live: self.counters.huge_bytes.get(), now });
        self.keep_no_more_than_pays(now);
    }

    /// The head of a live block. Ends the program if it is none, at least not any more.
    ///
    /// # Safety
    /// - `pointer` is the start of a huge allocation, or was one.
    unsafe fn live_head(&self, pointer: UserPtr) -> NonNull<ArenaHead> {
        if self.was_unmapped(pointer) {
            self.above.no_huge_block(pointer);
        }
        // SAFETY: the start of a huge allocation, by this function's contract.
        let head = unsafe { huge_head(pointer) };
        // SAFETY: mapped, as far as anyone knows.
        if !unsafe { is_live(head, pointer) } {
            self.above.no_huge_block(pointer);
        }
        head
    }

    /// Bytes that the program may use of a huge allocation.
    ///
    /// # Safety
    /// - `pointer` is the start of a huge allocation of the caller's.
    pub(crate) unsafe fn usable_bytes(&self, pointer: UserPtr) -> usize {
        // SAFETY: the same contract.
        let head = unsafe { self.live_head(pointer) };
        mapped_bytes(head) - mapping_offset(head)
    }

    /// Gives a huge allocation back.
    ///
    /// # Safety
    /// - `pointer` is the start of a huge allocation that the caller may free, and that is not used again.
    pub(crate) unsafe fn free(&self, pointer: UserPtr) {
        // SAFETY: the start of a huge allocation, by this function's contract.
        let head = unsafe { self.live_head(pointer) };
        // SAFETY: a head, as `live_head` found.
        if !unsafe { head.as_ref() }.end_payload(mapping_offset(head)) {
            self.above.no_huge_block(pointer);
        }
        let extent = extent_of(head);
        self.counters.huge_blocks.subtract(1);
        self.counters.huge_bytes.subtract(extent.bytes as u64);
        let now = clock::milliseconds();
        self.policy.returned(Returned::Huge { bytes: extent.bytes as u64, now });
        self.thp.note_block_ends(extent.start, extent.bytes);
        let flight = self.in_flight.begin();
        self.cache.put(extent, &self.unmapping());
        drop(flight);
        self.keep_no_more_than_pays(now);
        self.above.released();
    }

    /// Makes a huge allocation of at least `old_bytes` `bytes` long, which is still huge, without copying.
    ///
    /// A smaller one gives its tail back; one that grows into what it has already stays as it is.
    ///
    /// # Safety
    /// - `pointer` is the start of a huge allocation that is the caller's; after [`Resized::Moved`] it is gone.
    pub(crate) unsafe fn resize(&self, pointer: UserPtr, old_bytes: usize, bytes: usize) -> Resized {
        // SAFETY: the start of a huge allocation, by this function's contract.
        let head = unsafe { self.live_head(pointer) };
        let (mut old, offset) = (mapped_bytes(head), mapping_offset(head));
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
        old += self.grow_into_kept(head, new - old);
        if old >= new {
            return Resized::InPlace;
        }
        if pointer.is_arena_aligned() {
            // SAFETY: one mapping, ours.
            return if unsafe { memory::grow_in_place(start, old, new) } {
                self.note_resize(head, old, new);
                Resized::InPlace
            } else {
                Resized::Refused
            };
        }
        let may_be_huge = extent_of(head).mapping.is_in_huge_pages();
        let pages = self.thp.pages_for_longer(start, old, may_be_huge, new);
        // SAFETY: the caller's mapping, aligned to an arena since its payload is not.
        match unsafe { self.extend(head, old, new, pages) } {
            Some(extended) => {
                self.count_longer(new - old);
                if extended == head { Resized::InPlace } else { Resized::Moved(payload(extended)) }
            }
            None => Resized::Refused,
        }
    }

    /// Makes an allocation longer, by `more` bytes or a little more, over the extent behind it. Returns by how many.
    fn grow_into_kept(&self, head: NonNull<ArenaHead>, more: usize) -> usize {
        let Extent { start, bytes, mapping } = extent_of(head);
        let end = start.as_ptr().wrapping_byte_add(bytes);
        // It may be of another mapping, and put back.
        let _flight = self.in_flight.begin();
        let taken = self.cache.take_behind(end, mapping, more, &self.unmapping());
        if taken != 0 {
            // SAFETY: ours, mapped; only this thread reads the head of a block that it resizes.
            unsafe { head.write(ArenaHead::of_huge(bytes + taken, mapping_offset(head), mapping.0)) };
            self.count_longer(taken);
        }
        taken
    }

    /// A live allocation's mapping has another length now.
    fn note_resize(&self, head: NonNull<ArenaHead>, old: usize, new: usize) {
        self.note_length(head, old, new);
        self.counters.huge_bytes.change(old as u64, new as u64);
    }

    /// A mapping has another length now.
    fn note_length(&self, head: NonNull<ArenaHead>, old: usize, new: usize) {
        let whole = ArenaHead::of_huge(new, mapping_offset(head), extent_of(head).mapping.0);
        // SAFETY: ours, mapped; only this thread reads the head of a block that it resizes.
        unsafe { head.write(whole) };
        for counter in [&self.counters.reserved_bytes, &self.counters.committed_bytes] {
            counter.change(old as u64, new as u64);
        }
    }
}
