//! A closure of any type, kept in a place of fixed size: the watch list allocates nothing.
//!
//! Does not know: when it is called, nor by whom.

use super::Crossing;
use core::mem::MaybeUninit;

/// Words of a closure's captures: some references and numbers, or a box of more.
pub(crate) const CAPTURE_WORDS: usize = 8;

type Captures = [MaybeUninit<usize>; CAPTURE_WORDS];

/// What a closure needs to fit.
struct Fits<F>(core::marker::PhantomData<F>);

impl<F> Fits<F> {
    const HERE: () = assert!(
        size_of::<F>() <= size_of::<Captures>() && align_of::<F>() <= align_of::<Captures>(),
        "the closure captures more than eight words: put what it captures into a Box or an Arc"
    );
}

/// The closure, and how it is called and dropped.
pub(crate) struct Callback {
    captures: Captures,
    call: unsafe fn(&mut Captures, &Crossing),
    drop: unsafe fn(&mut Captures),
}

impl Callback {
    pub(crate) fn new<F: FnMut(&Crossing) + Send + 'static>(closure: F) -> Self {
        const { Fits::<F>::HERE };
        let mut captures = [MaybeUninit::uninit(); CAPTURE_WORDS];
        // SAFETY: `Fits`: the place is large enough, and aligned.
        unsafe { captures.as_mut_ptr().cast::<F>().write(closure) };
        Self { captures, call: call::<F>, drop: drop_in_place::<F> }
    }

    pub(crate) fn call(&mut self, crossing: &Crossing) {
        // SAFETY: `new` put a closure of this type there, and `drop` takes it out last.
        unsafe { (self.call)(&mut self.captures, crossing) };
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        // SAFETY: as in `call`; there is no call afterwards.
        unsafe { (self.drop)(&mut self.captures) };
    }
}

/// # Safety
/// - `captures` holds an `F`.
unsafe fn call<F: FnMut(&Crossing)>(captures: &mut Captures, crossing: &Crossing) {
    // SAFETY: it holds this closure, by this function's contract.
    let closure = unsafe { &mut *captures.as_mut_ptr().cast::<F>() };
    closure(crossing);
}

/// # Safety
/// - `captures` holds an `F`, which is not used again.
unsafe fn drop_in_place<F>(captures: &mut Captures) {
    // SAFETY: it holds this closure, by this function's contract.
    unsafe { captures.as_mut_ptr().cast::<F>().drop_in_place() };
}

#[cfg(test)]
mod tests {
    use super::super::Measure;
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    const CROSSING: Crossing =
        Crossing { measure: Measure::Resident, bytes: 5, threshold_bytes: 4, limit_bytes: None };

    #[test]
    fn a_closure_is_called_as_it_was_moved_and_dropped_once() {
        let sum = Arc::new(AtomicU64::new(0));
        let (theirs, mut calls) = (Arc::clone(&sum), 0);
        let mut callback = Callback::new(move |crossing: &Crossing| {
            calls += 1;
            theirs.fetch_add(crossing.bytes() * calls, Relaxed);
        });
        callback.call(&CROSSING);
        let mut moved = callback;
        moved.call(&CROSSING);
        assert_eq!((sum.load(Relaxed), Arc::strong_count(&sum)), (15, 2));
        drop(moved);
        assert_eq!(Arc::strong_count(&sum), 1);
    }

    #[test]
    fn eight_words_fit() {
        let words = [1_u64; CAPTURE_WORDS];
        Callback::new(move |_| assert_eq!(words.iter().sum::<u64>(), 8)).call(&CROSSING);
    }
}
