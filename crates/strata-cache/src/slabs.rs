//! Slots for caches, 16 in a slab; slabs make a tree, so that the search for a free slot takes as many steps as the tree is deep.
//!
//! ```text
//!   slab 0 ─┬─ slab 1 ─┬─ slab 65       slab n leads to slabs 64 n + 1 to 64 n + 64:
//!           ├─ slab 2  ├─ slab 66       16 caches at depth 1, 1,040 at 2, 66,576 at 3
//!           ┆          ┆
//! ```
//!
//! | place   | who may leave it | to        | by          | what becomes visible        |
//! |---------|------------------|-----------|-------------|-----------------------------|
//! | empty   | its maker        | published | CAS Release | the slab and its free slots |
//! | published | none           |           |             |                             |
//!
//! I1  Slabs have numbers without gaps, and are never unmapped: a racy read of a cache that was just left is harmless.
//! I2  A slab's hints say which of the slabs that it leads to have a free slot, or lead to one. A quiet tree misses nothing: a thread
//!     that frees the first slot of a slab raises the bits above it, and one that clears a bit reads below once more (`summary.rs` I1).
//!     A slab that was just added may be missed, so the newest is tried besides.
//!
//! Does not know: what a cache is for. Model: `loom-tests/tests/p11_registry_slab.rs`; mutants `slot_without_its_hint`,
//! `slot_hint_without_its_word`.

use crate::cache::Cache;
use core::mem::offset_of;
use core::ptr::NonNull;
use strata_core::arena::{PoolBits, Summary};
use strata_core::masks::bits_of;
use strata_core::sync::mutation::{PUBLISH, PUBLISH_READ, SLOT_HINTS_REACH_THE_ROOT, SLOTS_ARE_HINTED};
use strata_core::sync::{AtomicPtr, Ordering::Relaxed, init_fresh};
use strata_os::{machine, memory};

/// Caches in a slab: half a megabyte of addresses, all of which counts towards a limit although few programs touch more than a page.
pub(crate) const CACHES_PER_SLAB: usize = if cfg!(strata_loom) { 2 } else { 16 };
/// Slabs to which one leads; in models they make a chain.
pub(crate) const FAN: usize = if cfg!(strata_loom) { 1 } else { 64 };
/// Bits of a slab's number.
const NUMBER_BITS: u32 = if cfg!(strata_loom) { 3 } else { 20 };
/// Slabs, at most: for 17 million caches.
const MOST_SLABS: usize = if cfg!(strata_loom) { 4 } else { (1 << NUMBER_BITS) - 1 };

type Place = AtomicPtr<Slab>;

/// The words and the first cache are the first page of a slab; few programs touch more than that.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Slab {
    /// Free slots.
    pub(crate) free: PoolBits,
    /// Slots of threads that a fork left behind (`fork`).
    pub(crate) orphans: PoolBits,
    /// Which of `next` have a free slot, or lead to one.
    below: Summary,
    pub(crate) caches: [Cache; CACHES_PER_SLAB],
    /// The slabs to which this one leads.
    pub(crate) next: [Place; FAN],
}

impl Slab {
    /// Makes fresh memory a slab of empty caches, part by part: in models, a whole one is more than a stack holds.
    ///
    /// # Safety
    /// - `place` is aligned, zero, and the caller's; an empty cache, no free bit and no next slab are all-zero bytes.
    unsafe fn init_fresh(place: NonNull<Self>) {
        let part = |offset: usize| {
            // SAFETY: within the slab.
            unsafe { place.byte_add(offset) }
        };
        // SAFETY: `place` is aligned, zero and the caller's, by this function's contract.
        unsafe { init_fresh(part(offset_of!(Self, free)).cast(), PoolBits::none) };
        // SAFETY: within the slab, zero, and the caller's.
        unsafe { init_fresh(part(offset_of!(Self, orphans)).cast(), PoolBits::none) };
        // SAFETY: within the slab, zero, and the caller's.
        unsafe { init_fresh(part(offset_of!(Self, below)).cast(), Summary::none) };
        for index in 0..CACHES_PER_SLAB {
            let offset = offset_of!(Self, caches) + index * size_of::<Cache>();
            // SAFETY: within the slab, zero, and the caller's.
            unsafe { init_fresh(part(offset).cast(), Cache::new) };
        }
        for index in 0..FAN {
            let offset = offset_of!(Self, next) + index * size_of::<Place>();
            // SAFETY: within the slab, zero, and the caller's.
            unsafe { init_fresh(part(offset).cast(), || Place::new(core::ptr::null_mut())) };
        }
    }

    /// Claims the lowest free slot of this slab, whose number is `number`.
    fn claim(&'static self, number: usize) -> Option<&'static Cache> {
        let slot = self.free.claim_lowest()? as usize;
        let cache = self.caches.get(slot)?;
        cache.slot.set((number * CACHES_PER_SLAB + slot) as u32);
        Some(cache)
    }

    /// Whether there is no free slot here, nor a hint to one.
    fn is_full(&self) -> bool {
        self.free.glance() == 0 && self.below.hints() == 0
    }

    fn bytes() -> usize {
        size_of::<Self>().next_multiple_of(machine::page_size())
    }
}

/// The slab that leads to slab `number`, and which of those it leads to that one is.
const fn above(number: usize) -> Option<(usize, usize)> {
    match number.checked_sub(1) {
        Some(index) => Some((index / FAN, index % FAN)),
        None => None,
    }
}

/// All slabs.
#[derive(Debug)]
pub(crate) struct Slabs {
    pub(crate) first: Place,
}

impl Slabs {
    strata_core::const_unless_loom! {
        /// None.
        pub(crate) fn new() -> Self {
            Self { first: Place::new(core::ptr::null_mut()) }
        }
    }

    /// Claims a free slot, one of slab 0 if there is any; without one, adds a slab. `None`: there is no memory for it.
    pub(crate) fn claim(&self) -> Option<&'static Cache> {
        loop {
            let Some(first) = self.get(0) else {
                self.add(0)?;
                continue;
            };
            let found = Self::claim_from(first, 0).or_else(|| self.claim_newest());
            if found.is_some() {
                return found;
            }
            self.add(self.count())?;
        }
    }

    /// The same in the newest slab, to which no hint may lead yet (I2).
    fn claim_newest(&self) -> Option<&'static Cache> {
        let newest = self.count().checked_sub(1)?;
        self.get(newest)?.claim(newest)
    }

    /// Claims the lowest free slot of slab `number`, or of one that it leads to.
    fn claim_from(slab: &'static Slab, number: usize) -> Option<&'static Cache> {
        slab.claim(number).or_else(|| {
            for bit in bits_of(slab.below.hints()) {
                let below = Self::at(slab.next.get(bit as usize)?)?;
                let found = Self::claim_from(below, number * FAN + 1 + bit as usize);
                if found.is_some() {
                    return found;
                }
                slab.below.clear_if(bit, || below.is_full());
            }
            None
        })
    }

    /// Frees the slot of a cache.
    pub(crate) fn release(&self, cache: &'static Cache) {
        let (number, bit) = self.slot_of(cache);
        let Some(slab) = self.get(number) else {
            debug_assert!(false, "a cache of a slab that there is not");
            return;
        };
        if slab.free.release(1 << bit) == 0 && SLOTS_ARE_HINTED {
            self.raise_above(number);
        }
    }

    /// The slab and the slot of a cache.
    fn slot_of(&self, cache: &Cache) -> (usize, usize) {
        let slot = cache.slot.get() as usize;
        (slot / CACHES_PER_SLAB, slot % CACHES_PER_SLAB)
    }

    /// Slab `number` has a free slot, or leads to one.
    fn raise_above(&self, mut number: usize) {
        while let Some((parent, bit)) = above(number) {
            let Some(slab) = self.get(parent) else { return };
            if slab.below.raise(bit as u32) != 0 || !SLOT_HINTS_REACH_THE_ROOT {
                return;
            }
            number = parent;
        }
    }

    /// Where slab `number` is to be, or is.
    fn place(&self, number: usize) -> Option<&Place> {
        match above(number) {
            None => Some(&self.first),
            Some((parent, index)) => self.get(parent)?.next.get(index),
        }
    }

    /// Slab `number`, if there is one.
    fn get(&self, number: usize) -> Option<&'static Slab> {
        Self::at(self.place(number)?)
    }

    /// The slab at a place, if there is one.
    fn at(place: &Place) -> Option<&'static Slab> {
        // Acquire (PUBLISH_READ): sees the complete slab; pairs with Release in slabs.rs::add.
        let slab = place.load(PUBLISH_READ);
        // SAFETY: a published slab is never unmapped (I1).
        unsafe { slab.as_ref() }
    }

    /// How many slabs there are: a search by halves.
    fn count(&self) -> usize {
        (0..NUMBER_BITS).rev().fold(0, |count, bit| {
            let more = count + (1 << bit);
            if self.get(more - 1).is_some() { more } else { count }
        })
    }

    /// Makes slab `number`, the first that there was not, unless another thread is faster. `None`: no memory.
    #[cold]
    fn add(&self, number: usize) -> Option<()> {
        if number == MOST_SLABS {
            return None;
        }
        let (place, bytes) = (self.place(number)?, Slab::bytes());
        let fresh = memory::map(bytes, align_of::<Slab>())?;
        let slab = fresh.cast::<Slab>();
        // SAFETY: mapped just now, zero, ours.
        unsafe { Slab::init_fresh(slab) };
        // SAFETY: ours, initialised.
        unsafe { slab.as_ref() }.free.release(u64::MAX >> (64 - CACHES_PER_SLAB));
        // Release (PUBLISH): carries the complete slab; pairs with Acquire in slabs.rs::at.
        if place.compare_exchange(core::ptr::null_mut(), slab.as_ptr(), PUBLISH, Relaxed).is_err() {
            // SAFETY: it was never published.
            unsafe { memory::release(fresh, bytes) };
        }
        self.raise_above(number);
        Some(())
    }

    /// All slabs, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'static Slab> {
        (0..MOST_SLABS).map_while(|number| self.get(number))
    }

    /// Gives all slabs back, in models.
    ///
    /// # Safety
    /// - None of their caches is used again.
    #[cfg(strata_loom)]
    pub(crate) unsafe fn dismantle(&self) {
        for slab in (0..self.count()).rev().filter_map(|number| self.get(number)) {
            // SAFETY: mapped by `add`, and not used again; those that it led to are gone.
            unsafe { memory::release(NonNull::from(slab).cast(), Slab::bytes()) };
        }
    }
}

#[cfg(all(test, not(strata_loom)))]
#[path = "slabs_tests.rs"]
mod tests;
