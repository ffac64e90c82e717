//! The size of a page: it never changes while a program runs, and is asked for once.
//!
//! Does not know: whom to ask.

use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;

const SMALLEST_BYTES: usize = 4096;

/// The answer, once it was asked for.
pub(crate) struct PageSize(AtomicUsize);

impl PageSize {
    pub(crate) const fn unknown() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Bytes of a page, which `ask` is asked for the first time; an answer that cannot be becomes the smallest page.
    #[inline]
    pub(crate) fn or_ask(&self, ask: fn() -> usize) -> usize {
        // Relaxed: every thread that finds zero computes the same value.
        match self.0.load(Relaxed) {
            0 => self.remember(ask()),
            known => known,
        }
    }

    #[cold]
    fn remember(&self, answer: usize) -> usize {
        let bytes = answer.max(SMALLEST_BYTES);
        // Relaxed: as in `or_ask`.
        self.0.store(bytes, Relaxed);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_answer_stays_and_none_is_the_smallest_page() {
        let size = PageSize::unknown();
        assert_eq!(size.or_ask(|| 16 << 10), 16 << 10);
        assert_eq!(size.or_ask(|| unreachable!("it was asked before")), 16 << 10);
        assert_eq!(PageSize::unknown().or_ask(|| 0), SMALLEST_BYTES);
    }
}
