//! How another process (`strata profile PID`) has this one's recorder switched on for a while, and finds what it recorded.
//!
//! ```text
//!   strata profile ──writes──► requests: rate, time, number ──changes──► count of requests to flush
//!   each thread, at its next refill ── sees that this changed ──► `pass_by`: the first one takes the number, and starts
//!   a sample after the time is up ──► stops
//!   strata profile ──reads──► answered, and the recorder's tables
//! ```
//!
//! The process is neither stopped nor sent a signal, and no file of it is written: a process that may read its memory (`ptrace`'s right) may
//! write these words. It is found by [`MAGIC`] in the writable data of a program or library, on a page that was written to, as
//! allocators are.
//!
//! How several that ask at once do not disturb each other: `requests`. Who asks for more time while one who asked before has some gets it;
//! who switched the recorder on otherwise is not disturbed.
//!
//! Does not know: how the other process writes.

use crate::errno;
use crate::recorder::{self, Recorded};
use crate::requests::{Requests, Taken};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed};
use strata_cache::profile;
use strata_os::clock;

/// The first bytes of [`Control`].
pub const MAGIC: [u8; 16] = *b"\x7fSTRATA control\0";
/// The version of what is here and of `Recorded`: changed with either.
pub const VERSION: u32 = 5;
/// A [`Control`] lies at a multiple of this many bytes.
pub const ALIGN: usize = 64;

/// What was answered.
pub mod answer {
    /// The recorder is on.
    pub const ON: u64 = 1;
    /// It was on already, and stays so.
    pub const ON_ALREADY: u64 = 2;
    /// There is no memory for it.
    pub const NO_MEMORY: u64 = 3;
}

/// What another process finds: one for each recorder in a process.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Control {
    magic: [u8; 16],
    /// [`VERSION`].
    pub version: u32,
    /// Bytes of this struct.
    pub bytes: u32,
    /// Where the count of requests to flush is; null until the recorder can be asked.
    pub flush_requests: AtomicPtr<u64>,
    /// What is recorded, once the recorder was on.
    pub recorded: AtomicPtr<Recorded>,
    /// Bytes between samples; 0: off.
    pub mean: AtomicU64,
    /// What is asked for.
    pub requests: Requests,
    /// When the recorder is to stop, by the coarse clock; 0: it is not.
    until: AtomicU64,
}

pub(crate) static CONTROL: Control = Control {
    magic: MAGIC,
    version: VERSION,
    bytes: size_of::<Control>() as u32,
    flush_requests: AtomicPtr::new(null_mut()),
    recorded: AtomicPtr::new(null_mut()),
    mean: AtomicU64::new(0),
    requests: Requests::new(),
    until: AtomicU64::new(0),
};

strata_os::at_load!(then offer);

static PASSER: fn() = pass_by;

extern "C" fn offer() {
    let word = profile::on_flush_request(&PASSER);
    // Relaxed: for other processes.
    CONTROL.flush_requests.store(core::ptr::from_ref(word).cast_mut().cast(), Relaxed);
}

/// Answers a request that is not answered yet.
fn pass_by() {
    if let Some(taken) = CONTROL.requests.take() {
        let answer = errno::preserving(|| CONTROL.obey(&taken));
        CONTROL.requests.answer(&taken, answer);
    }
}

impl Control {
    fn obey(&self, taken: &Taken) -> u64 {
        // Relaxed, here and below: this thread took the request, and each word stands alone.
        let was_asked = self.until.load(Relaxed) != 0;
        if profile::mean_bytes() != 0 && !was_asked {
            return answer::ON_ALREADY;
        }
        self.until.fetch_max(clock::milliseconds().saturating_add(taken.milliseconds).max(1), Relaxed);
        if !recorder::start(taken.mean) {
            return answer::NO_MEMORY;
        }
        answer::ON
    }

    pub(crate) fn note_mean(&self, mean: u64) {
        self.mean.store(mean, Relaxed);
    }

    /// Stops if the time that was asked for is up.
    pub(crate) fn stop_if_due(&self) {
        let until = self.until.load(Relaxed);
        if until != 0 && clock::milliseconds() >= until && self.until.swap(0, Relaxed) != 0 {
            recorder::stop();
        }
    }
}
