//! What freed huge blocks leave, between two uses: cut to what is asked for, joined when neighbours meet again.
//!
//! ```text
//!   free ──put──► │ piece │ piece │ …  │ ──take──► block          a piece's first bytes say how long it is, and of which mapping
//!                     └── a pass: what nobody needed since the pass before last is unmapped
//! ```
//!
//! | slot  | who may leave it                                    | to    | by                   | what becomes visible                |
//! |-------|-----------------------------------------------------|-------|----------------------|-------------------------------------|
//! | empty | a freeing thread, or one that puts a remainder back | full  | `lay`, CAS Release   | the piece, and the end of its use   |
//! | full  | an allocating thread, a freeing one, a pass         | empty | `lift`, swap Acquire | the same                            |
//!
//! I1  A piece on the shelf is nobody's; whoever swaps it out of its slot owns it. Sizes beside the slots are hints.
//! I2  `kept_bytes` is what lies on the shelf and what is in hand between `lift` and `lay`: exact when quiet.
//!
//! Does not know: how to map, grow or unmap, how much to keep. Model: `loom-tests/tests/p9_huge_shelf.rs`.
//! Idea: neighbours become one (Knuth 1973), as mimalloc has it for its large blocks. Decision 0014.

use crate::piece::{MappingNumber, Piece, room};
use crate::purge::Which;
use crate::windowed::WindowedMin;
use core::ptr::NonNull;
use strata_core::layout::POOL_BYTES;
use strata_core::sync::mutation::{BEHIND_LOOKS, HUGE_LAY, HUGE_LIFT};
use strata_core::sync::{AtomicPtr, AtomicU64, Hint, Ordering::Relaxed};
use strata_os::machine;

/// Pieces that may wait for reuse at a time: some for each of a dozen blocks that come and go.
const SLOT_COUNT: usize = if cfg!(strata_loom) { 1 } else { 32 };

/// What is smaller is not worth a slot.
const LEAST_BYTES: usize = POOL_BYTES;

/// A block may be longer than was asked for by one part of so many, so that no splinters come about.
const LITTLE: usize = 16;

/// What a piece that waits says about itself, in its first bytes.
#[derive(Debug)]
struct Laid {
    bytes: usize,
    mapping: MappingNumber,
}

/// The shelf.
#[derive(Debug)]
pub(crate) struct HugeShelf {
    slots: [AtomicPtr<Laid>; SLOT_COUNT],
    /// Sizes beside the slots, in bytes; 0: none.
    sizes: [Hint; SLOT_COUNT],
    kept_bytes: AtomicU64,
    /// The least that was kept of late.
    unneeded: WindowedMin,
    mappings: AtomicU64,
}

impl HugeShelf {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                slots: strata_core::each_slot!(AtomicPtr::new(core::ptr::null_mut()); SLOT_COUNT),
                sizes: [const { Hint::new(0) }; SLOT_COUNT],
                kept_bytes: AtomicU64::new(0),
                unneeded: WindowedMin::new(),
                mappings: AtomicU64::new(0),
            }
        }
    }

    /// A number for a mapping that was made just now.
    pub(crate) fn number_mapping(&self) -> MappingNumber {
        // Relaxed: only that no two are the same.
        MappingNumber(self.mappings.fetch_add(MappingNumber::STEP, Relaxed))
    }

    /// Takes a piece that begins at an arena boundary: `need` bytes or little more of the tightest that has so many, or else
    /// the largest there is.
    pub(crate) fn take(&self, need: usize, unmap: &impl Fn(Piece)) -> Option<Piece> {
        let (front, block) = self.lift(self.best_slot(need)?)?.cut_at_boundary();
        if let Some(front) = front {
            self.lay(front, unmap);
        }
        let (block, rest) = cut_generously(block?, need);
        if let Some(rest) = rest {
            self.lay(rest, unmap);
        }
        self.discount(block.bytes);
        Some(block)
    }

    /// Takes up to `most` bytes of the piece behind `end`, if that is of the same mapping; how many.
    pub(crate) fn take_behind(
        &self,
        end: *mut u8,
        mapping: MappingNumber,
        most: usize,
        unmap: &impl Fn(Piece),
    ) -> usize {
        let Some(slot) = self.starts().position(|start| start == end) else { return 0 };
        let Some(piece) = self.lift(slot) else { return 0 };
        // Another thread may have used the slot meanwhile.
        if (BEHIND_LOOKS && piece.start.as_ptr() != end) || piece.mapping != mapping {
            self.lay(piece, unmap);
            return 0;
        }
        let (taken, rest) = cut_generously(piece, most);
        if let Some(rest) = rest {
            self.lay(rest, unmap);
        }
        self.discount(taken.bytes);
        taken.bytes
    }

    /// Keeps a piece, as one with its neighbours.
    pub(crate) fn put(&self, mut piece: Piece, unmap: &impl Fn(Piece)) {
        // Relaxed: a sum.
        self.kept_bytes.fetch_add(piece.bytes as u64, Relaxed);
        loop {
            let alone = piece.bytes;
            piece = self.join_neighbours(piece, unmap);
            // What it was joined with may have a neighbour in an earlier slot, if two threads put at the same time.
            if piece.bytes == alone {
                break;
            }
        }
        self.lay(piece, unmap);
    }

    /// Joins a piece with those of its neighbours that it meets in one walk over the slots.
    fn join_neighbours(&self, mut piece: Piece, unmap: &impl Fn(Piece)) -> Piece {
        for slot in 0..SLOT_COUNT {
            if !self.seems_next_to(slot, &piece) {
                continue;
            }
            let Some(other) = self.lift(slot) else { continue };
            piece = match piece.join(other) {
                Ok(joined) => joined,
                Err((same, other)) => {
                    self.lay(other, unmap);
                    same
                }
            };
        }
        piece
    }

    /// Hands over `excess` bytes of what waits, or all.
    pub(crate) fn shed(&self, excess: u64, unmap: &impl Fn(Piece)) {
        let page = machine::page_size();
        let mut left = usize::try_from(excess).unwrap_or(usize::MAX).checked_next_multiple_of(page);
        for slot in 0..SLOT_COUNT {
            if left == Some(0) {
                break;
            }
            let Some(piece) = self.lift(slot) else { continue };
            let most = left.unwrap_or(usize::MAX);
            let tail = match piece.bytes.saturating_sub(most) {
                stays if stays < LEAST_BYTES => piece,
                stays => {
                    let cut = piece.cut_behind(stays);
                    let (stays, tail) = piece.cut(cut);
                    self.lay(stays, unmap);
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

    /// Hands over what `which` says of what waits; whether something still waits.
    pub(crate) fn age(&self, which: Which, unmap: &impl Fn(Piece)) -> bool {
        let excess = match which {
            Which::Nothing => 0,
            Which::Idle => self.unneeded.lately(),
            Which::All => u64::MAX,
        };
        self.shed(excess, unmap);
        self.unneeded.turn(self.kept_bytes());
        // Not the count of bytes: a child of fork may have one of a piece that another thread had in hand, and there would be passes for ever.
        self.starts().any(|start| !start.is_null())
    }

    /// Bytes that wait for reuse.
    pub(crate) fn kept_bytes(&self) -> u64 {
        // Relaxed: a statistic, and a bound that a few threads at once may exceed.
        self.kept_bytes.load(Relaxed)
    }

    /// The tightest piece with room for `need`; failing that, the roomiest.
    fn best_slot(&self, need: usize) -> Option<usize> {
        let rooms = || {
            let pieces =
                self.starts().zip(&self.sizes).enumerate().filter(|(_, (start, _))| !start.is_null());
            pieces.map(|(slot, (start, size))| (room(start.addr(), size.get() as usize), slot))
        };
        let tightest = rooms().filter(|(room, _)| *room >= need).min();
        let best = tightest.or_else(|| rooms().max())?;
        (best.0 >= LEAST_BYTES).then_some(best.1)
    }

    /// Where the pieces begin, slot by slot; null: no piece.
    fn starts(&self) -> impl Iterator<Item = *mut u8> {
        // Relaxed: hints; nobody follows them.
        self.slots.iter().map(|slot| slot.load(Relaxed).cast())
    }

    fn seems_next_to(&self, slot: usize, piece: &Piece) -> bool {
        // Relaxed: a hint; `join` looks at the piece itself.
        let start = self.slots[slot].load(Relaxed).cast::<u8>();
        !start.is_null()
            && (start == piece.end()
                || start.wrapping_byte_add(self.sizes[slot].get() as usize) == piece.start.as_ptr())
    }

    /// Puts a piece into an empty slot; hands it over if there is none, or if it is not worth one.
    fn lay(&self, piece: Piece, unmap: &impl Fn(Piece)) {
        if piece.bytes >= LEAST_BYTES {
            let place = piece.start.cast::<Laid>();
            // SAFETY: the piece is ours, writable, and starts at a page.
            unsafe { place.write(Laid { bytes: piece.bytes, mapping: piece.mapping }) };
            for (slot, size) in self.slots.iter().zip(&self.sizes) {
                // Release (HUGE_LAY): publishes the piece and the end of its use; pairs with Acquire in huge_shelf.rs::lift.
                // Relaxed on failure: another slot is tried.
                if slot.load(Relaxed).is_null()
                    && slot.compare_exchange(core::ptr::null_mut(), place.as_ptr(), HUGE_LAY, Relaxed).is_ok()
                {
                    // It goes stale when another thread uses the slot at the same time; `lift` reads the piece itself.
                    size.set(piece.bytes as u64);
                    return;
                }
            }
        }
        self.discount(piece.bytes);
        unmap(piece);
    }

    /// Takes what lies in a slot.
    fn lift(&self, slot: usize) -> Option<Piece> {
        // Relaxed: a hint; most slots are empty.
        if self.slots[slot].load(Relaxed).is_null() {
            return None;
        }
        // Set before the swap, so that a piece that is laid afterwards keeps its size.
        self.sizes[slot].set(0);
        // Acquire (HUGE_LIFT): sees the piece and the end of its use; pairs with Release in huge_shelf.rs::lay.
        let place = NonNull::new(self.slots[slot].swap(core::ptr::null_mut(), HUGE_LIFT))?;
        // SAFETY: ours since it left its slot (I1), where `lay` put it after writing this.
        let Laid { bytes, mapping } = unsafe { place.read() };
        Some(Piece { start: place.cast(), bytes, mapping })
    }

    /// So many bytes wait no longer, since somebody needed them (I2).
    fn discount(&self, bytes: usize) {
        // Relaxed: a sum.
        let before = self.kept_bytes.fetch_sub(bytes as u64, Relaxed);
        self.unneeded.note(before.saturating_sub(bytes as u64));
    }
}

/// Cuts off what lies behind the first `need` bytes, unless it is little.
fn cut_generously(piece: Piece, need: usize) -> (Piece, Option<Piece>) {
    let need = piece.cut_behind(need);
    let rest = piece.bytes.saturating_sub(need);
    if rest < LEAST_BYTES || rest < need / LITTLE { (piece, None) } else { piece.cut(need) }
}

#[cfg(all(test, not(strata_loom)))]
#[path = "huge_shelf_tests.rs"]
mod tests;
