//! The current test: a tree over the address bits above an arena's length.
//!
//! ```text
//! address   │ 15 bits root │ 15 bits mid │ 14 bits bottom │ 20 bits tail │
//!             root[32768] ──► mid[32768] ──► Coverage { from, until } of one aligned stretch of an arena's length
//! ```
//!
//! An arena need not be aligned to its length, so it lies in one or two stretches: it covers the first one *from* its tail
//! on, and the second one *until* that tail. A stretch may have the end of one arena and the start of another.
//!
//! | the arena at `base` | its stretch       | the next stretch |
//! |---------------------|-------------------|------------------|
//! | tail 0              | from = 0 (wholly) | –                |
//! | tail t              | from = t          | until = t        |
//!
//! The root is 256 KiB of zeroes in the heap itself (for a `static`: never touched, never resident, but for a page or
//! two); nodes are mapped when first needed and stay. Programs have their mappings close together, so one middle
//! and one bottom node (each covers 16 GiB) nearly always do.
//!
//! No foreign memory is read.
//!
//! Does not know: pools, the table of arenas.
//! Idea: CPython's obmalloc since 3.10 (Neil Schemenauer, Tim Peters).

use super::super::parameters::Parameters;
use super::super::table::ArenaTable;
use super::{AddressTest, MapNodes};
use core::ptr::NonNull;
use strata_os::memory;

const ROOT_BITS: u32 = 15;
const MID_BITS: u32 = 15;
const BOTTOM_BITS: u32 = 14;
const ARENA_SHIFT: u32 = 20;
const _: () = assert!(ROOT_BITS + MID_BITS + BOTTOM_BITS + ARENA_SHIFT == usize::BITS);

const ARENA_BYTES: usize = 1 << ARENA_SHIFT;

/// Which tails of a stretch are ours: those below `until`, and those from `from` on. A tail needs 20 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
struct Coverage {
    /// 0: no arena starts here. -1: one that is aligned does, and covers it wholly. (0 would mean "none".)
    from: i32,
    /// 0: no arena ends here.
    until: i32,
}

/// All zero when fresh.
struct Bottom([Coverage; 1 << BOTTOM_BITS]);

/// All zero when fresh.
struct Mid([Option<NonNull<Bottom>>; 1 << MID_BITS]);

/// Recognises arenas of 1 MiB.
pub struct RadixTree {
    root: [Option<NonNull<Mid>>; 1 << ROOT_BITS],
    mid_count: usize,
    bottom_count: usize,
}

impl AddressTest for RadixTree {
    const NONE: Self = Self { root: [None; 1 << ROOT_BITS], mid_count: 0, bottom_count: 0 };

    fn admit(&mut self, base: NonNull<u8>) -> bool {
        let address = base.addr().get();
        // Both stretches' nodes first: a refusal must not leave half an arena.
        let ready = self.grow(address).is_some()
            && (tail(address) == 0 || self.grow(address.wrapping_add(ARENA_BYTES)).is_some());
        if ready {
            self.mark(address, start_mark(address), tail(address));
        }
        ready
    }

    fn dismiss(&mut self, base: NonNull<u8>) {
        self.mark(base.addr().get(), 0, 0);
    }

    #[inline]
    fn owns<P: Parameters>(&self, _arenas: &ArenaTable, block: NonNull<u8>) -> bool {
        let address = block.addr().get();
        self.coverage(address).is_some_and(|coverage| coverage.has(tail(address)))
    }

    fn nodes(&self) -> MapNodes {
        MapNodes {
            mid_count: self.mid_count,
            bottom_count: self.bottom_count,
            root_bytes: size_of_val(&self.root),
            mid_bytes: size_of::<Mid>(),
            bottom_bytes: size_of::<Bottom>(),
        }
    }
}

impl Coverage {
    #[inline]
    fn has(self, tail: i32) -> bool {
        tail < self.until || (self.from != 0 && tail >= self.from)
    }
}

impl RadixTree {
    /// Sets what the arena at `address` covers, in one stretch or two. The nodes exist.
    fn mark(&mut self, address: usize, from: i32, until: i32) {
        if let Some(stretch) = self.coverage_mut(address) {
            stretch.from = from;
        }
        if tail(address) != 0
            && let Some(stretch) = self.coverage_mut(address.wrapping_add(ARENA_BYTES))
        {
            stretch.until = until;
        }
    }

    #[inline]
    fn coverage(&self, address: usize) -> Option<Coverage> {
        let mid = self.root[root_slot(address)]?;
        // SAFETY: nodes stay mapped, and change behind `&mut self` only.
        let bottom = unsafe { mid.as_ref() }.0[mid_slot(address)]?;
        // SAFETY: nodes stay mapped, and change behind `&mut self` only.
        Some(unsafe { bottom.as_ref() }.0[bottom_slot(address)])
    }

    fn coverage_mut(&mut self, address: usize) -> Option<&mut Coverage> {
        let mut mid = self.root[root_slot(address)]?;
        // SAFETY: nodes stay mapped; `&mut self` excludes other references.
        let mut bottom = unsafe { mid.as_mut() }.0[mid_slot(address)]?;
        // SAFETY: nodes stay mapped; `&mut self` excludes other references.
        Some(&mut unsafe { bottom.as_mut() }.0[bottom_slot(address)])
    }

    /// Makes the nodes of a stretch.
    fn grow(&mut self, address: usize) -> Option<()> {
        let slot = &mut self.root[root_slot(address)];
        let mut mid = get_or_map(slot, &mut self.mid_count)?;
        // SAFETY: as in `coverage_mut`.
        let slot = &mut unsafe { mid.as_mut() }.0[mid_slot(address)];
        get_or_map(slot, &mut self.bottom_count).map(drop)
    }
}

/// The node of a slot; a missing one is mapped, zeroed, and counted.
fn get_or_map<N>(slot: &mut Option<NonNull<N>>, count: &mut usize) -> Option<NonNull<N>> {
    if slot.is_none() {
        *slot = Some(memory::map(size_of::<N>(), 1)?.cast());
        *count += 1;
    }
    *slot
}

/// The offset in the stretch.
#[inline]
fn tail(address: usize) -> i32 {
    (address & (ARENA_BYTES - 1)) as i32
}

fn start_mark(address: usize) -> i32 {
    if tail(address) == 0 { -1 } else { tail(address) }
}

#[inline]
fn root_slot(address: usize) -> usize {
    address >> (MID_BITS + BOTTOM_BITS + ARENA_SHIFT)
}

#[inline]
fn mid_slot(address: usize) -> usize {
    (address >> (BOTTOM_BITS + ARENA_SHIFT)) & ((1 << MID_BITS) - 1)
}

#[inline]
fn bottom_slot(address: usize) -> usize {
    (address >> ARENA_SHIFT) & ((1 << BOTTOM_BITS) - 1)
}

#[cfg(test)]
#[path = "radix_tests.rs"]
mod tests;
