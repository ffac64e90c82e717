//! The hook of a sampling heap profiler: which allocations are sampled, and when a block that may be sampled is freed. Nothing more.
//!
//! ```text
//!   off   allocations, frees ─► the thread's cache
//!   on    allocations ─► counting cache ──slow path──► the thread's cache ◄─ frees
//!                        blocks known to have no sample
//! ```
//!
//! While profiling is on, a thread allocates from a *counting cache* in front of its own (`counting`), and so does a heap. So the fast paths are
//! the same to the instruction, on and off. A slow path has as many blocks ready as may be allocated before the next sample. Each block that
//! was freed is searched for in a filter (`filter`) when it leaves its magazine, to be allocated again or for its pool.
//!
//! | thread                                      | learns of `start`                                             | of `stop`            |
//! |---------------------------------------------|---------------------------------------------------------------|----------------------|
//! | a thread that starts                        | at once                                                       |                      |
//! | one that refills a magazine                 | at once: the flush requests changed, which it compares anyway | at once              |
//! | one that only frees                         | at each sixteenth flush                                       | the same             |
//! | one that allocates more than 128 KiB        | at once                                                       | at once              |
//! | one that reuses blocks within its magazines | not until its next slow path, unless a signal has it `heed`   | at its next sample   |
//!
//! So a sampled block counts as live until it leaves the magazine that it was freed into, or that thread asks (`settle`).
//!
//! Of a thread of the last kind, allocations are not counted; and the sampled blocks that it frees count as live until a profiled
//! thread frees the same address, or another sample is allocated there: at most what its magazines hold.
//!
//! Does not know: stacks, sites, files, which blocks are sampled, how far it is to the next sample; the `Listener` does. Decision 0027.
//! Idea: countdown to the next sample (tcmalloc, jemalloc); blocks that are known to be none are ours.

pub(crate) mod counting;
mod filter;
pub(crate) mod switch;

use crate::cache::Cache;
use crate::magazine::{Magazine, depth_of};
use crate::thread::{self, RUNTIME};
use core::ptr::{NonNull, null_mut};
use strata_core::size_class::SizeClass;
use strata_core::sync::{
    AtomicPtr, AtomicU64, Hint, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

#[doc(hidden)]
pub use counting::note_resized;
pub use filter::{Filter, hash};

/// A block that was sampled.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The block.
    pub block: NonNull<u8>,
    /// Its size: that of its class, or what was asked for if it is larger than any.
    pub bytes: usize,
    /// The bytes that were asked for, rounded up to the alignment.
    pub requested: usize,
    /// The mean distance between samples when it was drawn, in bytes.
    pub mean: u64,
    /// The number of the heap that it is of; 0: a thread's.
    pub heap: u32,
}

/// Told of samples. All functions run inside an allocation or a free: they must not allocate, wait or unwind.
#[derive(Debug)]
pub struct Listener {
    /// A block was sampled; the program does not have it yet.
    pub allocated: fn(Sample),
    /// A block was freed that the filter does not exclude.
    pub freed: fn(NonNull<u8>),
    /// From a state of random numbers and the mean distance between samples: the bytes before the next one, and the next state.
    pub draw: fn(u64, u64) -> (u64, u64),
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
    filter: AtomicPtr<Filter>,
    listener: AtomicPtr<Listener>,
    /// Bytes between samples; 0: off.
    mean: AtomicU64,
    /// What random numbers start with, one for each counting cache.
    seed: Hint,
    /// What each thread calls when it heeds a request to flush; null: nothing.
    passer: AtomicPtr<fn()>,
}

static SHARED: Shared = Shared {
    filter: AtomicPtr::new(null_mut()),
    listener: AtomicPtr::new(null_mut()),
    mean: AtomicU64::new(0),
    seed: Hint::new(0),
    passer: AtomicPtr::new(null_mut()),
};

/// Samples each byte that is allocated with a chance of 1 in `mean_bytes` from now on, or at another rate than before; 1 samples every
/// block. The filter has the listener's sampled blocks, and no others.
///
/// The first listener and filter stay: later ones are ignored.
pub fn start(listener: &'static Listener, filter: &'static Filter, mean_bytes: u64) {
    let places = (core::ptr::from_ref(listener).cast_mut(), core::ptr::from_ref(filter).cast_mut());
    // Release: carries what the listener refers to; pairs with Acquire in profile/mod.rs::listener. Relaxed: the first one stays.
    if SHARED.listener.compare_exchange(null_mut(), places.0, Release, Relaxed).is_ok() {
        // Release: carries the words; pairs with Acquire in profile/mod.rs::filter.
        SHARED.filter.store(places.1, Release);
    }
    set_mean(mean_bytes.max(1));
}

/// Stops sampling. Frees of sampled blocks are still reported, by threads that have not learnt of it.
pub fn stop() {
    set_mean(0);
}

/// Makes the calling thread learn of `start` now, instead of on its next slow path. May be called in a signal handler.
pub fn heed() {
    switch::heed_in_handler();
}

/// Searches for the blocks that the calling thread freed and still has ready: so that a sampled one of these does not count as live.
pub fn settle() {
    let own = thread::cache();
    // A signal handler may have interrupted a flush, whose blocks may be another thread's already.
    if !own.presence.is_inside() {
        SizeClass::all().for_each(|class| note_leaving(own.magazine(class), depth_of(class) as u32));
    }
}

/// The mean distance between samples, in bytes; 0: off.
pub fn mean_bytes() -> u64 {
    // Relaxed: a counting cache reads it once, when it is made, and again at each sample.
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

fn pass_by(own: &Cache) {
    // A child of `fork` has no thread that would go on with half of what was asked for.
    let _held_off = own.hold_off_forks();
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

/// The filter, if profiling was ever on.
#[inline]
pub(crate) fn filter() -> Option<&'static Filter> {
    // Acquire: sees its words; pairs with Release in profile/mod.rs::start.
    let place = SHARED.filter.load(Acquire);
    // SAFETY: null, or from a `&'static` in `start`.
    unsafe { place.as_ref() }
}

fn listener() -> Option<&'static Listener> {
    // Acquire: what the listener refers to; pairs with Release in profile/mod.rs::start.
    let place = SHARED.listener.load(Acquire);
    // SAFETY: from a `&'static` in `start`.
    unsafe { place.as_ref() }
}

/// Takes note of a sample.
fn note_sample(sample: Sample) {
    let Some(listener) = listener() else { return };
    // A thread that is not profiled freed it before.
    note_freed(sample.block);
    strata_os::probe!("sample", sample.block.addr().get(), sample.bytes, sample.mean);
    (listener.allocated)(sample);
}

/// The oldest blocks of a magazine, which were freed, leave it for their pools.
#[inline]
pub(crate) fn note_leaving(magazine: Magazine<'_>, count: u32) {
    if let Some(filter) = filter() {
        magazine.search_oldest(count, |block| filter.marks(block), tell_freed);
    }
}

/// A block is free that may be sampled. None is if profiling was never on.
#[inline]
pub(crate) fn note_freed(block: NonNull<u8>) {
    if filter().is_some_and(|filter| filter.marks(block) != 0) {
        tell_freed(block);
    }
}

/// Tells the listener of a free block that may be sampled.
#[cold]
#[inline(never)]
fn tell_freed(block: NonNull<u8>) {
    if let Some(listener) = listener() {
        (listener.freed)(block);
    }
}
