//! More memory from the operating system: another arena of a segment, addresses that went back, or a new segment.
//!
//! One thread at a time makes a segment (`asking`), and publishes it under the first number that was free when it found that
//! more memory was needed. If another thread has taken that number since, the slower one gives its own segment back and uses the
//! other. One that was made for another reason (`hugetlb`) takes the next number instead.
//!
//! Does not know: pools, classes. Model: `loom-tests/tests/p10_publication.rs`.

use super::Segments;
use super::index::Kind;
use super::numa::Locality;
use super::segment::Segment;
use super::vacancy::TRIES;
use core::ptr::NonNull;
use strata_core::layout::{ARENA_BYTES, ARENAS_PER_SEGMENT, POOLS_PER_ARENA};
use strata_core::sync::Ordering::Relaxed;
use strata_core::sync::mutation::PUBLISH_SKIPS;
use strata_os::machine;

/// A segment takes no more of a limit on addresses than one part in `LIMIT_PART`.
const LIMIT_PART: u64 = 16;

impl Segments<'_> {
    /// Makes memory for at least one more arena's pools available, in an existing segment or a new one, local to the caller.
    ///
    /// `take` is told of the arena before its memory is touched, and says whether it may get huge pages. `false`: the OS refused even
    /// the smallest piece. Another thread may take the memory before the caller does.
    pub(crate) fn take_more(&self, take: &dyn Fn(NonNull<u8>) -> bool) -> bool {
        let locality = self.locality_for_more();
        let add = |segment: &Segment| segment.add_arena(take);
        if self.gets_from(locality, add) || self.gets_again(locality, take) {
            self.count_arenas(1);
            return true;
        }
        self.add_segment(self.index.next_number(), locality, take)
    }

    /// Takes addresses again that were given back.
    fn gets_again(&self, locality: Locality, take: &dyn Fn(NonNull<u8>) -> bool) -> bool {
        let mut tries = TRIES;
        self.gets_from(locality, |segment| self.revive_in(segment, &mut tries, take))
    }

    /// Whether a segment of that locality has what is wanted.
    fn gets_from(&self, locality: Locality, mut get: impl FnMut(&'static Segment) -> bool) -> bool {
        let from = |segment: &'static Segment| (segment.serves(locality) && get(segment)).then_some(());
        self.index.find(Kind::Roomy, from).is_some()
    }

    fn count_arenas(&self, arenas: u64) {
        self.counters.arenas.add(arenas);
        self.counters.committed_bytes.add(arenas * ARENA_BYTES as u64);
    }

    fn count_segment(&self, segment: &Segment) {
        self.counters.segments.add(1);
        self.counters.reserved_bytes.add(segment.bytes() as u64);
    }

    /// Makes a segment with this number, the first that was free when more memory was found to be needed.
    fn add_segment(&self, number: usize, locality: Locality, take: &dyn Fn(NonNull<u8>) -> bool) -> bool {
        if !self.index.has_room_for(number) {
            return false;
        }
        let mut arenas = self.arenas_for_a_segment();
        loop {
            if let Some(segment) = Segment::reserve(arenas, locality, take) {
                self.publish(segment, number);
                return true;
            }
            // Where 256 MiB of addresses are not to be had, 64, 16 and 4 MiB are tried.
            if arenas == 1 {
                return false;
            }
            arenas = (arenas / 4).max(1);
        }
    }

    /// As many as the option says; under a limit on addresses no more than a part of it, so that others have room.
    fn arenas_for_a_segment(&self) -> u32 {
        // Relaxed: the option is read by itself; nothing is published with it.
        let chosen = self.tuning.segment_arenas.load(Relaxed).clamp(1, ARENAS_PER_SEGMENT as u64);
        let limit = if cfg!(strata_loom) { None } else { machine::address_space_limit() };
        let most = limit.map_or(chosen, |bytes| bytes / LIMIT_PART / ARENA_BYTES as u64);
        chosen.min(most.max(1)) as u32
    }

    /// Publishes a segment, or gives it back if another thread was faster: either way there is more memory now.
    fn publish(&self, segment: &'static Segment, number: usize) {
        if self.index.publish_at(number, segment) {
            self.count_segment(segment);
            self.count_arenas(1);
        } else {
            // SAFETY: it was never published.
            unsafe { segment.discard() };
        }
    }

    /// Publishes a segment that was not made for want of memory, under the first number that is free.
    pub(super) fn publish_at_any_place(&self, segment: &'static Segment) {
        // I1 of `index`: slots never empty, so all before the one in which this succeeds are filled.
        let numbers = self.index.next_number() + PUBLISH_SKIPS..;
        let mut tried = numbers.take_while(|number| self.index.has_room_for(*number));
        // If there is no slot left, this one stays unused.
        if tried.any(|number| self.index.publish_at(number, segment)) {
            self.count_segment(segment);
            self.count_arenas((segment.bytes() / ARENA_BYTES) as u64);
            self.counters.pinned_bytes.add(segment.bytes() as u64);
        }
    }

    /// Bytes that may be touched and given back again: arenas and huge mappings.
    pub(crate) fn returnable_bytes(&self) -> u64 {
        self.counters.committed_bytes.get().saturating_sub(self.counters.pinned_bytes.get())
    }

    /// Whether no arena was taken yet: the process has just begun, and most programs take only one.
    pub(crate) fn is_without_arenas(&self) -> bool {
        self.counters.arenas.get() == 0
    }

    /// Pools of all committed arenas, in use or not.
    pub(crate) fn committed_pools(&self) -> u64 {
        self.counters.arenas.get() * (POOLS_PER_ARENA as u64 - 1)
    }
}
