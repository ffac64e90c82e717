//! Who allocates from a counting cache, and from when until when: what each thread and each heap does when it learns of `start` and `stop`.
//!
//! ```text
//!   a thread    its word for allocations ─► counting cache ─► its own: entered and left by `thread::lead_to`
//!   a heap      the cache that the program knows becomes the counting one; another is behind it (C4 of `counting`)
//! ```
//!
//! Does not know: how blocks are counted.

use super::counting::Counting;
use super::{SHARED, filter, mean_bytes};
use crate::cache::Cache;
use crate::registry::{Registry, Runtime};
use crate::thread::{self, RUNTIME};
use strata_core::size_class::SizeClass;

impl Counting<'_> {
    /// Counts at the rate of `mean` from now on: what was drawn before is forgotten, which changes no chance.
    ///
    /// The caller has seen that it is not 0. If profiling ends at this moment, the next block counted is found to be of an older rate; a
    /// cache that counted at the rate 0 would be taken to be up to date for ever.
    pub(super) fn begin(self, mean: u64) {
        let counting = &self.front.counting;
        debug_assert_ne!(mean, 0);
        counting.mean.set(mean as usize);
        counting.until_large.set(0);
        counting
            .filter
            .set(filter().map_or(core::ptr::null_mut(), |filter| core::ptr::from_ref(filter).cast_mut()));
        for class in SizeClass::all() {
            let state = self.front.class(class);
            state.until_sample.set(0);
            state.batch.set(1);
        }
    }

    /// Learns of another rate, on no slow path of the cache behind. `None`: that profiling ended, and there is no counting cache any more.
    pub(super) fn learn(self) -> Option<Self> {
        self.take_back();
        let mean = mean_bytes();
        if mean != 0 {
            self.begin(mean);
            return Some(self);
        }
        if self.is_of_heap() {
            self.end_of_heap();
        } else {
            leave();
        }
        None
    }

    fn runtime(self) -> &'static Runtime {
        self.own.runtime().unwrap_or(&RUNTIME)
    }

    /// Has nothing behind a heap's cache (C4), whose blocks were taken back.
    fn end_of_heap(self) {
        let runtime = self.runtime();
        self.front.rejoin(runtime);
        // SAFETY: from `enter_behind`; nothing leads to it any more.
        unsafe { runtime.leave_behind(self.own) };
    }
}

impl Cache {
    /// Joins a counting cache to a runtime: it counts no more, and nothing is behind it.
    pub(crate) fn rejoin(&self, runtime: &'static Runtime) {
        self.count_no_more();
        self.set_behind(None);
        self.lead_to(runtime);
    }

    /// A counting cache counts no more.
    pub(crate) fn count_no_more(&self) {
        for class in SizeClass::all() {
            let state = self.class(class);
            [&state.until_sample, &state.batch].iter().for_each(|count| count.set(0));
        }
    }

    /// The cache that is behind a counting one.
    #[inline]
    pub(crate) fn behind(&self) -> Option<&'static Self> {
        // SAFETY: a cache of the registry, which is never unmapped; or null.
        unsafe { self.behind.get().as_ref() }
    }

    /// Puts this counting cache in front of another, or of none.
    pub(crate) fn set_behind(&self, own: Option<&'static Self>) {
        let null = core::ptr::null_mut();
        let front = core::ptr::from_ref(self).cast_mut();
        match (own, self.behind()) {
            (Some(own), _) => own.counting.front.set(front),
            // After a fork the slot of the one behind may have another owner already.
            (None, Some(old)) if old.counting.front.get() == front => old.counting.front.set(null),
            (None, _) => {}
        }
        self.behind.set(own.map_or(null, |own| core::ptr::from_ref(own).cast_mut()));
    }
}

impl Registry {
    /// The cache of each thread, and of each heap, with the counting one in front of it, if there is one. A racy read.
    pub fn owners(&self) -> impl Iterator<Item = (&'static Cache, Option<&'static Cache>)> {
        let of_threads = self.caches().filter(|cache| cache.behind.glance().is_null());
        // SAFETY: a cache of the registry, which is never unmapped; or null.
        of_threads.map(|cache| (cache, unsafe { cache.counting.front.glance().as_ref() }))
    }
}

/// Puts a counting cache in front of this one, or takes it away, as `start` and `stop` have it: of a thread on itself, of a heap on the
/// thread that uses it, and when its magazines are empty.
pub(crate) fn heed(cache: &Cache) {
    if cache.is_heap() {
        return heed_as_heap(cache);
    }
    let own = thread::cache();
    if !core::ptr::eq(own, cache) {
        return;
    }
    super::pass_by(own);
    let mean = mean_bytes();
    match Counting::current() {
        Some(counting) => {
            counting.take_back();
            if mean == 0 { leave() } else { counting.begin(mean) }
        }
        None if mean != 0 => enter(own, mean),
        None => {}
    }
}

/// The same of a heap's. One that is behind a heap's stays there until that learns of it, since its own slow path is not at its end.
pub(crate) fn heed_as_heap(cache: &Cache) {
    let mean = mean_bytes();
    if !cache.is_heap() || mean == 0 || filter().is_none() || cache.is_behind() {
        return;
    }
    let Some(runtime) = cache.runtime() else { return };
    let Some(own) = runtime.enter_behind() else { return };
    cache.join_none();
    cache.counting.random.set(fresh_state(cache));
    cache.set_behind(Some(own));
    Counting { front: cache, own }.begin(mean);
}

/// The calling thread puts a counting cache in front of its own, if it has one and profiling is on: also in a signal handler, whatever it
/// interrupted.
///
/// An operation that was interrupted goes on with the cache whose address it has read. Nothing in that cache is
/// changed here but where its counting one is, which only statistics read: so the point of interruption does not matter.
pub(crate) fn heed_in_handler() {
    let (own, mean) = (thread::cache(), mean_bytes());
    if own.runtime().is_some() && core::ptr::eq(thread::alloc_cache(), own) && mean != 0 {
        enter(own, mean);
    }
}

fn enter(own: &'static Cache, mean: u64) {
    // A handler may interrupt the lines below, and run this function itself.
    if own.counting.is_closed.get() != 0 {
        return;
    }
    own.counting.is_closed.set(1);
    enter_alone(own, mean);
    own.counting.is_closed.set(0);
}

fn enter_alone(own: &'static Cache, mean: u64) {
    if filter().is_none() {
        return;
    }
    let Some(front) = RUNTIME.enter_in_front() else { return };
    front.counting.random.set(fresh_state(front));
    front.set_behind(Some(own));
    Counting { front, own }.begin(mean);
    thread::lead_to(front);
}

/// A state of random numbers that no other counting cache begins with (splitmix64).
fn fresh_state(front: &Cache) -> usize {
    let seed = SHARED.seed.get();
    SHARED.seed.set(seed.wrapping_add(0x9e37_79b9_7f4a_7c15));
    let address = if seed == 0 { core::ptr::from_ref(front).addr() as u64 } else { 0 };
    let seed = seed.wrapping_add(address);
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31) | 1) as usize
}

/// The calling thread allocates from its own cache again, if a counting one is in front of it, which is empty.
fn leave() {
    let Some(counting) = Counting::current() else { return };
    thread::lead_to(counting.own);
    counting.front.set_behind(None);
    counting.front.count_no_more();
    // SAFETY: from `enter_in_front`, empty, and the word does not lead to it.
    unsafe { RUNTIME.leave_in_front(counting.front) };
}

/// The calling thread ends, whose cache this is.
pub(crate) fn end(own: &Cache) {
    own.counting.is_closed.set(1);
    if let Some(counting) = Counting::current() {
        counting.take_back();
        leave();
    }
}

/// A heap's cache is used no more, or given what it has ready back: it is one without another behind it.
pub(crate) fn end_heap(heap: &Cache) {
    if let Some(counting) = Counting::of(heap).filter(|counting| counting.is_of_heap()) {
        counting.take_back();
        counting.end_of_heap();
    }
}
