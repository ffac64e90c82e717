//! All segments by number, and which of them may have what is wanted. It grows, and a search costs the same however many there are.
//!
//! ```text
//!   chunk 0, in the page heap      64 slots │ a tree of hints for each kind
//!   chunk 1, mapped when wanted  4096 slots │ the same, a level deeper
//!   chunk 2                    64 × 4096 …  │
//!   chunk 3                    64 × 64 × 4096    16.9 million segments in all: 4 PiB of full-size ones
//! ```
//!
//! | slot      | who may leave it | to        | by          | what becomes visible       |
//! |-----------|------------------|-----------|-------------|----------------------------|
//! | empty     | its maker        | published | CAS Release | the segment and its arenas |
//! | published | none             |           |             |                            |
//!
//! I1  Slots fill from the front and never empty, so a reader stops at the first empty one, or at the first chunk that is not there.
//! I2  A segment is complete before it is published, and is never unmapped afterwards. Nor is a chunk.
//! I3  A segment that has something of a kind is raised among its hints once it is published, and by any thread that gives it some when
//!     it had none. So no search along the hints misses anything for good.
//!
//! Does not know: pools. Models: `loom-tests/tests/p10_publication.rs`, `loom-tests/tests/p25_index.rs`.

use crate::segments::hints::{FAN, FAN_SHIFT, Hints, words_of};
use crate::segments::segment::Segment;
use core::ptr::NonNull;
use strata_core::arena::Summary;
use strata_core::layout::MOST_CLAIMED_POOLS;
use strata_core::masks::bits_of;
use strata_core::size_class::{CLASS_COUNT, SizeClass};
use strata_core::sync::mutation::{PUBLISH, PUBLISH_EXCHANGES, PUBLISH_READ};
use strata_core::sync::{
    AtomicPtr, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, init_fresh,
};
use strata_os::{machine, memory};

pub(crate) const CHUNKS: usize = if cfg!(strata_loom) { 2 } else { 4 };

/// What a segment may have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Arenas with free pools.
    Open,
    /// Arenas with so many free pools side by side, 2 to [`MOST_CLAIMED_POOLS`].
    Run(u32),
    /// Arenas that are reserved, or whose addresses were given back.
    Roomy,
    /// Arenas in which pools of a class were published.
    Abandoned(SizeClass),
}

/// Kinds of which each chunk has a tree.
const COMMON_KINDS: usize = 2 + CLASS_COUNT;
/// The same for chunks but the first, which is small, and on the page that each start touches (decision 0016).
const KINDS: usize = COMMON_KINDS + MOST_CLAIMED_POOLS - 1;

impl Kind {
    /// Neighbouring free pools.
    pub(crate) const fn pools(pools: u32) -> Self {
        if pools == 1 { Self::Open } else { Self::Run(pools) }
    }

    fn number(self) -> usize {
        match self {
            Self::Open => 0,
            Self::Roomy => 1,
            Self::Abandoned(class) => 2 + class.index(),
            Self::Run(pools) => COMMON_KINDS + pools as usize - 2,
        }
    }
}

pub(super) type Slot = AtomicPtr<Segment>;

/// The index.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Index {
    /// The number of published segments, or a few more.
    published: AtomicU64,
    pub(crate) more: [AtomicPtr<Slot>; CHUNKS - 1],
    hints: [Summary; COMMON_KINDS],
    pub(crate) slots: [Slot; FAN],
}

/// Slots, and the trees behind them.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    slots: NonNull<Slot>,
    trees: NonNull<Summary>,
    /// The depth of its trees.
    depth: u32,
}

impl Chunk {
    const fn slot_count(depth: u32) -> usize {
        1 << (depth * FAN_SHIFT)
    }

    /// The slots of all smaller chunks.
    const fn first_number(depth: u32) -> usize {
        (Self::slot_count(depth) - FAN) / (FAN - 1)
    }

    fn bytes(depth: u32) -> usize {
        let slots = Self::slot_count(depth) * size_of::<Slot>();
        let trees = KINDS * words_of(depth) * size_of::<Summary>();
        (slots + trees).next_multiple_of(machine::page_size())
    }

    /// The chunk of this depth whose slots lie at `slots`.
    ///
    /// # Safety
    /// - It was initialised, or is about to be.
    unsafe fn at(slots: NonNull<Slot>, depth: u32) -> Self {
        // SAFETY: behind the slots, within the chunk.
        let trees = unsafe { slots.add(Self::slot_count(depth)) }.cast();
        Self { slots, trees, depth }
    }

    fn slot(&self, index: usize) -> &'static Slot {
        debug_assert!(index < Self::slot_count(self.depth));
        // SAFETY: within the chunk.
        let slot = unsafe { self.slots.add(index) };
        // SAFETY: initialised, and never unmapped (I2).
        unsafe { slot.as_ref() }
    }

    /// The segment in a slot, if one is published there.
    #[inline]
    fn segment(&self, index: usize) -> Option<&'static Segment> {
        // Acquire (PUBLISH_READ): sees the complete segment (I2); pairs with Release in index.rs::publish_at.
        let segment = self.slot(index).load(PUBLISH_READ);
        // SAFETY: a published segment is never unmapped (I2).
        unsafe { segment.as_ref() }
    }

    /// What is published in each slot.
    fn segments(self) -> impl Iterator<Item = Option<&'static Segment>> {
        (0..Self::slot_count(self.depth)).map(move |index| self.segment(index))
    }

    /// Whether there is a tree of this kind: of runs, in all chunks but the first.
    fn has_tree(&self, kind: Kind) -> bool {
        self.depth > 1 || kind.number() < COMMON_KINDS
    }

    /// The kind whose tree leads to what is wanted: without one of runs, these are searched for wherever there are free pools.
    fn nearest(&self, kind: Kind) -> Kind {
        if self.has_tree(kind) { kind } else { Kind::Open }
    }

    fn hints(&self, kind: Kind) -> Hints {
        debug_assert!(self.has_tree(kind));
        // SAFETY: a tree for each kind, one behind the other.
        let words = unsafe { self.trees.add(kind.number() * words_of(self.depth)) };
        // SAFETY: initialised, and never unmapped (I2).
        unsafe { Hints::at(words, self.depth) }
    }

    /// # Safety
    /// - The memory is fresh, zero, as much as `bytes` says, and the caller's.
    unsafe fn init_fresh(slots: NonNull<Slot>, depth: u32) {
        for index in 0..Self::slot_count(depth) {
            // SAFETY: within the chunk.
            let slot = unsafe { slots.add(index) };
            // SAFETY: within the chunk.
            unsafe { init_fresh(slot, || AtomicPtr::new(core::ptr::null_mut())) };
        }
        // SAFETY: fresh, zero and the caller's, by this function's contract.
        let chunk = unsafe { Self::at(slots, depth) };
        for kind in 0..KINDS {
            // SAFETY: within the chunk.
            let words = unsafe { chunk.trees.add(kind * words_of(depth)) };
            // SAFETY: within the chunk.
            unsafe { Hints::init_fresh(words, depth) };
        }
    }
}

impl Index {
    strata_core::const_unless_loom! {
        /// No segment.
        pub(crate) fn new() -> Self {
            Self {
                published: AtomicU64::new(0),
                more: strata_core::each_slot!(AtomicPtr::new(core::ptr::null_mut()); { CHUNKS - 1 }),
                hints: strata_core::each_slot!(Summary::none(); COMMON_KINDS),
                slots: strata_core::each_slot!(AtomicPtr::new(core::ptr::null_mut()); FAN),
            }
        }
    }

    fn first_chunk(&self) -> Chunk {
        Chunk { slots: NonNull::from(&self.slots).cast(), trees: NonNull::from(&self.hints).cast(), depth: 1 }
    }

    /// The chunk of this depth, if it exists.
    fn chunk(&self, depth: u32) -> Option<Chunk> {
        if depth == 1 {
            return Some(self.first_chunk());
        }
        // Acquire (PUBLISH_READ): sees the initialised chunk; pairs with Release in index.rs::chunk_or_new.
        let slots = NonNull::new(self.more.get(depth as usize - 2)?.load(PUBLISH_READ))?;
        // SAFETY: published, so initialised.
        Some(unsafe { Chunk::at(slots, depth) })
    }

    fn chunks(&self) -> impl Iterator<Item = Chunk> {
        (1..).map_while(|depth| self.chunk(depth))
    }

    /// The same; it is made if it does not exist. `None`: no memory, or there are no more chunks.
    fn chunk_or_new(&self, depth: u32) -> Option<Chunk> {
        if let Some(chunk) = self.chunk(depth) {
            return Some(chunk);
        }
        let place = self.more.get(depth as usize - 2)?;
        let bytes = Chunk::bytes(depth);
        let fresh = memory::map(bytes, machine::page_size())?;
        // SAFETY: mapped just now, zero, ours.
        unsafe { Chunk::init_fresh(fresh.cast(), depth) };
        // Release (PUBLISH): carries the initialised chunk; pairs with Acquire in index.rs::chunk. Relaxed on failure: the winner's
        // is read again.
        if place.compare_exchange(core::ptr::null_mut(), fresh.as_ptr().cast(), PUBLISH, Relaxed).is_err() {
            // SAFETY: mapped above, and not published.
            unsafe { memory::release(fresh, bytes) };
        }
        self.chunk(depth)
    }

    /// The chunk in which segment `number` is, and its slot there.
    fn place_of(number: usize) -> (u32, usize) {
        let mut depth = 1;
        while number >= Chunk::first_number(depth + 1) {
            depth += 1;
        }
        (depth, number - Chunk::first_number(depth))
    }

    /// All published segments, oldest first.
    pub(super) fn segments(&self) -> impl Iterator<Item = &'static Segment> {
        self.chunks().flat_map(Chunk::segments).map_while(|segment| segment)
    }

    /// The first number that no segment has.
    pub(super) fn next_number(&self) -> usize {
        // Acquire: sees all segments before that number, in order (I1); pairs with Release in index.rs::publish_at.
        let mut number = self.published.load(Acquire) as usize;
        while self.get(number).is_some() {
            number += 1;
        }
        number
    }

    #[inline(never)]
    fn get(&self, number: usize) -> Option<&'static Segment> {
        let (depth, slot) = Self::place_of(number);
        self.chunk(depth)?.segment(slot)
    }

    /// Makes sure that there is a slot for this number. `false`: there cannot be one.
    pub(super) fn has_room_for(&self, number: usize) -> bool {
        self.chunk_or_new(Self::place_of(number).0).is_some()
    }

    /// Publishes a segment under this number. `false`: another has it, and this one is unchanged.
    pub(super) fn publish_at(&self, number: usize, segment: &'static Segment) -> bool {
        let (depth, slot) = Self::place_of(number);
        let Some(chunk) = self.chunk_or_new(depth) else { return false };
        segment.set_number(self, number);
        let (slot, place) = (chunk.slot(slot), core::ptr::from_ref(segment).cast_mut());
        if PUBLISH_EXCHANGES {
            // Release (PUBLISH): carries the complete segment (I2); pairs with Acquire in index.rs::segments.
            if slot.compare_exchange(core::ptr::null_mut(), place, PUBLISH, Relaxed).is_err() {
                return false;
            }
        } else {
            slot.store(place, PUBLISH);
        }
        // Release: publishes that all numbers up to this one are taken; pairs with Acquire in index.rs::next_number.
        self.published.store(number as u64 + 1, Release);
        [Kind::Open, Kind::Roomy].into_iter().for_each(|kind| self.raise(kind, number));
        bits_of(segment.runs.hints()).for_each(|pools| self.raise(Kind::Run(pools), number));
        true
    }

    /// The segment of this number has something of this kind now.
    pub(super) fn raise(&self, kind: Kind, number: usize) {
        let (depth, slot) = Self::place_of(number);
        if let Some(chunk) = self.chunk(depth).filter(|chunk| chunk.has_tree(kind)) {
            chunk.hints(kind).raise(slot);
        }
    }

    /// The first answer of `ask` among the segments that may have something of this kind, oldest first.
    pub(super) fn find<T>(
        &self,
        kind: Kind,
        mut ask: impl FnMut(&'static Segment) -> Option<T>,
    ) -> Option<T> {
        let mut found = None;
        self.find_where(kind, &mut |segment| {
            found = ask(segment);
            found.is_some()
        });
        found
    }

    fn find_where(&self, kind: Kind, ask: &mut dyn FnMut(&'static Segment) -> bool) {
        self.chunks().any(|chunk| {
            let kind = chunk.nearest(kind);
            let is_empty = |slot| chunk.segment(slot).is_none_or(|segment| segment.lacks(kind));
            chunk.hints(kind).find(&mut |slot| chunk.segment(slot).is_some_and(&mut *ask), &is_empty)
        });
    }

    /// Gives all chunks back, for models.
    ///
    /// # Safety
    /// - The index, and what came from it, is not used again.
    #[cfg(strata_loom)]
    pub(crate) unsafe fn dismantle(&self) {
        for chunk in self.chunks().skip(1) {
            // SAFETY: mapped by `chunk_or_new`.
            unsafe { memory::release(chunk.slots.cast(), Chunk::bytes(chunk.depth)) };
        }
    }
}

#[cfg(all(test, not(strata_loom)))]
#[path = "index_tests.rs"]
mod tests;
