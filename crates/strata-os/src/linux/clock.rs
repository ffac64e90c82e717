//! Time that is cheap to read and good enough to decide what has been idle.

use super::raw::{self, flags};
use crate::call::quietly;
use libc::{CLOCK_MONOTONIC_COARSE, CLOCK_THREAD_CPUTIME_ID, timespec};

/// Milliseconds since some moment before the program; never runs backwards, stands still while the machine sleeps.
///
/// The kernel moves it at each tick (1–10 ms). No system call: some ten nanoseconds.
pub fn milliseconds() -> u64 {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the value that it is given; if it fails, the value stays zero.
    quietly(|| unsafe { libc::clock_gettime(CLOCK_MONOTONIC_COARSE, &raw mut now) });
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

/// The same by a system call: for a thread that may not call the C library, which other libraries may put themselves before.
pub fn milliseconds_past_the_c_library() -> u64 {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    let place = (&raw mut now).cast();
    // SAFETY: writes the value that it is given; if it is refused, the value stays zero.
    let _ = unsafe { raw::call(libc::SYS_clock_gettime, [flags(CLOCK_MONOTONIC_COARSE), place]) };
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

/// Milliseconds since 1970, for what is written down.
pub fn unix_milliseconds() -> u64 {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the value that it is given; if it fails, the value stays zero.
    quietly(|| unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut now) });
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

/// Nanoseconds of processor time that the calling thread has had, to time what takes microseconds or more, whatever else the
/// processor does in between. A system call: some two hundred.
pub fn processor_nanoseconds() -> u64 {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the value that it is given; if it fails, the value stays zero.
    quietly(|| unsafe { libc::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &raw mut now) });
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::{milliseconds, processor_nanoseconds};
    use std::time::{Duration, Instant};

    #[test]
    fn it_follows_the_fine_clock_within_a_tick() {
        let (coarse, fine) = (milliseconds(), Instant::now());
        std::thread::sleep(Duration::from_millis(60));
        let passed = milliseconds() - coarse;
        let really = fine.elapsed().as_millis() as u64;
        assert!(passed + 15 >= really && passed <= really + 15, "{passed} ms against {really} ms");
    }

    #[test]
    fn a_thread_that_sleeps_has_no_processor_time_meanwhile_and_one_that_works_has() {
        let begun = processor_nanoseconds();
        std::thread::sleep(Duration::from_millis(20));
        assert!(processor_nanoseconds() - begun < 20_000_000);
        let deadline = Instant::now() + Duration::from_secs(100);
        while processor_nanoseconds() - begun < 20_000_000 {
            assert!(Instant::now() < deadline, "it stands still");
        }
    }
}
