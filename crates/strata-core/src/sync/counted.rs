//! The shipped atomics, each of whose read-modify-writes is counted: for the test that says how many a free costs.
//!
//! Built with `--cfg strata_counted` only. A compare-and-swap counts whether it succeeds or not: it costs the same.
//!
//! Does not know: what the words mean.

use core::sync::atomic::{self, Ordering};

static EXCHANGES: atomic::AtomicU64 = atomic::AtomicU64::new(0);

/// Read-modify-writes since the start, of all threads.
pub fn exchanges() -> u64 {
    EXCHANGES.load(Ordering::Relaxed)
}

macro_rules! counted {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {$(
        #[doc = concat!("As in `core`: ", stringify!($name), ".")]
        pub fn $name(&self, $($argument: $type),*) -> $result {
            EXCHANGES.fetch_add(1, Ordering::Relaxed);
            self.0.$name($($argument),*)
        }
    )*};
}

macro_rules! plain {
    ($value:ty) => {
        /// A word with this value.
        pub const fn new(value: $value) -> Self {
            Self(Word::new(value))
        }

        /// As in `core`: load.
        pub fn load(&self, order: Ordering) -> $value {
            self.0.load(order)
        }

        /// As in `core`: store.
        pub fn store(&self, value: $value, order: Ordering) {
            self.0.store(value, order);
        }
    };
}

mod pointer {
    use super::*;
    use atomic::AtomicPtr as Word;

    /// A pointer that all threads may change.
    #[repr(transparent)]
    #[derive(Debug)]
    pub struct AtomicPtr<T>(Word<T>);

    impl<T> AtomicPtr<T> {
        plain!(*mut T);

        counted! {
            swap(value: *mut T, order: Ordering) -> *mut T;
            compare_exchange(seen: *mut T, new: *mut T, success: Ordering, failure: Ordering) -> Result<*mut T, *mut T>;
        }
    }
}

mod number {
    use super::*;
    use atomic::AtomicU64 as Word;

    /// A number that all threads may change.
    #[repr(transparent)]
    #[derive(Debug)]
    pub struct AtomicU64(Word);

    impl AtomicU64 {
        plain!(u64);

        counted! {
            swap(value: u64, order: Ordering) -> u64;
            compare_exchange(seen: u64, new: u64, success: Ordering, failure: Ordering) -> Result<u64, u64>;
            fetch_add(value: u64, order: Ordering) -> u64;
            fetch_sub(value: u64, order: Ordering) -> u64;
            fetch_or(value: u64, order: Ordering) -> u64;
            fetch_and(value: u64, order: Ordering) -> u64;
        }
    }
}

pub use number::AtomicU64;
pub use pointer::AtomicPtr;
