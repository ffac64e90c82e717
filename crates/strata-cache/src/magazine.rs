//! The blocks of one class that a thread has ready, last in, first out, of whatever pools.
//!
//! ```text
//!   count  limit │ slot 0  slot 1  …  slot count−1 │ …        alloc pops slot count−1
//!                  └ oldest                                   free pushes slot count, if count < limit
//! ```
//!
//! An array, so that a cold block is not touched when it is freed, no link lies in memory that the program may still write to,
//! and a batch is a slice. `limit` is how deep the magazine may become by frees: it starts at nothing, grows by need, and can be
//! cut short at any time. All-zero bytes are a magazine that is both empty and full: pop and push both take the slow path.
//!
//! M1  A block in the magazine of a class is at least as large, and as aligned, as blocks of the class are.
//! M2  `count` and `limit` are at most [`depth_of`] the class.
//! M3  To its pool, a block in a magazine is live.
//!
//! Owner: the thread. Statistics read it racily.
//! Does not know: pools, classes. Decision 0026 compares an array with a list through the blocks.
//! Idea: magazines (Bonwick and Adams 2001); glibc's tcache; tcmalloc.

use core::marker::PhantomData;
use core::ptr::NonNull;
use strata_core::block::BlockPtr;
use strata_core::size_class::SizeClass;
use strata_core::sync::{OwnedPtr, OwnedUsize, PrivateUsize};

/// Slots of a small class's magazine.
pub(crate) const DEPTH: usize = if cfg!(strata_loom) { 2 } else { 64 };
/// Slots of a larger class's.
pub(crate) const LARGE_DEPTH: usize = if cfg!(strata_loom) { 2 } else { 24 };
/// The largest of the small classes.
pub(crate) const LAST_SMALL: SizeClass = SizeClass::of(512);

/// Slots of the magazine of a class.
pub(crate) const fn depth_of(class: SizeClass) -> usize {
    if class.index() <= LAST_SMALL.index() { DEPTH } else { LARGE_DEPTH }
}

/// A magazine as it lies in memory: the slots follow the head.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Storage<const SLOTS: usize> {
    head: Head,
    slots: [OwnedPtr<u8>; SLOTS],
}

#[derive(Debug)]
#[repr(C)]
struct Head {
    count: OwnedUsize,
    limit: PrivateUsize,
}

impl<const SLOTS: usize> Storage<SLOTS> {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                head: Head { count: OwnedUsize::zero(), limit: PrivateUsize::zero() },
                slots: strata_core::each_slot!(OwnedPtr::null(); SLOTS),
            }
        }
    }
}

/// Where a free that is written in assembly, and a reader of another process, find `count`, `limit` and the slots; what they hold are
/// plain words.
pub(crate) const FIELDS: [usize; 3] =
    [core::mem::offset_of!(Head, count), core::mem::offset_of!(Head, limit), size_of::<Head>()];

/// One class's magazine, wherever it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Magazine<'cache> {
    place: NonNull<Head>,
    owner: PhantomData<&'cache Head>,
}

impl<'cache> Magazine<'cache> {
    /// The magazine at `place`.
    ///
    /// # Safety
    /// - A [`Storage`] lies there, of at least [`depth_of`] its class slots, and the pointer may be used for all of it.
    #[inline(always)]
    pub(crate) unsafe fn at(place: NonNull<u8>) -> Self {
        Self { place: place.cast(), owner: PhantomData }
    }

    #[inline(always)]
    fn head(&self) -> &Head {
        // SAFETY: a head lies there.
        unsafe { self.place.as_ref() }
    }

    #[inline(always)]
    fn slot(&self, index: usize) -> &OwnedPtr<u8> {
        debug_assert!(index < DEPTH);
        // SAFETY: the slots follow the head.
        let slots = unsafe { self.place.byte_add(size_of::<Head>()) }.cast::<OwnedPtr<u8>>();
        // SAFETY: a slot of the storage, since `index` is below the depth (M2).
        unsafe { &*slots.as_ptr().wrapping_add(index) }
    }

    /// Takes the block that was put last.
    #[inline(always)]
    pub(crate) fn pop(&self) -> Option<BlockPtr> {
        let left = self.head().count.get().wrapping_sub(1);
        // The sign of the remaining count is tested, since LLVM turns every other test for empty into a comparison before the subtraction:
        // one instruction more.
        if left.cast_signed() < 0 {
            return None;
        }
        self.head().count.set(left);
        // SAFETY: slots below `count` hold blocks.
        let block = unsafe { NonNull::new_unchecked(self.slot(as_it_is(left)).get()) };
        Some(BlockPtr::from_address(block))
    }

    /// Puts a block, if the limit allows it. Returns whether it did.
    ///
    /// # Safety
    /// - The caller owns the magazine and the block, which is one for its class (M1).
    #[inline(always)]
    pub(crate) unsafe fn push(&self, block: BlockPtr) -> bool {
        let count = self.head().count.get();
        // SAFETY: the owner's.
        if count >= unsafe { self.head().limit.get() } {
            return false;
        }
        self.slot(count).set(block.as_non_null().as_ptr());
        self.head().count.set(count + 1);
        true
    }

    /// Blocks in it.
    #[inline]
    pub(crate) fn count(&self) -> u32 {
        self.head().count.get() as u32
    }

    /// How deep it may become by frees.
    ///
    /// # Safety
    /// - The caller owns the magazine.
    #[inline]
    pub(crate) unsafe fn limit(&self) -> u32 {
        // SAFETY: plain words that only the owner writes, by this function's contract.
        unsafe { self.head().limit.get() as u32 }
    }

    /// Changes how deep it may become by frees; what is in it stays.
    ///
    /// # Safety
    /// - The caller owns the magazine.
    pub(crate) unsafe fn set_limit(&self, limit: u32) {
        debug_assert!(limit as usize <= DEPTH);
        // SAFETY: plain words that only the owner accesses, by this function's contract.
        unsafe { self.head().limit.set(limit as usize) };
    }

    /// The blocks from place `first` on, oldest first, up to `wanted` of them; they stay where they are.
    pub(crate) fn blocks_from(self, first: u32, wanted: u32) -> impl Iterator<Item = BlockPtr> {
        let end = (first as usize + wanted as usize).min(self.head().count.get());
        (first as usize..end).map(move |index| BlockPtr::from_address(self.block_in(index)))
    }

    /// Removes `count` of the oldest blocks, which were given back.
    pub(crate) fn forget_oldest(self, wanted: u32) {
        let count = self.head().count.get();
        let gone = (wanted as usize).min(count);
        (gone..count).for_each(|index| self.slot(index - gone).set(self.slot(index).get()));
        self.head().count.set(count - gone);
    }

    /// Fills the empty magazine with the newest blocks of another, which has that many. Those that have marks are
    /// told.
    #[cfg(not(strata_loom))]
    #[inline(always)]
    pub(crate) fn fill_with_newest(
        self,
        other: Self,
        count: u32,
        marks: impl Fn(NonNull<u8>) -> u8,
        tell: impl Fn(NonNull<u8>),
    ) {
        debug_assert!(self.head().count.get() == 0 && count <= other.count());
        let count = count as usize;
        let left = other.head().count.get() - count;
        let take = |index: usize| {
            let block = other.block_in(left + index);
            self.slot(index).set(block.as_ptr());
            marks(block)
        };
        by_four(count, take, |index| tell(self.block_in(index)));
        other.head().count.set(left);
        self.head().count.set(count);
    }

    /// Of the oldest blocks, up to `wanted` of them, those that have marks are told.
    #[cfg(not(strata_loom))]
    #[inline(always)]
    pub(crate) fn search_oldest(
        self,
        wanted: u32,
        marks: impl Fn(NonNull<u8>) -> u8,
        tell: impl Fn(NonNull<u8>),
    ) {
        let count = (wanted as usize).min(self.head().count.get());
        by_four(count, |index| marks(self.block_in(index)), |index| tell(self.block_in(index)));
    }

    /// What is in a slot that holds a block.
    #[inline(always)]
    fn block_in(&self, index: usize) -> NonNull<u8> {
        // SAFETY: slots below `count` hold blocks, and callers ask for no other.
        unsafe { NonNull::new_unchecked(self.slot(index).get()) }
    }

    /// A way to fill the empty magazine with up to `wanted` blocks, of which the first is popped first.
    pub(crate) fn filler(self, wanted: u32) -> Filler<'cache> {
        debug_assert_eq!(self.head().count.get(), 0);
        Filler { magazine: self, free: wanted as usize }
    }

    /// The blocks that seem to be in it: a racy read.
    pub(crate) fn glance(self, depth: usize) -> impl Iterator<Item = NonNull<u8>> {
        let count = self.head().count.glance().min(depth);
        (0..count).filter_map(move |index| NonNull::new(self.slot(index).glance()))
    }
}

/// Asks at `count` places for marks, four at a time, and tells where there are some: so that the loop itself costs little.
#[cfg(not(strata_loom))]
#[inline(always)]
fn by_four(count: usize, marks: impl Fn(usize) -> u8, tell: impl Fn(usize)) {
    let tell_if_marked = |index: usize| {
        if marks(index) != 0 {
            tell(index);
        }
    };
    let mut index = 0;
    while index + 4 <= count {
        if marks(index) | marks(index + 1) | marks(index + 2) | marks(index + 3) != 0 {
            (index..index + 4).for_each(tell_if_marked);
        }
        index += 4;
    }
    (index..count).for_each(tell_if_marked);
}

/// The same number, of whose origin the compiler knows nothing: otherwise LLVM would index by the number before the subtraction,
/// and copy it for that: one instruction more in every allocation.
#[cfg(all(target_arch = "x86_64", not(any(miri, strata_loom))))]
#[inline(always)]
fn as_it_is(number: usize) -> usize {
    let same: usize;
    // SAFETY: no instruction at all.
    unsafe {
        core::arch::asm!("/* {0} */", inlateout(reg) number => same, options(pure, nomem, nostack, preserves_flags));
    }
    same
}

#[cfg(not(all(target_arch = "x86_64", not(any(miri, strata_loom)))))]
#[inline(always)]
fn as_it_is(number: usize) -> usize {
    number
}

/// An empty magazine that is being filled, from the top down.
#[derive(Debug)]
pub(crate) struct Filler<'magazine> {
    magazine: Magazine<'magazine>,
    free: usize,
}

impl Filler<'_> {
    /// Blocks that are still wanted.
    pub(crate) fn wanted(&self) -> u32 {
        self.free as u32
    }

    /// Puts a block below the others.
    pub(crate) fn put(&mut self, block: BlockPtr) {
        if let Some(next) = self.free.checked_sub(1) {
            self.magazine.slot(next).set(block.as_non_null().as_ptr());
            self.free = next;
        }
    }

    /// Makes the blocks that were put the magazine's, and returns their number. `wanted` is what the filler was made with.
    pub(crate) fn finish(self, wanted: u32) -> u32 {
        let count = wanted as usize - self.free;
        if self.free != 0 {
            (0..count).for_each(|index| {
                self.magazine.slot(index).set(self.magazine.slot(index + self.free).get());
            });
        }
        self.magazine.head().count.set(count);
        count as u32
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn block(number: usize) -> BlockPtr {
        BlockPtr::from_address(NonNull::new(core::ptr::without_provenance_mut(number << 4)).unwrap())
    }

    fn empty() -> Magazine<'static> {
        let storage: &'static Storage<DEPTH> = std::boxed::Box::leak(std::boxed::Box::new(Storage::new()));
        // SAFETY: a storage lies there.
        unsafe { Magazine::at(NonNull::from(storage).cast()) }
    }

    fn magazine(limit: u32, blocks: core::ops::RangeInclusive<usize>) -> Magazine<'static> {
        let magazine = empty();
        // SAFETY: the magazine is this test's.
        unsafe { magazine.set_limit(limit) };
        // SAFETY: the magazine is this test's; the blocks are never dereferenced.
        blocks.for_each(|number| assert!(unsafe { magazine.push(block(number)) }));
        magazine
    }

    #[test]
    fn what_is_put_last_is_taken_first_and_the_limit_holds() {
        let magazine = magazine(3, 1..=3);
        // SAFETY: the magazine is this test's.
        assert!(!unsafe { magazine.push(block(4)) });
        let taken: Vec<_> = core::iter::from_fn(|| magazine.pop()).collect();
        assert_eq!(taken, [block(3), block(2), block(1)]);
    }

    #[test]
    fn a_zeroed_magazine_is_empty_and_full() {
        let magazine = empty();
        assert_eq!(magazine.pop(), None);
        // SAFETY: the magazine is this test's.
        assert!(!unsafe { magazine.push(block(1)) });
    }

    #[test]
    fn the_oldest_go_first() {
        let magazine = magazine(8, 1..=5);
        let oldest: Vec<_> = magazine.blocks_from(0, 3).collect();
        magazine.forget_oldest(3);
        assert_eq!(oldest, [block(1), block(2), block(3)]);
        assert_eq!([magazine.pop(), magazine.pop(), magazine.pop()], [Some(block(5)), Some(block(4)), None]);
    }

    #[test]
    fn what_is_filled_first_is_taken_first_however_much_was_wanted() {
        for wanted in [2, 3, 9] {
            let magazine = empty();
            let mut filler = magazine.filler(wanted);
            filler.put(block(1));
            filler.put(block(2));
            assert_eq!(filler.wanted(), wanted - 2);
            assert_eq!(filler.finish(wanted), 2);
            assert_eq!(
                [magazine.pop(), magazine.pop(), magazine.pop()],
                [Some(block(1)), Some(block(2)), None]
            );
        }
    }
}
