//! What freed huge blocks leave, between two uses: cut to size, joined when neighbours meet again.
//!
//! ```text
//!   free ──put──► │ extent │ extent │ …  │ ──take──► block          an extent's first bytes say how long it is, and of which mapping
//!                     └── a pass: what was not needed since the pass before last is unmapped
//! ```
//!
//! | slot  | who may leave it                                    | to    | by                     | what becomes visible               |
//! |-------|-----------------------------------------------------|-------|------------------------|------------------------------------|
//! | empty | a freeing thread, or one that puts a remainder back | full  | `fill`, CAS Release    | the extent, and the end of its use |
//! | full  | an allocating thread, a freeing one, a pass         | empty | `remove`, swap Acquire | the same                           |
//!
//! I1  An extent in the cache has no owner; the thread that swaps it out of its slot owns it. Sizes beside the slots are hints.
//! I2  `kept_bytes` is what lies in the cache and what threads have between `remove` and `insert`: exact when quiet.
//!
//! Does not know: how to map, grow or unmap, how much to keep. Model: `loom-tests/tests/p9_huge_cache.rs`.
//! Idea: neighbours become one (Knuth 1973), as mimalloc has it for its large blocks. Decision 0014.

use super::extent::{Extent, MappingNumber, room};
use crate::purge::policy::Scope;
use crate::windowed::WindowedMin;
use core::ptr::NonNull;
use strata_core::layout::POOL_BYTES;
use strata_core::sync::mutation::{BEHIND_CHECKS, HUGE_INSERT, HUGE_REMOVE};
use strata_core::sync::{AtomicPtr, AtomicU64, Hint, Ordering::Relaxed, OwnedUsize};
use strata_os::machine;

/// Extents that are kept at a time: some for each of a dozen blocks in turn.
pub(crate) const SLOT_COUNT: usize = if cfg!(strata_loom) { 1 } else { 32 };

/// Anything smaller is not worth a slot.
const LEAST_BYTES: usize = POOL_BYTES;

/// A block may be longer than the request by one part in `SPLINTER_PART`, so that no splinters are left.
const SPLINTER_PART: usize = 16;

/// An extent's own description, in its first bytes.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) bytes: OwnedUsize,
    mapping: MappingNumber,
}

/// The cache.
#[derive(Debug)]
pub(crate) struct HugeCache {
    pub(crate) slots: [AtomicPtr<Stored>; SLOT_COUNT],
    /// Sizes beside the slots, in bytes; 0: none.
    sizes: [Hint; SLOT_COUNT],
    /// Where to look for an empty slot. Slots are filled in turn, so the next full one has waited longest, or nearly.
    next_slot: Hint,
    pub(crate) kept_bytes: AtomicU64,
    /// The least that was kept recently.
    unneeded: WindowedMin,
    mappings: AtomicU64,
}

impl HugeCache {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                slots: strata_core::each_slot!(AtomicPtr::new(core::ptr::null_mut()); SLOT_COUNT),
                sizes: [const { Hint::new(0) }; SLOT_COUNT],
                next_slot: Hint::new(0),
                kept_bytes: AtomicU64::new(0),
                unneeded: WindowedMin::new(),
                mappings: AtomicU64::new(0),
            }
        }
    }

    /// A number for a mapping that was made just now.
    pub(super) fn number_mapping(&self) -> MappingNumber {
        // Relaxed: the numbers only have to differ.
        MappingNumber(self.mappings.fetch_add(MappingNumber::STEP, Relaxed))
    }

    /// Takes an extent that begins at an arena boundary: `need` bytes or a little more of the smallest that has room for them, or else
    /// the largest there is.
    pub(super) fn take(&self, need: usize, unmap: &impl Fn(Extent)) -> Option<Extent> {
        let (front, block) = self.remove(self.best_slot(need)?)?.cut_at_boundary();
        if let Some(front) = front {
            self.insert(front, unmap);
        }
        let (block, rest) = cut_generously(block?, need);
        if let Some(rest) = rest {
            self.insert(rest, unmap);
        }
        self.discount(block.bytes);
        Some(block)
    }

    /// Takes up to `most` bytes of the extent behind `end`, if that is of the same mapping. Returns how many.
    pub(super) fn take_behind(
        &self,
        end: *mut u8,
        mapping: MappingNumber,
        most: usize,
        unmap: &impl Fn(Extent),
    ) -> usize {
        let Some(slot) = self.starts().position(|start| start == end) else { return 0 };
        let Some(extent) = self.remove(slot) else { return 0 };
        // Another thread may have used the slot meanwhile.
        if (BEHIND_CHECKS && extent.start.as_ptr() != end) || extent.mapping != mapping {
            self.insert(extent, unmap);
            return 0;
        }
        let (taken, rest) = cut_generously(extent, most);
        if let Some(rest) = rest {
            self.insert(rest, unmap);
        }
        self.discount(taken.bytes);
        taken.bytes
    }

    /// Keeps an extent, joined with its neighbours.
    pub(super) fn put(&self, mut extent: Extent, unmap: &impl Fn(Extent)) {
        // Relaxed: a sum.
        self.kept_bytes.fetch_add(extent.bytes as u64, Relaxed);
        loop {
            let alone = extent.bytes;
            extent = self.join_neighbours(extent, unmap);
            // The joined extent may have a neighbour in an earlier slot, if two threads put at the same time.
            if extent.bytes == alone {
                break;
            }
        }
        self.insert(extent, unmap);
    }

    /// Joins an extent with those of its neighbours that it meets in one walk over the slots.
    fn join_neighbours(&self, mut extent: Extent, unmap: &impl Fn(Extent)) -> Extent {
        for slot in 0..SLOT_COUNT {
            if !self.seems_next_to(slot, &extent) {
                continue;
            }
            let Some(other) = self.remove(slot) else { continue };
            extent = match extent.join(other) {
                Ok(joined) => joined,
                Err((same, other)) => {
                    self.insert(other, unmap);
                    same
                }
            };
        }
        extent
    }

    /// Hands over `excess` bytes of what is kept, or all: first what has waited longest, which no request has fitted.
    pub(super) fn shed(&self, excess: u64, unmap: &impl Fn(Extent)) {
        let page = machine::page_size();
        let mut left = usize::try_from(excess).unwrap_or(usize::MAX).checked_next_multiple_of(page);
        for slot in self.slots_in_turn() {
            if left == Some(0) {
                break;
            }
            let Some(extent) = self.remove(slot) else { continue };
            let most = left.unwrap_or(usize::MAX);
            let tail = match extent.bytes.saturating_sub(most) {
                stays if stays < LEAST_BYTES => extent,
                stays => {
                    let cut = extent.cut_behind(stays);
                    let (stays, tail) = extent.cut(cut);
                    self.put_back(slot, stays, unmap);
                    let Some(tail) = tail else { continue };
                    tail
                }
            };
            left = left.map(|left| left.saturating_sub(tail.bytes));
            // Relaxed: a sum.
            self.kept_bytes.fetch_sub(tail.bytes as u64, Relaxed);
            self.unneeded.lower(tail.bytes as u64);
            unmap(tail);
        }
    }

    /// Hands over what `scope` says of what is kept. Returns whether something is left.
    pub(super) fn age(&self, scope: Scope, unmap: &impl Fn(Extent)) -> bool {
        let excess = match scope {
            Scope::Nothing => 0,
            Scope::Idle => self.unneeded.lately(),
            Scope::All => u64::MAX,
        };
        self.shed(excess, unmap);
        self.unneeded.turn(self.kept_bytes());
        // Not the count of bytes: in a child of fork it may include an extent that another thread held, and there would be passes
        // for ever.
        self.starts().any(|start| !start.is_null())
    }

    /// Bytes kept for reuse.
    pub(crate) fn kept_bytes(&self) -> u64 {
        // Relaxed: a statistic, and a bound that a few threads at once may exceed.
        self.kept_bytes.load(Relaxed)
    }

    /// The smallest extent with room for `need`; failing that, the largest.
    fn best_slot(&self, need: usize) -> Option<usize> {
        let rooms = || {
            let extents =
                self.starts().zip(&self.sizes).enumerate().filter(|(_, (start, _))| !start.is_null());
            extents.map(|(slot, (start, size))| (room(start.addr(), size.get() as usize), slot))
        };
        let tightest = rooms().filter(|(room, _)| *room >= need).min();
        let best = tightest.or_else(|| rooms().max())?;
        (best.0 >= LEAST_BYTES).then_some(best.1)
    }

    /// Where the extents begin, slot by slot; null: no extent.
    fn starts(&self) -> impl Iterator<Item = *mut u8> {
        // Relaxed: hints; they are never dereferenced.
        self.slots.iter().map(|slot| slot.load(Relaxed).cast())
    }

    /// All slots, from the one that may be filled next.
    fn slots_in_turn(&self) -> impl Iterator<Item = usize> + use<> {
        let first = self.next_slot.get() as usize;
        (first..first + SLOT_COUNT).map(|slot| slot % SLOT_COUNT)
    }

    fn seems_next_to(&self, slot: usize, extent: &Extent) -> bool {
        // Relaxed: a hint; `join` reads the extent itself.
        let start = self.slots[slot].load(Relaxed).cast::<u8>();
        !start.is_null()
            && (start == extent.end()
                || start.wrapping_byte_add(self.sizes[slot].get() as usize) == extent.start.as_ptr())
    }

    /// Puts an extent into an empty slot; hands it over if there is none, or if it is not worth one.
    fn insert(&self, extent: Extent, unmap: &impl Fn(Extent)) {
        if extent.bytes >= LEAST_BYTES
            && let Some(slot) = self.slots_in_turn().find(|slot| self.fill(*slot, &extent))
        {
            self.next_slot.set(slot as u64 + 1);
            return;
        }
        self.discount(extent.bytes);
        unmap(extent);
    }

    /// Puts what is left of an extent back into its slot, where it has waited as long as before.
    fn put_back(&self, slot: usize, extent: Extent, unmap: &impl Fn(Extent)) {
        if !self.fill(slot, &extent) {
            self.insert(extent, unmap);
        }
    }

    /// Puts an extent that is worth a slot into this one, if it is empty.
    fn fill(&self, slot: usize, extent: &Extent) -> bool {
        // Relaxed: a hint.
        if !self.slots[slot].load(Relaxed).is_null() {
            return false;
        }
        let place = extent.start.cast::<Stored>();
        // SAFETY: the extent is ours, writable, and starts at a page.
        unsafe { place.write(Stored { bytes: OwnedUsize::zero(), mapping: extent.mapping }) };
        // SAFETY: written just now.
        unsafe { place.as_ref() }.bytes.set(extent.bytes);
        let (empty, place) = (core::ptr::null_mut(), place.as_ptr());
        // Release (HUGE_INSERT): publishes the extent and the end of its use; pairs with Acquire in huge/cache.rs::remove.
        // Relaxed on failure: it stays the caller's.
        let is_filled = self.slots[slot].compare_exchange(empty, place, HUGE_INSERT, Relaxed).is_ok();
        if is_filled {
            // It goes stale when another thread uses the slot at the same time; `remove` reads the extent itself.
            self.sizes[slot].set(extent.bytes as u64);
        }
        is_filled
    }

    /// Takes what lies in a slot.
    fn remove(&self, slot: usize) -> Option<Extent> {
        // Relaxed: a hint; most slots are empty.
        if self.slots[slot].load(Relaxed).is_null() {
            return None;
        }
        // Set before the swap, so that an extent that is inserted afterwards keeps its size.
        self.sizes[slot].set(0);
        // Acquire (HUGE_REMOVE): sees the extent and the end of its use; pairs with Release in huge/cache.rs::fill.
        let place = NonNull::new(self.slots[slot].swap(core::ptr::null_mut(), HUGE_REMOVE))?;
        // SAFETY: ours since it left its slot (I1), where `fill` put it after writing this.
        let Stored { bytes, mapping } = unsafe { place.as_ref() };
        Some(Extent { start: place.cast(), bytes: bytes.get(), mapping: *mapping })
    }

    /// Takes `bytes` off the count, since they are in use (I2).
    fn discount(&self, bytes: usize) {
        // Relaxed: a sum.
        let before = self.kept_bytes.fetch_sub(bytes as u64, Relaxed);
        self.unneeded.note(before.saturating_sub(bytes as u64));
    }
}

/// Cuts off what lies behind the first `need` bytes, unless it is little.
fn cut_generously(extent: Extent, need: usize) -> (Extent, Option<Extent>) {
    let need = extent.cut_behind(need);
    let rest = extent.bytes.saturating_sub(need);
    if rest < LEAST_BYTES || rest < need / SPLINTER_PART { (extent, None) } else { extent.cut(need) }
}

#[cfg(all(test, not(strata_loom)))]
#[path = "cache_tests.rs"]
mod tests;
