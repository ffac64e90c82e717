//! The hook of a sampling heap profiler: which allocations are sampled, and when a sampled block is freed. Nothing more.
//!
//! ```text
//!   off   thread word ─► the thread's cache
//!   on    thread word ─► counting cache ──slow path──► the thread's cache
//!                        pops: a run of blocks known to have no sample · pushes: always full
//! ```
//!
//! While profiling is on, a thread has a *counting cache* in front of its own (`counting`). So the fast paths are the same to the
//! instruction, on and off. A slow path hands out a run that ends before the next sample (`distance`), and searches the set of sampled
//! blocks for every block that is freed (`sampled`).
//!
//! | thread                                      | learns of `start` and `stop`                                  |
//! |---------------------------------------------|---------------------------------------------------------------|
//! | a thread that starts                        | at once                                                       |
//! | one that refills a magazine                 | at once: the flush requests changed, which it compares anyway |
//! | one that only frees                         | at each sixteenth flush                                       |
//! | one that allocates large blocks             | at once                                                       |
//! | one that reuses blocks within its magazines | not until its next slow path, unless a signal has it `heed`   |
//!
//! So of a thread of the last kind, allocations are not counted; and the sampled blocks that it frees count as live until a profiled
//! thread frees or samples the block: as many bytes as its magazines hold, 4 MiB at most, and 16 MiB for all such threads.
//! First-class heaps are not sampled.
//!
//! Does not know: stacks, sites, files; the `Listener` does. Decision 0027.
//! Idea: countdown to the next sample (tcmalloc, jemalloc); a run that is known to hold none is ours.

pub(crate) mod counting;
#[doc(hidden)]
pub mod distance;
#[doc(hidden)]
pub mod sampled;

use crate::thread::RUNTIME;
use core::ptr::{NonNull, null_mut};
use sampled::{Sampled, Slot};
use strata_core::sync::{
    AtomicPtr, AtomicU64, Hint, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use strata_os::{machine, memory};

#[doc(hidden)]
pub use counting::note_resized;
pub use sampled::SLOT_COUNT;

/// A block that was sampled.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Its index in the set, below [`SLOT_COUNT`]: a place for a record of it, the listener's own until the block is freed.
    /// `None`: its part of the set was full, so its free will not be reported.
    pub slot: Option<u32>,
    /// The block.
    pub block: NonNull<u8>,
    /// Its size: that of its class, or what was asked for if it is larger than any.
    pub bytes: usize,
    /// The bytes that were asked for, rounded up to the alignment.
    pub requested: usize,
    /// The mean distance between samples when it was drawn, in bytes.
    pub mean: u64,
}

/// Told of samples. Both functions run inside an allocation or a free: they must not allocate, wait or unwind.
#[derive(Debug)]
pub struct Listener {
    /// A block was sampled; the program does not have it yet.
    pub allocated: fn(Sample),
    /// The sampled block in this slot was freed; the slot is the listener's until this returns.
    pub freed: fn(u32),
    /// What was requested of the blocks of size classes that live, by their samples; `None`: there is none.
    pub requested: fn() -> Option<Requested>,
}

/// Which part of the blocks of size classes that live was asked for, by their samples: an estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requested {
    /// Bytes that were asked for.
    pub bytes: u64,
    /// Bytes of the same blocks.
    pub of_bytes: u64,
    /// The standard error of `bytes`, if `of_bytes` is taken for granted.
    pub standard_error: u64,
}

/// What threads share of the profiler.
struct Shared {
    /// Mapped by the first `start`, and never unmapped: a thread may search it long after `stop`.
    sampled: AtomicPtr<Sampled>,
    listener: AtomicPtr<Listener>,
    /// Bytes between samples; 0: off.
    mean: AtomicU64,
    /// What random numbers start with, one for each counting cache.
    seed: Hint,
    /// What each thread calls when it heeds a request to flush; null: nothing.
    passer: AtomicPtr<fn()>,
}

static SHARED: Shared = Shared {
    sampled: AtomicPtr::new(null_mut()),
    listener: AtomicPtr::new(null_mut()),
    mean: AtomicU64::new(0),
    seed: Hint::new(0),
    passer: AtomicPtr::new(null_mut()),
};

/// Samples each byte that is allocated with a chance of 1 in `mean_bytes` from now on, or at another rate than before; 1 samples every
/// block. `false`: no memory for the set of sampled blocks.
///
/// The first listener stays: later ones are ignored.
pub fn start(listener: &'static Listener, mean_bytes: u64) -> bool {
    if !map_sampled() {
        return false;
    }
    let place = core::ptr::from_ref(listener).cast_mut();
    // Release: carries what the listener refers to; pairs with Acquire in profile/mod.rs::listener. Relaxed: the first one stays.
    let _ = SHARED.listener.compare_exchange(null_mut(), place, Release, Relaxed);
    set_mean(mean_bytes.max(1));
    true
}

/// Stops sampling. Frees of sampled blocks are still reported, by threads that have not learnt of it.
pub fn stop() {
    set_mean(0);
}

/// Makes the calling thread learn of `start` now, instead of on its next slow path. May be called in a signal handler.
pub fn heed() {
    counting::heed_in_handler();
}

/// The mean distance between samples, in bytes; 0: off.
pub fn mean_bytes() -> u64 {
    // Relaxed: a counting cache reads it once, when it is made.
    SHARED.mean.load(Relaxed)
}

/// What was requested of the blocks of size classes that were allocated while the profiler was on, and live; `None`: it is off, or has no
/// samples.
pub fn requested() -> Option<Requested> {
    listener().filter(|_| mean_bytes() != 0).and_then(|listener| (listener.requested)())
}

/// Seeds the random numbers from now on, so that a test can repeat them.
pub fn set_seed(seed: u64) {
    SHARED.seed.set(seed);
}

/// Has each thread call `passer` when it heeds a request to flush, in a cold door: it may `start` or `stop`, and neither allocates nor waits.
///
/// The word that is returned counts these requests. Another process that can write to it has threads come by if it changes it.
pub fn on_flush_request(passer: &'static fn()) -> &'static Hint {
    // Relaxed: a function is there before the program is.
    SHARED.passer.store(core::ptr::from_ref(passer).cast_mut(), Relaxed);
    RUNTIME.page_heap.flush_requests_word()
}

fn pass_by() {
    // Relaxed: as above.
    let passer = SHARED.passer.load(Relaxed);
    // SAFETY: null, or from a `&'static` in `on_flush_request`.
    if let Some(passer) = unsafe { passer.as_ref() } {
        passer();
    }
}

fn set_mean(bytes: u64) {
    // Relaxed: the request below is a hint; a thread that sees it without the other goes on as before until the next.
    SHARED.mean.store(bytes, Relaxed);
    RUNTIME.page_heap.request_flush();
}

/// The set of sampled blocks, if profiling was ever on.
#[inline]
pub(crate) fn sampled() -> Option<&'static Sampled> {
    // Acquire: sees that the set is mapped; pairs with Release in profile/mod.rs::map_sampled.
    let place = SHARED.sampled.load(Acquire);
    // SAFETY: mapped, zero (which is an empty set), and never unmapped.
    unsafe { place.as_ref() }
}

fn map_sampled() -> bool {
    if sampled().is_some() {
        return true;
    }
    let bytes = size_of::<Sampled>().next_multiple_of(machine::page_size());
    let Some(fresh) = memory::map(bytes, align_of::<Sampled>()) else { return false };
    let place = fresh.cast::<Sampled>().as_ptr();
    // Release: carries the mapping; pairs with Acquire in profile/mod.rs::sampled.
    if SHARED.sampled.compare_exchange(null_mut(), place, Release, Relaxed).is_err() {
        // SAFETY: mapped just now, and not published.
        unsafe { memory::release(fresh, bytes) };
    }
    true
}

fn listener() -> Option<&'static Listener> {
    // Acquire: what the listener refers to; pairs with Release in profile/mod.rs::start.
    let place = SHARED.listener.load(Acquire);
    // SAFETY: from a `&'static` in `start`.
    unsafe { place.as_ref() }
}

/// Takes note of a sample.
fn note_sample(block: NonNull<u8>, bytes: usize, requested: usize, mean: u64) {
    let (Some(sampled), Some(listener)) = (sampled(), listener()) else { return };
    // A thread that is not profiled freed it before.
    note_freed(block);
    let slot = sampled.insert(address_of(block)).map(Slot::index);
    strata_os::probe!("sample", address_of(block), bytes, mean);
    (listener.allocated)(Sample { slot, block, bytes, requested, mean });
}

/// Whether a block may be sampled: excludes all but a few of those that are not.
#[inline(always)]
pub(crate) fn may_be_sampled(block: NonNull<u8>) -> bool {
    sampled().is_some_and(|sampled| sampled.may_hold(address_of(block)))
}

/// The block is being freed: takes note if it was sampled.
#[inline(never)]
pub(crate) fn note_freed(block: NonNull<u8>) {
    let Some(sampled) = sampled() else { return };
    let Some(slot) = sampled.find(address_of(block)) else { return };
    strata_os::probe!("sample_freed", address_of(block));
    if let Some(listener) = listener() {
        (listener.freed)(slot.index());
    }
    sampled.remove(slot);
}

fn address_of(block: NonNull<u8>) -> u64 {
    block.addr().get() as u64
}
