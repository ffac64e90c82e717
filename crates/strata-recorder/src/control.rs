//! How another process (`strata profile PID`) has this one's recorder switched on for a while, and finds what it recorded.
//!
//! ```text
//!   strata profile ──writes──► request: rate, time, number ──changes──► count of requests to flush
//!   each thread, at its next refill ── sees that this changed ──► `pass_by`: the first one takes the number, and starts
//!   a sample after the time is up ──► stops
//!   strata profile ──reads──► answered, and the recorder's tables
//! ```
//!
//! The process is neither stopped nor sent a signal, and no file of it is written: a process that may read its memory (`ptrace`'s right) may
//! write these words. It is found by [`MAGIC`] in the writable data of a program or library, on a page that was written to, as
//! allocators are.
//!
//! | a request is | who may leave it                         | to       | by                                            |
//! |--------------|------------------------------------------|----------|-----------------------------------------------|
//! | answered     | another process                          | asked    | the other words, and then `number` + 1         |
//! | asked        | a thread that heeds a request to flush   | taken    | `pass_by`: CAS of `taken`                      |
//! | taken        | that thread                              | answered | the answer, and then `answered`                |
//!
//! Q1  The words of a request are written before its number. Numbers never wrap.
//! Q2  Who asks for more time while one who asked before has some gets it; who switched the recorder on otherwise is not disturbed.
//!
//! Does not know: how the other process writes.

use crate::errno;
use crate::recorder::{self, Recorded};
use crate::stack::{self, Unwinding};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use strata_cache::profile;
use strata_os::clock;

/// The first bytes of [`Control`].
pub const MAGIC: [u8; 16] = *b"\x7fSTRATA control\0";
/// The version of what is here and of `Recorded`: changed with either.
pub const VERSION: u32 = 2;
/// A [`Control`] lies at a multiple of so many bytes.
pub const ALIGN: usize = 64;

/// What was answered.
pub mod answer {
    /// The recorder is on, and finds stacks by tables.
    pub const TABLES: u64 = 1;
    /// The recorder is on, and finds stacks by frame pointers: the program has no unwinder at hand.
    pub const FRAMES: u64 = 2;
    /// It was on already, and stays so.
    pub const ON_ALREADY: u64 = 3;
    /// There is no memory for it.
    pub const NO_MEMORY: u64 = 4;
}

/// What another process asks for.
#[derive(Debug)]
#[repr(C)]
pub struct Request {
    /// Bytes between samples.
    pub mean: AtomicU64,
    /// For how many milliseconds.
    pub milliseconds: AtomicU64,
    /// Which request it is.
    pub number: AtomicU64,
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
    pub request: Request,
    /// The number of the request that was answered last.
    pub answered: AtomicU64,
    /// What was [answered](answer).
    pub answer: AtomicU64,
    /// The number of the request that a thread took last.
    taken: AtomicU64,
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
    request: Request { mean: AtomicU64::new(0), milliseconds: AtomicU64::new(0), number: AtomicU64::new(0) },
    answered: AtomicU64::new(0),
    answer: AtomicU64::new(0),
    taken: AtomicU64::new(0),
    until: AtomicU64::new(0),
};

strata_os::at_load!(then offer);

static PASSER: fn() = pass_by;

extern "C" fn offer() {
    let word = profile::on_flush_request(&PASSER);
    // Relaxed: for other processes.
    CONTROL.flush_requests.store(core::ptr::from_ref(word).cast_mut().cast(), Relaxed);
}

/// Answers a request that nobody has answered yet.
fn pass_by() {
    // Acquire: the words of the request (Q1), which another process wrote.
    let asked = CONTROL.request.number.load(Acquire);
    // Acquire: what the one that answered before left; pairs with Release below.
    let answered = CONTROL.answered.load(Acquire);
    if asked == answered {
        return;
    }
    // Relaxed: a claim; it carries nothing.
    if CONTROL.taken.compare_exchange(answered, asked, Relaxed, Relaxed).is_ok() {
        let answer = errno::preserving(|| CONTROL.obey());
        CONTROL.answer.store(answer, Relaxed);
        // Release: carries the answer, for who reads it from outside; pairs with Acquire above.
        CONTROL.answered.store(asked, Release);
    }
}

impl Control {
    fn obey(&self) -> u64 {
        // Relaxed, here and below: this thread took the request, and each word stands alone.
        let (mean, length) = (self.request.mean.load(Relaxed), self.request.milliseconds.load(Relaxed));
        let was_asked = self.until.load(Relaxed) != 0;
        if profile::mean_bytes() != 0 && !was_asked {
            return answer::ON_ALREADY;
        }
        if profile::mean_bytes() == 0 {
            stack::choose_at_hand();
        }
        self.until.store(clock::milliseconds().saturating_add(length).max(1), Relaxed);
        if !recorder::start_as_chosen(mean) {
            return answer::NO_MEMORY;
        }
        match stack::chosen() {
            Unwinding::Tables => answer::TABLES,
            Unwinding::Frames => answer::FRAMES,
        }
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
