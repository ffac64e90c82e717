//! Huge allocations: more than half an arena, each a mapping of its own.
//!
//! ```text
//!   align < 4 MiB:   │ header table (slot 0: ArenaHead) │ payload …            mapping starts on an arena boundary
//!   align ≥ 4 MiB:   │ page with the ArenaHead at its end │ payload …          *payload* starts on an arena boundary
//! ```
//!
//! The header table in front is all zero but for slot 0, so that the slot of any payload address reads as "no owner".
//! Growing tries to extend in place, then moves pages instead of bytes. A freed mapping waits on a shelf for a request of
//! nearly its size, within a bound of bytes and, by the purge pass, of time.
//!
//! Does not know: pools, classes. Idea: `mremap` for huge blocks (ClickHouse, and long wished for elsewhere).

use crate::directory::Directory;
use core::ptr::NonNull;
use strata_core::address::UserPtr;
use strata_core::arena::ArenaHead;
use strata_core::layout::{ARENA_BYTES, HEADER_TABLE_BYTES};
use strata_core::sync::{AtomicPtr, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use strata_os::{machine, memory};

/// Mappings that may wait for reuse at a time.
const SHELF_SLOTS: usize = if cfg!(strata_loom) { 1 } else { 16 };

/// How many times as large as the request a reused mapping may be.
///
/// Its pages are resident anyway, and what asks for a huge block is often a vector that will double: then the slack is
/// room to grow in. A tighter fit (one eighth) made growing vectors fault in fresh pages beside kept ones (decision 0006).
const MOST_TIMES: usize = 2;

/// Freed mappings between two uses.
///
/// A slot holds null or a mapping that is nobody's; taking and putting is one exchange of the pointer.
#[derive(Debug)]
pub(crate) struct HugeShelf {
    slots: [AtomicPtr<ArenaHead>; SHELF_SLOTS],
    /// Sizes beside the slots: hints, so that a search touches no mapping.
    sizes: [AtomicU64; SHELF_SLOTS],
    /// Which slots were full at the last look: a hint.
    aged: AtomicU64,
    kept_bytes: AtomicU64,
}

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
        let mapped = bytes.checked_add(offset)?.checked_next_multiple_of(page)?;
        let ordinary = align <= HEADER_TABLE_BYTES;
        if ordinary
            && !want_zero
            && let Some(head) = self.huge_shelf.take(mapped)
        {
            return Some((self.count_in(head), false));
        }
        let head = match self.map_huge(mapped, offset, align) {
            Some(head) => head,
            None if self.release_kept_memory() => self.map_huge(mapped, offset, align)?,
            None => return None,
        };
        Some((self.count_in(head), true))
    }

    fn map_huge(&self, mapped: usize, offset: usize, align: usize) -> Option<NonNull<ArenaHead>> {
        let head = if align < ARENA_BYTES {
            memory::map(mapped, ARENA_BYTES)?.cast()
        } else {
            map_behind_boundary(mapped, offset, align)?
        };
        // SAFETY: mapped just now, zero, ours; the head is within its first page.
        unsafe { head.write(ArenaHead::of_huge(mapped, offset)) };
        self.numbers.reserved_bytes.add(mapped as u64);
        self.numbers.committed_bytes.add(mapped as u64);
        Some(head)
    }

    fn count_in(&self, head: NonNull<ArenaHead>) -> NonNull<u8> {
        // SAFETY: ours, initialised.
        let mapped = unsafe { head.as_ref() }.mapped_bytes;
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
        // SAFETY: as above.
        let (mapped, offset) = {
            let head = unsafe { head.as_ref() };
            (head.mapped_bytes, head.payload_offset)
        };
        self.numbers.huge_blocks.subtract(1);
        self.numbers.huge_bytes.subtract(mapped as u64);
        // Relaxed: a number that stands alone.
        let keep = self.tuning.huge_keep_bytes.load(Relaxed);
        let ordinary = offset == HEADER_TABLE_BYTES && !pointer.is_arena_aligned();
        if ordinary && self.huge_shelf.put(head, mapped as u64, keep) {
            self.schedule_purge();
        } else {
            // SAFETY: the caller's promise.
            unsafe { self.unmap_huge(head) };
        }
    }

    /// # Safety
    /// - The mapping is the caller's, who does not use it again.
    pub(crate) unsafe fn unmap_huge(&self, head: NonNull<ArenaHead>) {
        // SAFETY: ours.
        let mapped = unsafe { head.as_ref() }.mapped_bytes;
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
        // SAFETY: as above.
        let (old, offset) = {
            let head = unsafe { head.as_ref() };
            (head.mapped_bytes, head.payload_offset)
        };
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
        // SAFETY: one mapping, ours.
        if unsafe { memory::grow_in_place(start, old, new) } {
            self.note_resize(head, old, new);
            return Resized::InPlace;
        }
        if align >= ARENA_BYTES {
            return Resized::Refused;
        }
        // SAFETY: one mapping, ours; the caller uses the old addresses no more if it moves.
        match unsafe { memory::relocate(start, old, new, ARENA_BYTES) } {
            Some(moved) => {
                let head = moved.cast::<ArenaHead>();
                self.note_resize(head, old, new);
                Resized::Moved(payload(head))
            }
            None => Resized::Refused,
        }
    }

    fn note_resize(&self, head: NonNull<ArenaHead>, old: usize, new: usize) {
        let payload_offset = mapping_offset(head);
        // SAFETY: ours, mapped; nobody else reads the head of a block that is being resized.
        unsafe { head.write(ArenaHead::of_huge(new, payload_offset)) };
        for counter in [&self.numbers.reserved_bytes, &self.numbers.committed_bytes, &self.numbers.huge_bytes]
        {
            counter.add(new as u64);
            counter.subtract(old as u64);
        }
    }
}

/// Bytes that the program may use of a huge allocation.
///
/// # Safety
/// - `pointer` is the start of a huge allocation of the caller's.
pub(crate) unsafe fn usable_huge(pointer: UserPtr) -> usize {
    // SAFETY: the caller's promise.
    let head = unsafe { huge_head(pointer) };
    // SAFETY: as above.
    let head = unsafe { head.as_ref() };
    head.mapped_bytes - head.payload_offset
}

impl Directory {
    /// Bytes that the program may use of a huge allocation.
    ///
    /// # Safety
    /// - `pointer` is the start of a huge allocation of the caller's.
    pub unsafe fn usable_huge(&self, pointer: UserPtr) -> usize {
        // SAFETY: the same contract.
        unsafe { usable_huge(pointer) }
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

impl HugeShelf {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                slots: strata_core::each_slot!(AtomicPtr::new(core::ptr::null_mut()); SHELF_SLOTS),
                sizes: strata_core::each_slot!(AtomicU64::new(0); SHELF_SLOTS),
                aged: AtomicU64::new(0),
                kept_bytes: AtomicU64::new(0),
            }
        }
    }

    /// Takes a mapping of `mapped` bytes or slightly more.
    fn take(&self, mapped: usize) -> Option<NonNull<ArenaHead>> {
        let (least, most) = (mapped as u64, mapped.saturating_mul(MOST_TIMES) as u64);
        for (slot, size) in self.slots.iter().zip(&self.sizes) {
            // Relaxed: a hint; the size is read again from the mapping once it is ours.
            if !(least..=most).contains(&size.load(Relaxed)) {
                continue;
            }
            // Acquire: sees the mapping's head; pairs with Release in huge.rs::put.
            let Some(head) = NonNull::new(slot.swap(core::ptr::null_mut(), AcqRel)) else { continue };
            // SAFETY: ours since the swap.
            let bytes = unsafe { head.as_ref() }.mapped_bytes as u64;
            if (least..=most).contains(&bytes) {
                // Relaxed: a sum for the bound only.
                self.kept_bytes.fetch_sub(bytes, Relaxed);
                return Some(head);
            }
            // Another mapping by now; if the slot was filled meanwhile, this one serves although it does not fit well.
            if slot.compare_exchange(core::ptr::null_mut(), head.as_ptr(), AcqRel, Relaxed).is_err() {
                // Relaxed: as above.
                self.kept_bytes.fetch_sub(bytes, Relaxed);
                if bytes >= least {
                    return Some(head);
                }
                // SAFETY: ours, and too small.
                unsafe { memory::release(mapping_start(head), bytes as usize) };
            }
        }
        None
    }

    /// Keeps a mapping, if a slot and the bound allow.
    fn put(&self, head: NonNull<ArenaHead>, bytes: u64, keep: u64) -> bool {
        // Relaxed: a bound that may be missed by one mapping per thread.
        if self.kept_bytes.fetch_add(bytes, Relaxed) + bytes <= keep {
            for (index, slot) in self.slots.iter().enumerate() {
                // Relaxed: the exchange tests again.
                if !slot.load(Relaxed).is_null() {
                    continue;
                }
                // Relaxed: hints.
                self.sizes[index].store(bytes, Relaxed);
                self.aged.fetch_and(!(1 << index), Relaxed);
                // Release: publishes the head; pairs with Acquire in huge.rs::take.
                if slot.compare_exchange(core::ptr::null_mut(), head.as_ptr(), AcqRel, Relaxed).is_ok() {
                    return true;
                }
            }
        }
        // Relaxed: as above.
        self.kept_bytes.fetch_sub(bytes, Relaxed);
        false
    }

    /// Hands over what waited for a whole delay (or everything); whether something still waits.
    pub(crate) fn age(&self, all: bool, mut unmap: impl FnMut(NonNull<ArenaHead>)) -> bool {
        // Relaxed: a hint.
        let aged = self.aged.load(Relaxed);
        let mut waiting = 0;
        for (index, slot) in self.slots.iter().enumerate() {
            // Acquire: as in `take`.
            if slot.load(Acquire).is_null() {
                continue;
            }
            if !all && aged >> index & 1 == 0 {
                waiting |= 1 << index;
                continue;
            }
            if let Some(head) = NonNull::new(slot.swap(core::ptr::null_mut(), AcqRel)) {
                // SAFETY: ours since the swap.
                let bytes = unsafe { head.as_ref() }.mapped_bytes as u64;
                // Relaxed: as above.
                self.kept_bytes.fetch_sub(bytes, Relaxed);
                unmap(head);
            }
        }
        // Relaxed: a hint.
        self.aged.store(waiting, Relaxed);
        waiting != 0
    }

    /// Bytes that wait for reuse.
    pub(crate) fn kept_bytes(&self) -> u64 {
        // Relaxed: a statistic.
        self.kept_bytes.load(Relaxed)
    }
}
