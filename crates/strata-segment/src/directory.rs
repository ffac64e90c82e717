//! All segments, in the order in which they came; the root of everything shared (protocol 2).
//!
//! | slot      | who may leave it       | to        | by                 | what becomes visible            |
//! |-----------|------------------------|-----------|--------------------|---------------------------------|
//! | empty     | who made a new segment | published | CAS Release        | the segment and its arenas      |
//! | published | nobody                 |           |                    |                                 |
//!
//! I1  Slots fill from the front and never empty, so a reader stops at the first empty one.
//! I2  A segment is complete before it is published, and is never unmapped afterwards.
//!
//! One thread at a time makes a segment (`asking`), and publishes it into the slot that was the first empty one when it found
//! more memory to be needed. If another thread has filled it since, the latecomer gives its own segment back and uses that
//! one. One that was made for another reason (`reservation`) takes the next empty slot instead.
//!
//! Does not know: pools, classes. Model: `loom-tests/tests/p10_publication.rs`.

use crate::appetite::Appetite;
use crate::ascent::Ascent;
use crate::asking::Asking;
use crate::demand::Demand;
use crate::huge_keep::HugeKeep;
use crate::huge_pages::HugePageChoice;
use crate::huge_shelf::HugeShelf;
use crate::janitor::Janitor;
use crate::preference::{Near, Preference};
use crate::pressure::Pressure;
use crate::purge::PurgeWay;
use crate::purge_clock::PurgeClock;
use crate::segment::Segment;
use crate::trade::Trade;
use strata_core::counters::Counter;
use strata_core::layout::{ARENA_BYTES, ARENAS_PER_SEGMENT, POOLS_PER_ARENA};
use strata_core::sync::mutation::{PUBLISH, PUBLISH_EXCHANGES, PUBLISH_READ, PUBLISH_SKIPS};
use strata_core::sync::{AtomicPtr, AtomicU64, Ordering::Relaxed};
use strata_os::machine;

/// Slots for segments: 1 TiB of full-size ones.
const SEGMENT_SLOTS: usize = if cfg!(strata_loom) { 2 } else { 4096 };

/// A segment takes no more of a limit on addresses than one part of so many.
const LIMIT_PART: u64 = 16;

/// What may be tuned at run time; every value may be changed at any moment.
#[derive(Debug)]
pub struct Tuning {
    /// Milliseconds that memory lies free before it is purged; `u64::MAX` for never.
    pub purge_delay_ms: AtomicU64,
    /// Arenas to reserve with a new segment, 1 to 64.
    pub segment_arenas: AtomicU64,
    /// Bytes of freed huge blocks kept for reuse, at most.
    pub huge_keep_bytes: AtomicU64,
    /// Whether a thread of our own may look after memory when no other does: 1 or 0.
    pub janitor: AtomicU64,
    /// How memory goes that lay free for the delay: a [`PurgeWay`].
    pub purge: AtomicU64,
    /// When memory is taken in huge pages: a [`HugePageChoice`].
    pub huge_pages: AtomicU64,
}

/// Everything shared between threads: one for a program.
///
/// In the order of the fields: what a start touches lies together, up to the first slot (decision 0016).
#[repr(C)]
#[derive(Debug)]
pub struct Directory {
    /// What may be tuned.
    pub tuning: Tuning,
    /// The thread that looks when nobody else does.
    pub janitor: Janitor,
    pub(crate) purge_clock: PurgeClock,
    pub(crate) demand: Demand,
    pub(crate) trade: Trade,
    pub(crate) ascent: Ascent,
    pub(crate) pressure: Pressure,
    pub(crate) asking: Asking,
    pub(crate) huge_shelf: HugeShelf,
    pub(crate) huge_keep: HugeKeep,
    pub(crate) appetite: Appetite,
    pub(crate) preference: Preference,
    pub(crate) numbers: Numbers,
    pub(crate) slots: [AtomicPtr<Segment>; SEGMENT_SLOTS],
}

/// What the layer counts about itself.
#[derive(Debug)]
pub(crate) struct Numbers {
    pub(crate) reserved_bytes: Counter,
    pub(crate) committed_bytes: Counter,
    pub(crate) pinned_bytes: Counter,
    pub(crate) segments: Counter,
    pub(crate) arenas: Counter,
    pub(crate) huge_blocks: Counter,
    pub(crate) huge_bytes: Counter,
    pub(crate) purged_bytes: Counter,
    pub(crate) purged_pools: Counter,
    pub(crate) purge_calls: Counter,
    pub(crate) looks: Counter,
}

const DEFAULT_PURGE_DELAY_MS: u64 = 500;
const DEFAULT_HUGE_KEEP_BYTES: u64 = 256 << 20;

impl Directory {
    strata_core::const_unless_loom! {
        /// No segment yet; a constant, for a `static`.
        pub fn new() -> Self {
            Self {
                slots: strata_core::each_slot!(AtomicPtr::new(core::ptr::null_mut()); SEGMENT_SLOTS),
                tuning: Tuning {
                    purge_delay_ms: AtomicU64::new(DEFAULT_PURGE_DELAY_MS),
                    segment_arenas: AtomicU64::new(ARENAS_PER_SEGMENT as u64),
                    huge_keep_bytes: AtomicU64::new(DEFAULT_HUGE_KEEP_BYTES),
                    janitor: AtomicU64::new(1),
                    purge: AtomicU64::new(PurgeWay::Now as u64),
                    huge_pages: AtomicU64::new(HugePageChoice::Auto as u64),
                },
                janitor: Janitor::new(),
                purge_clock: PurgeClock::new(),
                demand: Demand::new(),
                trade: Trade::new(),
                ascent: Ascent::new(),
                pressure: Pressure::new(),
                asking: Asking::new(),
                huge_shelf: HugeShelf::new(),
                huge_keep: HugeKeep::new(),
                appetite: Appetite::new(),
                preference: Preference::new(),
                numbers: Numbers {
                    reserved_bytes: Counter::zero(),
                    committed_bytes: Counter::zero(),
                    pinned_bytes: Counter::zero(),
                    segments: Counter::zero(),
                    arenas: Counter::zero(),
                    huge_blocks: Counter::zero(),
                    huge_bytes: Counter::zero(),
                    purged_bytes: Counter::zero(),
                    purged_pools: Counter::zero(),
                    purge_calls: Counter::zero(),
                    looks: Counter::zero(),
                },
            }
        }
    }

    /// All published segments, oldest first.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &'static Segment> {
        self.slots.iter().map_while(|slot| {
            // Acquire (PUBLISH_READ): sees the complete segment (I2); pairs with Release in directory.rs::publish.
            let segment = slot.load(PUBLISH_READ);
            // SAFETY: a published segment is never unmapped (I2).
            unsafe { segment.as_ref() }
        })
    }

    /// Makes memory for at least one more arena's pools available, in an existing segment or a new one, near the caller.
    ///
    /// `false`: the OS refused even the smallest piece. Another thread may take the memory before the caller does.
    pub(crate) fn grow(&self) -> bool {
        self.make_room(ARENA_BYTES);
        self.trade_kept(ARENA_BYTES);
        self.appetite.timed(|| self.take_more())
    }

    fn take_more(&self) -> bool {
        let near = self.near_for_more();
        let mut seen = 0;
        for segment in self.segments() {
            if segment.serves(near) && segment.add_arena(|start| self.take_arena(start)) {
                self.count_arenas(1);
                return true;
            }
            seen += 1;
        }
        if self.revive(near) {
            self.count_arenas(1);
            return true;
        }
        self.add_segment(seen, near)
    }

    /// Takes addresses again that were given back.
    fn revive(&self, near: Near) -> bool {
        self.segments().any(|segment| segment.serves(near) && self.revive_in(segment))
    }

    fn count_arenas(&self, arenas: u64) {
        self.numbers.arenas.add(arenas);
        self.numbers.committed_bytes.add(arenas * ARENA_BYTES as u64);
    }

    fn count_segment(&self, segment: &Segment) {
        self.numbers.segments.add(1);
        self.numbers.reserved_bytes.add(segment.bytes() as u64);
    }

    /// Makes a segment for slot `place`, the first that was empty when more memory was found to be needed.
    fn add_segment(&self, place: usize, near: Near) -> bool {
        let Some(slot) = self.slots.get(place) else { return false };
        let mut arenas = self.arenas_for_a_segment();
        loop {
            if let Some(segment) = Segment::reserve(arenas, near, |start| self.take_arena(start)) {
                self.publish(segment, slot);
                return true;
            }
            // Where 256 MiB of addresses are not to be had, 64, 16 and 4 MiB are tried.
            if arenas == 1 {
                return false;
            }
            arenas = (arenas / 4).max(1);
        }
    }

    /// As many as were chosen; under a limit on addresses no more than a part of it, so that others have room.
    fn arenas_for_a_segment(&self) -> u32 {
        // Relaxed: a number that stands alone.
        let chosen = self.tuning.segment_arenas.load(Relaxed).clamp(1, ARENAS_PER_SEGMENT as u64);
        let limit = if cfg!(strata_loom) { None } else { machine::address_space_limit() };
        let most = limit.map_or(chosen, |bytes| bytes / LIMIT_PART / ARENA_BYTES as u64);
        chosen.min(most.max(1)) as u32
    }

    /// Puts a segment into its slot, or gives it back if another thread was faster: either way there is more memory now.
    fn publish(&self, segment: &'static Segment, slot: &AtomicPtr<Segment>) {
        let place = core::ptr::from_ref(segment).cast_mut();
        if !PUBLISH_EXCHANGES {
            return slot.store(place, PUBLISH);
        }
        // Release (PUBLISH): carries the complete segment (I2); pairs with Acquire in directory.rs::segments.
        if slot.compare_exchange(core::ptr::null_mut(), place, PUBLISH, Relaxed).is_ok() {
            self.count_segment(segment);
            self.count_arenas(1);
        } else {
            // SAFETY: it was never published.
            unsafe { segment.discard() };
        }
    }

    /// Puts a segment that was not made for want of memory into the first slot that is empty, whoever fills those before it.
    pub(crate) fn publish_at_any_place(&self, segment: &'static Segment) {
        let place = core::ptr::from_ref(segment).cast_mut();
        // I1: slots never empty, so all before the one in which this succeeds are filled.
        let slots = self.slots.iter().skip(PUBLISH_SKIPS);
        // Release (PUBLISH): carries the complete segment (I2); pairs with Acquire in directory.rs::segments.
        let take = |slot: &AtomicPtr<Segment>| {
            slot.compare_exchange(core::ptr::null_mut(), place, PUBLISH, Relaxed).is_ok()
        };
        // If there is no slot left, a terabyte of segments is published already, and this one stays unused.
        if slots.into_iter().any(take) {
            self.count_segment(segment);
            self.count_arenas((segment.bytes() / ARENA_BYTES) as u64);
            self.numbers.pinned_bytes.add(segment.bytes() as u64);
        }
    }

    /// Bytes that may be touched and given back again: arenas and huge mappings.
    #[inline]
    pub fn returnable_bytes(&self) -> u64 {
        self.numbers.committed_bytes.get().saturating_sub(self.numbers.pinned_bytes.get())
    }

    /// Pools of all committed arenas, in use or not.
    #[inline]
    pub fn committed_pools(&self) -> u64 {
        self.numbers.arenas.get() * (POOLS_PER_ARENA as u64 - 1)
    }

    /// Bytes given back to the OS since the start.
    pub fn purged_bytes(&self) -> u64 {
        self.numbers.purged_bytes.get()
    }

    /// Whether `address` lies in a segment of ours (huge mappings are not looked up).
    pub fn contains(&self, address: usize) -> bool {
        self.segments().any(|segment| segment.contains(address))
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self::new()
    }
}
