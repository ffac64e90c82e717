//! The thread that checks the watches: one a process, asleep while there is none, and now and then awake while there are.
//!
//! It blocks all signals, and no allocation ever waits for it. In the child of a fork it is missing until it is asked for
//! it: a child that only means to `exec` gets no thread.
//!
//! Does not know: what a threshold is.

use super::duty::{Duty, Start};
use super::list::List;
use super::reader::Reader;
use core::ffi::c_void;
use core::ptr::null_mut;
use strata_core::sync::{AtomicU64, Ordering::Relaxed};
use strata_os::thread::{self, Place};
use strata_os::{clock, futex, machine};
use strata_segment::Parker;

/// The callbacks are the program's: as much as the standard library gives a thread. What is not touched costs nothing.
const STACK_BYTES: usize = 2 << 20;

/// Milliseconds between two checks, unless told otherwise.
pub(crate) const INTERVAL_MS: u64 = 100;
/// How long the end of the process, or of the library, waits for a call that has begun.
const PATIENCE_MS: u64 = 1000;

/// Four kilobytes of the file rather than of zeros: with those the zeros fit into a page, and the loader maps none for them.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".data.strata_watches"))]
pub(crate) static LIST: List = List::new();
static DUTY: Duty = Duty::new();
static PARKER: Parker = Parker::new();
static ENDED: Parker = Parker::new();
static THREAD: Place = Place::new();
static INTERVAL: AtomicU64 = AtomicU64::new(INTERVAL_MS);
/// Not zero once the thread has run its last instruction but a few.
static HAS_ENDED: AtomicU64 = AtomicU64::new(0);

strata_os::at_exit!(close);

/// No thread could be had.
#[derive(Debug)]
pub(crate) struct NoThread;

/// Sees to it that there is a watcher in this process, and that it checks soon.
pub(crate) fn call() -> Result<(), NoThread> {
    if !futex::IS_THERE {
        // It could not sleep.
        return Err(NoThread);
    }
    let process = machine::process();
    match DUTY.claim_start(process) {
        Start::First => start(process)?,
        Start::AfterFork => {
            // D2: no other thread readies them.
            LIST.recover();
            start(process)?;
        }
        Start::Unneeded => {}
        Start::Closed => return Err(NoThread),
    }
    PARKER.unpark();
    Ok(())
}

fn start(process: u64) -> Result<(), NoThread> {
    // SAFETY: D1: the place is this thread's, and whatever thread it named has been joined, or is not in this process.
    if !unsafe { THREAD.start(watch, STACK_BYTES) } {
        DUTY.refused(process);
        return Err(NoThread);
    }
    if DUTY.started(process) {
        return Ok(());
    }
    PARKER.unpark();
    // SAFETY: D1: closed meanwhile, by a thread that leaves this one to us.
    unsafe { THREAD.join() };
    Err(NoThread)
}

/// Changes how often it checks.
pub(crate) fn set_interval(milliseconds: u64) {
    // Relaxed: a number that stands alone.
    INTERVAL.store(milliseconds.max(1), Relaxed);
    PARKER.unpark();
}

/// How often it checks.
pub(crate) fn interval() -> u64 {
    // Relaxed: a number that stands alone.
    INTERVAL.load(Relaxed)
}

extern "C" fn watch(_: *mut c_void) -> *mut c_void {
    thread::name_myself(c"strata-watch");
    while DUTY.goes_on() {
        let mut reader = Reader::default();
        match LIST.check(|threshold| reader.read(threshold)) {
            0 => PARKER.park(),
            _ => PARKER.park_for(interval()),
        }
    }
    // Relaxed: the thread that reads it joins.
    HAS_ENDED.store(1, Relaxed);
    ENDED.unpark();
    null_mut()
}

/// Ends the thread and waits for it, though not for a call that takes long, nor for the caller itself: a callback may end
/// the process.
extern "C" fn close() {
    if !DUTY.close(machine::process()) {
        return;
    }
    PARKER.unpark();
    // SAFETY: D1: it was running, so it was started and not joined; the swap gives it to one caller only.
    if !unsafe { THREAD.is_this_one() } && ends_in_time() {
        // SAFETY: D1: started and not joined, and this is the one caller that the swap chose.
        unsafe { THREAD.join() };
    }
}

fn ends_in_time() -> bool {
    let until = clock::milliseconds() + PATIENCE_MS;
    loop {
        let now = clock::milliseconds();
        // Relaxed: joined before anything else of it is used.
        let has_ended = HAS_ENDED.load(Relaxed) != 0;
        if has_ended || now >= until {
            return has_ended;
        }
        ENDED.park_for(until - now);
    }
}
