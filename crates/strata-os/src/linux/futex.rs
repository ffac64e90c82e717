//! Sleeping until a word changes, by the kernel's futex.

use super::raw::{self, flags, number};
use core::ptr::{NonNull, null_mut};
use libc::{FUTEX_PRIVATE_FLAG, FUTEX_WAIT, FUTEX_WAKE, SYS_futex, time_t, timespec};

/// Whether a thread can sleep here without waking up now and then to check.
pub const IS_THERE: bool = true;

/// Sleeps while the word holds `expected`, at most `milliseconds` (`None`: for ever); may also return spuriously.
///
/// # Safety
/// - `word` is a live, aligned word of the caller's.
pub unsafe fn wait(word: NonNull<u32>, expected: u32, milliseconds: Option<u64>) {
    let mut limit = milliseconds.map(duration);
    let limit = limit.as_mut().map_or(null_mut(), core::ptr::from_mut);
    let (what, expected) = (flags(FUTEX_WAIT | FUTEX_PRIVATE_FLAG), number(expected as usize));
    // SAFETY: the kernel reads the word, which the caller keeps alive, and the time, which outlives the call.
    let _ = unsafe { raw::call(SYS_futex, [word.as_ptr().cast(), what, expected, limit.cast()]) };
}

/// Wakes the thread that sleeps on the word, if there is one.
pub fn wake(word: NonNull<u32>) {
    let what = flags(FUTEX_WAKE | FUTEX_PRIVATE_FLAG);
    // SAFETY: the kernel takes the address as a name only.
    let _ = unsafe { raw::call(SYS_futex, [word.as_ptr().cast(), what, number(1)]) };
}

pub(super) fn duration(milliseconds: u64) -> timespec {
    timespec {
        tv_sec: time_t::try_from(milliseconds / 1000).unwrap_or(time_t::MAX),
        tv_nsec: (milliseconds % 1000 * 1_000_000) as _,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::{AtomicU32, Ordering};
    use std::time::{Duration, Instant};

    fn address(word: &AtomicU32) -> NonNull<u32> {
        NonNull::new(word.as_ptr()).unwrap()
    }

    #[test]
    fn nobody_sleeps_on_a_word_that_has_changed_already() {
        let word = AtomicU32::new(1);
        // SAFETY: a live word.
        unsafe { wait(address(&word), 0, None) };
    }

    #[test]
    fn a_sleeper_wakes_when_its_time_is_over() {
        let (word, start) = (AtomicU32::new(0), Instant::now());
        while start.elapsed() < Duration::from_millis(20) {
            // SAFETY: a live word.
            unsafe { wait(address(&word), 0, Some(20)) };
        }
    }

    #[test]
    fn a_sleeper_is_woken() {
        let word = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while word.load(Ordering::Acquire) == 0 {
                    // SAFETY: a live word.
                    unsafe { wait(address(&word), 0, None) };
                }
            });
            std::thread::sleep(Duration::from_millis(10));
            word.store(1, Ordering::Release);
            wake(address(&word));
        });
    }
}
