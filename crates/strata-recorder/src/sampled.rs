//! The sampled blocks that the program has: a set of addresses without locks, and the filter that every free asks while profiling is on.
//!
//! ```text
//!   address ──hash──► bucket │ tags: 8 bytes           │ blocks: 8 addresses, a cache line
//!                            │ 00 3f 00 a1 00 00 00 00 │      …
//!                               └ 0: empty, else 8 bits more of the hash
//! ```
//!
//! | a slot is | changed by                      | to    | by                                                |
//! |-----------|---------------------------------|-------|---------------------------------------------------|
//! | empty     | a thread with a sample          | taken | `insert`: tag by CAS Acquire, then the address    |
//! | taken     | the thread that frees the block | empty | `remove`: address zeroed, then tag by AND Release |
//!
//! Nearly every free is of a block that the filter excludes. With a thousand samples, which at the default rate stand for 512 MiB, one free
//! in nine has to look at the tags, and one of these in 120 compares an address in vain.
//!
//! S1  Only the holder of a block (a thread that allocates it, then the program, then a thread that frees it) inserts, finds
//!     or removes its address. So an address that is there is found: the program's own ordering carries it.
//! S2  The address of an empty slot is 0, so a slot that is being taken matches no address that was in it before.
//! S3  What a listener keeps for a slot belongs to the thread that took the slot, until the tag is cleared.
//!
//! Does not know: what a sample is. Model: `loom-tests/tests/p28_sampled.rs`. Idea: tags in a word (Swiss tables, Benzaquen et al. 2017).

use strata_cache::profile::{Filter, hash};
use strata_core::sync::mutation::{SAMPLE_CLAIM, SAMPLE_ERASES, SAMPLE_RELEASE};
use strata_core::sync::{AtomicU64, Ordering::Relaxed};

/// Slots of a bucket: the bytes of a word.
const BUCKET_SLOTS: usize = 8;
/// Buckets; a bucket that is full loses a sample, of which there are hardly any below two samples a bucket.
const BUCKET_COUNT: usize = 1 << BUCKET_BITS;
/// Bits of a bucket's number: as many as of a place of the filter, which so counts no more than a bucket has.
const BUCKET_BITS: u32 = if cfg!(strata_loom) { 0 } else { 13 };
/// Slots of the set.
pub const SLOT_COUNT: usize = BUCKET_COUNT * BUCKET_SLOTS;
const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = ONES << 7;

/// The set: 584 KiB, of which the kernel has given what was touched. All-zero bytes are the empty set.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Sampled {
    blocks: [AtomicU64; SLOT_COUNT],
    tags: [AtomicU64; BUCKET_COUNT],
    filter: Filter,
}

/// A place in the set that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u32);

impl Slot {
    /// Below [`SLOT_COUNT`].
    #[inline]
    pub fn index(self) -> u32 {
        self.0
    }

    fn bucket(self) -> usize {
        self.0 as usize / BUCKET_SLOTS
    }

    fn tag_bits(self) -> u64 {
        0xff << (8 * (self.0 as usize % BUCKET_SLOTS))
    }
}

/// The bucket and tag of an address.
#[derive(Clone, Copy)]
struct Place {
    bucket: usize,
    tag: u64,
}

impl Place {
    #[inline]
    fn of(address: u64) -> Self {
        let hash = hash(address);
        let bucket = hash.unbounded_shr(u64::BITS - BUCKET_BITS) as usize;
        // Never 0; and in models all addresses collide.
        let tag = if cfg!(strata_loom) { 1 } else { hash >> 40 & 0xff | 1 };
        Self { bucket, tag }
    }

    fn slot(self, byte: u32) -> Slot {
        Slot((self.bucket * BUCKET_SLOTS) as u32 + byte)
    }
}

/// The bytes of `word` that are zero, each by its top bit: exactly, in the lowest; above that perhaps one too many.
#[inline]
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & TOPS
}

impl Sampled {
    strata_core::const_unless_loom! {
        /// The empty set.
        pub fn new() -> Self {
            Self {
                blocks: strata_core::each_slot!(AtomicU64::new(0); SLOT_COUNT),
                tags: strata_core::each_slot!(AtomicU64::new(0); BUCKET_COUNT),
                filter: Filter::new(),
            }
        }
    }

    /// Which addresses may be in the set.
    #[inline]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The tags of a bucket, whose number is below the count of them.
    fn tags(&self, bucket: usize) -> &AtomicU64 {
        &self.tags[bucket % BUCKET_COUNT]
    }

    /// Adds an address that is not in the set. `None`: its bucket is full.
    pub fn insert(&self, address: u64) -> Option<Slot> {
        let place = Place::of(address);
        let tags = self.tags(place.bucket);
        // Relaxed: the exchange below decides.
        let mut word = tags.load(Relaxed);
        loop {
            let empty = zero_bytes(word);
            if empty == 0 {
                return None;
            }
            let slot = place.slot(empty.trailing_zeros() / 8);
            let taken = word | (slot.tag_bits() & (place.tag * ONES));
            // Acquire (SAMPLE_CLAIM): the last holder is done with what it kept for the slot; pairs with Release in sampled.rs::remove.
            match tags.compare_exchange(word, taken, SAMPLE_CLAIM, Relaxed) {
                Ok(_) => {
                    // Relaxed: S1.
                    self.blocks.get(slot.0 as usize)?.store(address, Relaxed);
                    self.filter.add(address);
                    return Some(slot);
                }
                Err(now) => word = now,
            }
        }
    }

    /// The top bit of each byte of a bucket that has a place's tag, perhaps of one more.
    fn matching(&self, place: Place) -> u64 {
        // Relaxed: S1.
        let word = self.tags(place.bucket).load(Relaxed);
        zero_bytes(word ^ (place.tag * ONES))
    }

    /// The slot of an address, if it is in the set.
    pub fn find(&self, address: u64) -> Option<Slot> {
        let place = Place::of(address);
        let mut matching = self.matching(place);
        while matching != 0 {
            let slot = place.slot(matching.trailing_zeros() / 8);
            // Relaxed: S1, S2.
            if self.blocks.get(slot.0 as usize)?.load(Relaxed) == address {
                return Some(slot);
            }
            matching &= matching - 1;
        }
        None
    }

    /// The slots that seem to be taken: a racy read, of the tags only.
    pub fn taken(&self) -> impl Iterator<Item = Slot> {
        let words = (0..).zip(&self.tags).map(|(bucket, tags)| (bucket, tags.load(Relaxed)));
        let buckets = words.filter(|(_, word)| *word != 0);
        buckets.flat_map(|(bucket, word)| {
            let slots = (0..BUCKET_SLOTS).map(move |byte| Slot((bucket * BUCKET_SLOTS + byte) as u32));
            slots.filter(move |slot| word & slot.tag_bits() != 0)
        })
    }

    /// Empties a slot that the caller found; what is kept for it is no longer the caller's.
    pub fn remove(&self, slot: Slot) {
        let Some(block) = self.blocks.get(slot.0 as usize) else { return };
        // Relaxed, here and below: S1, S2; the Release below carries it.
        self.filter.remove(block.load(Relaxed));
        if SAMPLE_ERASES {
            block.store(0, Relaxed);
        }
        // Release (SAMPLE_RELEASE): pairs with Acquire in sampled.rs::insert.
        self.tags(slot.bucket()).fetch_and(!slot.tag_bits(), SAMPLE_RELEASE);
    }
}

impl Default for Sampled {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use std::boxed::Box;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    fn set() -> Box<Sampled> {
        Box::new(Sampled::new())
    }

    #[test]
    fn what_was_put_in_is_found_until_it_is_taken_out() {
        let set = set();
        let addresses: Vec<u64> = (1..5000).map(|number| number * 4112).collect();
        let slots: BTreeMap<_, _> =
            addresses.iter().map(|address| (set.insert(*address).unwrap().index(), *address)).collect();
        assert_eq!(slots.len(), addresses.len());
        for (index, address) in slots {
            let slot = set.find(address).unwrap();
            assert_eq!((slot.index(), set.find(address + 16)), (index, None));
            assert!(set.taken().any(|taken| taken == slot));
            set.remove(slot);
            assert_eq!(set.find(address), None);
        }
        assert_eq!(set.taken().count(), 0);
    }

    #[test]
    fn a_full_bucket_refuses_and_loses_nothing() {
        let set = set();
        let bucket = Place::of(16).bucket;
        let mut there =
            (1..).map(|number| number * 16).filter(|address| Place::of(*address).bucket == bucket);
        let held: Vec<u64> = there.by_ref().take(BUCKET_SLOTS).collect();
        held.iter().for_each(|address| assert!(set.insert(*address).is_some()));
        assert_eq!(set.insert(there.next().unwrap()), None);
        held.iter().for_each(|address| set.remove(set.find(*address).unwrap()));
        assert!(set.insert(held[0]).is_some());
    }

    #[test]
    fn at_two_samples_a_bucket_hardly_any_is_lost() {
        let set = set();
        let lost =
            (0..2 * BUCKET_COUNT as u64).filter(|number| set.insert(number * 524_304).is_none()).count();
        assert!(lost * 1000 < 2 * BUCKET_COUNT, "{lost}");
    }
}
