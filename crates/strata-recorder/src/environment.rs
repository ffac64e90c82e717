//! What the environment asks for: an unchanged program is profiled by these.
//!
//! | variable                | value                                        | meaning                                       |
//! |-------------------------|----------------------------------------------|-----------------------------------------------|
//! | `STRATA_PROFILE`        | a path                                       | profile, and write the file there             |
//! | `STRATA_PROFILE_RATE`   | bytes, also with K, M or G; 512K             | bytes between two samples; 1 samples all      |
//! | `STRATA_PROFILE_UNWIND` | `tables` or `frames`                         | how stacks are found (`stack`)                |
//! | `STRATA_PROFILE_THREADS`| 1                                            | threads' names are labels                     |
//! | `STRATA_PROFILE_SIGNAL` | a number, such as 12 (SIGUSR2 on Linux)      | this signal switches it on, and off again     |
//!
//! Does not know: what is recorded.

use crate::recorder::{self, DEFAULT_MEAN_BYTES};
use crate::stack::{self, Unwinding};
use crate::{labels, log, signal};
use core::ffi::{CStr, c_int};
use strata_os::machine::environment;

const PATH_BYTES: usize = 1000;

/// Starts to profile if the environment asks for it: before `main`, or early in it. Complaints go to standard error. Whether it did; if so,
/// [`log::close`] writes the last state.
pub fn start_as_asked() -> bool {
    let mut path = [0; PATH_BYTES + 1];
    let length = match environment(c"STRATA_PROFILE", &mut path[..PATH_BYTES]) {
        None | Some(0) => return false,
        Some(length) => length,
    };
    let path = match path.get(..=length).map(CStr::from_bytes_with_nul) {
        Some(Ok(path)) => path,
        _ => return complain(c"STRATA_PROFILE: the path is too long; nothing is profiled\n"),
    };
    let Some(mean) = rate() else {
        return complain(
            c"STRATA_PROFILE_RATE is not accepted (bytes, also with K, M or G); nothing is profiled\n",
        );
    };
    if !log::open(path) {
        return complain(c"STRATA_PROFILE: the file cannot be created; nothing is profiled\n");
    }
    stack::choose(unwinding());
    labels::by_thread(
        matches!(environment(c"STRATA_PROFILE_THREADS", &mut [0; 2]), Some(length) if length != 0),
    );
    if let Some(number) = number_of_signal() {
        return signal::wait_for(number, mean)
            || complain(
                c"STRATA_PROFILE_SIGNAL is not accepted (the number of a signal); nothing is profiled\n",
            );
    }
    recorder::start(mean) || complain(c"STRATA_PROFILE: no memory for the profile; nothing is profiled\n")
}

fn rate() -> Option<u64> {
    let mut text = [0; 24];
    match environment(c"STRATA_PROFILE_RATE", &mut text) {
        None | Some(0) => Some(DEFAULT_MEAN_BYTES),
        Some(length) => parse(text.get(..length)?),
    }
}

/// Bytes, also with K, M or G.
fn parse(text: &[u8]) -> Option<u64> {
    let (digits, shift) = match text.split_last()? {
        (b'K' | b'k', digits) => (digits, 10),
        (b'M' | b'm', digits) => (digits, 20),
        (b'G' | b'g', digits) => (digits, 30),
        _ => (text, 0),
    };
    let number: u64 = core::str::from_utf8(digits).ok()?.parse().ok()?;
    number.checked_mul(1 << shift).filter(|bytes| *bytes != 0)
}

/// The signal that switches; 0, which is none, if it is not a number.
fn number_of_signal() -> Option<c_int> {
    let mut text = [0; 4];
    match environment(c"STRATA_PROFILE_SIGNAL", &mut text) {
        None | Some(0) => None,
        Some(length) => {
            let text = text.get(..length).and_then(|text| core::str::from_utf8(text).ok());
            Some(text.and_then(|text| text.parse().ok()).unwrap_or_default())
        }
    }
}

fn unwinding() -> Unwinding {
    let mut text = [0; 8];
    match environment(c"STRATA_PROFILE_UNWIND", &mut text) {
        Some(6) if text.starts_with(b"frames") => Unwinding::Frames,
        _ => Unwinding::Tables,
    }
}

/// Says no.
fn complain(line: &CStr) -> bool {
    let line = line.to_bytes();
    // SAFETY: reads the line.
    let _ = unsafe { libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len()) };
    false
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_rate_is_bytes_also_with_a_unit() {
        assert_eq!(
            ["1", "512K", "2m", "1G"].map(|text| parse(text.as_bytes())),
            [1, 512 << 10, 2 << 20, 1 << 30].map(Some)
        );
        assert_eq!(["", "0", "K", "1T", "-1", "99999999999G"].map(|text| parse(text.as_bytes())), [None; 6]);
    }
}
