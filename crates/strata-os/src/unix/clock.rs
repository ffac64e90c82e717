//! Time that is good enough to decide what has been idle.

use crate::call::quietly;
use libc::{CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_THREAD_CPUTIME_ID, clockid_t, timespec};

/// Milliseconds since some moment before the program; never runs backwards. Whether it goes on while the machine sleeps
/// is the system's choice.
///
/// No system call on most: some tens of nanoseconds.
pub fn milliseconds() -> u64 {
    read(CLOCK_MONOTONIC) / 1_000_000
}

/// The same, for a thread that may not call the C library: there is none here.
pub fn milliseconds_past_the_c_library() -> u64 {
    milliseconds()
}

/// Milliseconds since 1970, for what is written down.
pub fn unix_milliseconds() -> u64 {
    read(CLOCK_REALTIME) / 1_000_000
}

/// Nanoseconds of processor time that the calling thread has had, to time what takes microseconds or more, whatever else the
/// processor does in between.
pub fn processor_nanoseconds() -> u64 {
    read(CLOCK_THREAD_CPUTIME_ID)
}

fn read(clock: clockid_t) -> u64 {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the value that it is given; if it fails, the value stays zero.
    quietly(|| unsafe { libc::clock_gettime(clock, &raw mut now) });
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn it_goes_forward() {
        let before = milliseconds();
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!((20..10_000).contains(&(milliseconds() - before)));
    }
}
