//! What the process holds and why, written by itself when it may be about to end: by a signal, or before null is returned.
//!
//! | variable             | value                                | what it does                                                |
//! |----------------------|--------------------------------------|-------------------------------------------------------------|
//! | `STRATA_DUMP`        | a path                               | the file is opened now, and a dump written before null is returned |
//! | `STRATA_DUMP_SIGNAL` | the number of a signal, such as 12   | a dump is written when it comes, too                        |
//!
//! Nothing here allocates, waits or takes a lock. Memory is read through the kernel, so that nothing that is followed can fault, and
//! text goes out as it is made. Some 100 KiB of stack are needed.
//!
//! D1 One dump at a time: another thread, or a signal within a dump, makes none meanwhile.
//! D2 Of refusals the first has a dump, the second, the fourth, the eighth, and so on: a program that lives with them does not fill the disk.
//!
//! Does not know: what is concluded; `explain` does.

mod text;

use crate::global::Strata;
use core::ffi::{CStr, c_int};
use core::fmt::Write;
use strata_core::sync::{AtomicU64, Ordering::Relaxed};
use strata_os::kept_file::KeptFile;
use strata_os::machine::{environment, process};
use strata_os::{Line, Output, signal};
use text::Why;

const PATH_BYTES: usize = 1024;

static FILE: KeptFile = KeptFile::none();
/// The process that writes a dump, while it does (D1). A child of `fork` may find its parent's number here, and goes ahead.
static IS_AT_WORK: AtomicU64 = AtomicU64::new(0);
/// Times that memory was refused.
static REFUSALS: AtomicU64 = AtomicU64::new(0);

/// Opens the file and waits for the signal, if the environment asks for it.
pub(crate) fn load() {
    let mut path = [0; PATH_BYTES];
    let Some(length) = environment(c"STRATA_DUMP", &mut path).filter(|length| *length > 0) else { return };
    // The byte behind the value is still zero.
    let path = path.get(..=length).and_then(|path| CStr::from_bytes_until_nul(path).ok());
    if !path.is_some_and(|path| FILE.open(path)) {
        return complain("STRATA_DUMP: the file cannot be opened for writing; there will be no dump");
    }
    strata_cache::refusal::on_refusal(&BEFORE_NULL);
    match number_of_signal() {
        Ok(None) => {}
        Ok(Some(number)) if signal::on_signal(number, by_signal) => {}
        _ => complain(
            "STRATA_DUMP_SIGNAL is not accepted (the number of a signal, such as 12); only refusals are dumped",
        ),
    }
}

fn complain(text: &str) {
    let mut line = Line::new();
    let _ = write!(line, "strata: {text}");
    line.emit();
}

/// What the variable says, if it is set.
fn number_of_signal() -> Result<Option<c_int>, ()> {
    let mut text = [0; 8];
    let Some(length) = environment(c"STRATA_DUMP_SIGNAL", &mut text) else { return Ok(None) };
    let text = text.get(..length).and_then(|text| core::str::from_utf8(text).ok());
    text.and_then(|text| text.parse().ok()).map(Some).ok_or(())
}

fn by_signal() {
    write_to_kept_file(Why::Signal);
}

static BEFORE_NULL: fn() = before_null;

/// Memory was refused, and null will be returned.
fn before_null() {
    // Relaxed: a number that stands alone.
    let refusals = REFUSALS.fetch_add(1, Relaxed) + 1;
    if refusals.is_power_of_two() {
        write_to_kept_file(Why::Refused { times: refusals });
    }
}

fn write_to_kept_file(why: Why) {
    alone(|| {
        if let Some(mut out) = FILE.output() {
            text::write(&mut out, why);
        }
    });
}

/// Does something unless a dump is being written (D1); whether it did.
fn alone(body: impl FnOnce()) -> bool {
    let own = process();
    // Relaxed: nothing is inferred from the word about other memory.
    let is_free = IS_AT_WORK.swap(own, Relaxed) != own;
    if is_free {
        body();
        // Relaxed: as above.
        IS_AT_WORK.store(0, Relaxed);
    }
    is_free
}

impl Strata {
    /// Writes what the process holds, and why, to an open file: the page of [`explain`](crate::explain()) and a line of JSON that `strata diff`
    /// reads. `false`: another thread is at it.
    ///
    /// May be called in a signal handler, and when memory is refused: allocates nothing, takes no lock, waits for nobody. Some 100 KiB of
    /// stack are needed. `STRATA_DUMP=FILE` has it done before null is returned.
    pub fn dump(descriptor: c_int) -> bool {
        alone(|| text::write(&mut Output::to(descriptor), Why::Asked))
    }
}
