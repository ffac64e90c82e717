//! Takes note of samples: the listener of `strata_cache::profile`. Switched on and off while the program runs.
//!
//! ```text
//!   sample ──► stack ──► site: allocated + 1 ──► record of its slot: site, thread, time
//!   free   ──► record of the slot ──► its site: freed + 1, how long it lived, whether another thread freed it
//! ```
//!
//! Everything is in one mapping of 11 MiB, of which the kernel gives what is touched: sites 8.5 MiB, records 2 MiB, the set of sampled
//! blocks 584 KiB.
//!
//! R1  A record belongs to the thread that has the slot (S3 of `sampled`), so it has no lock.
//! R2  But its site may be taken from it by who starts anew: by an exchange, so that a sample is counted as freed once.
//!
//! Does not know: what is done with the counts.

use crate::control::CONTROL;
use crate::distance::draw;
use crate::log;
use crate::peak::Peak;
use crate::sampled::{SLOT_COUNT, Sampled, Slot};
use crate::site::Site;
use crate::sites::{Key, Sites};
use crate::stack::{self, DEPTH, Rules};
use core::ops::Range;
use core::ptr::NonNull;
use core::ptr::null_mut;
use strata_cache::profile::{self, Listener, Requested, Sample};
use strata_core::sync::{AtomicPtr, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use strata_os::{clock, machine, memory, thread};

/// Bytes between samples by default.
pub const DEFAULT_MEAN_BYTES: u64 = 512 << 10;

static LISTENER: Listener = Listener { allocated, freed, draw, requested };

/// What is known of a sample until it is freed.
struct Record {
    /// The site's number; 0: the table was full.
    site: AtomicU64,
    thread: AtomicU64,
    /// Bytes that were requested.
    requested: AtomicU64,
    /// When it was allocated, in milliseconds of the coarse clock.
    begun: AtomicU64,
}

/// What is recorded, as far as it is told; all-zero bytes are nothing. Another process reads it, too.
#[derive(Debug)]
#[repr(C)]
pub struct Recorded {
    /// All sites so far.
    pub sites: Sites,
    /// The most that lived, and which peak that was.
    pub peak: Peak,
    /// Samples whose free will not be heard of.
    unheard: AtomicU64,
    /// Labels in the table, and labels that were not made.
    pub(crate) labels: AtomicU64,
    pub(crate) labels_lost: AtomicU64,
}

impl Recorded {
    /// Samples whose free will not be heard of, since their part of the set was full; and samples without a site.
    pub fn lost(&self) -> [u64; 2] {
        // Relaxed: a number that stands alone.
        [self.unheard.load(Relaxed), self.sites.lost()]
    }

    /// Where its bytes are that are in use, if its first eight say how many words its sites use: for who copies it.
    pub fn in_use(first: u64) -> [Range<usize>; 2] {
        let used = Sites::used_bytes(first).min(size_of::<Sites>());
        [0..used, size_of::<Sites>()..size_of::<Self>()]
    }
}

#[repr(C)]
pub(crate) struct Recording {
    recorded: Recorded,
    records: [Record; SLOT_COUNT],
    sampled: Sampled,
    /// Not a `static`: among those, as large as they are, a start would touch a page more.
    rules: Rules,
}

/// Samples from now on, one in `mean_bytes` on average (at least 1: every block); or at another rate than before. `false`: no memory.
///
/// What was recorded before a [`stop`] lives no more, as far as this says: it may have been freed unseen.
///
/// Stacks are found by tables if [`stack::choose`] did not say otherwise.
pub fn start(mean_bytes: u64) -> bool {
    let before = recording();
    let Some(recording) = (if map() { recording() } else { None }) else { return false };
    // What was mapped just now has no page that was touched.
    if before.is_some() && profile::mean_bytes() == 0 {
        recording.forget_what_lives();
    }
    CONTROL.note_mean(mean_bytes);
    profile::start(&LISTENER, recording.sampled.filter(), mean_bytes);
    true
}

/// Samples no more; what was counted stays.
pub fn stop() {
    CONTROL.note_mean(0);
    profile::stop();
}

/// The mean distance between samples, in bytes; 0: off.
pub fn mean_bytes() -> u64 {
    profile::mean_bytes()
}

static RECORDING: AtomicPtr<Recording> = AtomicPtr::new(null_mut());

fn recording() -> Option<&'static Recording> {
    // Acquire: that it is mapped; pairs with Release in recorder.rs::map.
    let place = RECORDING.load(Acquire);
    // SAFETY: mapped, zero (which is an empty one), and never unmapped.
    unsafe { place.as_ref() }
}

/// The same, mapped now if it was not; `None`: no memory.
pub(crate) fn prepared() -> Option<&'static Recorded> {
    if map() { recorded() } else { None }
}

fn map() -> bool {
    if recording().is_some() {
        return true;
    }
    let bytes = size_of::<Recording>().next_multiple_of(machine::page_size());
    let Some(fresh) = memory::map(bytes, machine::page_size()) else { return false };
    // Release: carries the mapping; pairs with Acquire in recorder.rs::recording.
    if RECORDING.compare_exchange(null_mut(), fresh.cast().as_ptr(), Release, Relaxed).is_err() {
        // SAFETY: not shared yet.
        unsafe { memory::release(fresh, bytes) };
    }
    if let Some(recorded) = recorded() {
        // Relaxed: for other processes.
        CONTROL.recorded.store(core::ptr::from_ref(recorded).cast_mut(), Relaxed);
    }
    true
}

/// What was recorded so far, also of what the calling thread freed just now; `None`: nothing was asked for.
pub fn recorded() -> Option<&'static Recorded> {
    profile::settle();
    recording().map(|recording| &recording.recorded)
}

impl Recording {
    /// The site of a sample. A stack that is new was perhaps found by rules of a module that is gone, so it is walked once more.
    #[inline(always)]
    fn site_of(&self, sample: Sample) -> Option<Site<'_>> {
        let label = self.recorded.label_of(sample.heap);
        let mut addresses = [0; DEPTH];
        // One call for both: its own return address is in the stack.
        loop {
            let depth = stack::capture(&mut addresses, &self.rules);
            let frames = addresses.get(..depth).unwrap_or_default();
            let key = Key { bytes: sample.bytes as u64, mean: sample.mean, label, frames };
            let known = self.recorded.sites.find(key);
            if known.is_some() {
                return known;
            }
            if !self.rules.forget_old(clock::milliseconds()) {
                return self.recorded.sites.find_or_add(key);
            }
        }
    }

    /// The site of a record, which is taken from it (R2).
    fn take_site(&self, record: &Record) -> Option<Site<'_>> {
        // Relaxed: R1, R2.
        self.recorded.sites.site(record.site.swap(0, Relaxed) as u32)
    }

    fn note_allocated(&self, site: Site<'_>) {
        site.keep_for_peak(self.recorded.peak.number());
        site.note_allocated();
        self.recorded.peak.add(site.weight());
    }

    fn note_freed(&self, site: Site<'_>, by_another: bool, milliseconds: u64) {
        site.keep_for_peak(self.recorded.peak.number());
        site.note_freed(by_another, milliseconds);
        self.recorded.peak.subtract(site.weight());
    }

    /// The block of a record is freed.
    fn note_gone(&self, record: &Record) {
        let Some(site) = self.take_site(record) else { return };
        // Relaxed, here and below: R1.
        let lived = clock::milliseconds().saturating_sub(record.begun.load(Relaxed));
        site.subtract_requested(record.requested.load(Relaxed));
        self.note_freed(site, record.thread.load(Relaxed) != thread::mark() as u64, lived);
    }

    /// What is live may be freed while the profiler is off: so it counts as freed now, after an unknown time.
    fn forget_what_lives(&self) {
        for record in self.sampled.taken().filter_map(|slot| self.records.get(slot.index() as usize)) {
            let Some(site) = self.take_site(record) else { continue };
            site.keep_for_peak(self.recorded.peak.number());
            site.note_forgotten();
            site.subtract_requested(record.requested.load(Relaxed));
            self.recorded.peak.subtract(site.weight());
        }
    }
}

fn allocated(sample: Sample) {
    let Some(recording) = recording() else { return };
    let slot = recording.sampled.insert(address_of(sample.block)).map(Slot::index);
    let site = recording.site_of(sample);
    if let Some(site) = site {
        recording.note_allocated(site);
        site.add_requested(sample.requested as u64);
    }
    match slot.and_then(|slot| recording.records.get(slot as usize)) {
        Some(record) => {
            // Relaxed, here and below: R1.
            record.thread.store(thread::mark() as u64, Relaxed);
            record.requested.store(sample.requested as u64, Relaxed);
            record.begun.store(clock::milliseconds(), Relaxed);
            record.site.store(site.map_or(0, |site| site.number().into()), Relaxed);
        }
        None => _ = recording.recorded.unheard.fetch_add(1, Relaxed),
    }
    log::write_if_due();
    CONTROL.stop_if_due();
}

fn address_of(block: NonNull<u8>) -> u64 {
    block.addr().get() as u64
}

/// A block is freed that may be sampled.
fn freed(block: NonNull<u8>) {
    let Some(recording) = recording() else { return };
    let Some(slot) = recording.sampled.find(address_of(block)) else { return };
    strata_os::probe!("sample_freed", address_of(block));
    if let Some(record) = recording.records.get(slot.index() as usize) {
        recording.note_gone(record);
    }
    recording.sampled.remove(slot);
}

fn requested() -> Option<Requested> {
    recorded().and_then(Recorded::requested)
}
