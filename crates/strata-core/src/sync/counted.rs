//! The shipped atomics, each of whose read-modify-writes is counted, and each cache line that a thread must fetch from another: for the
//! test that says how many a free costs.
//!
//! A line has a bit for each simulated thread that has it. To read it, one needs a bit; to write to it, the only one.
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

/// The thread that acts, and the lines that it and others had to fetch.
static THREAD: atomic::AtomicU32 = atomic::AtomicU32::new(0);
static FETCHES: atomic::AtomicU64 = atomic::AtomicU64::new(0);
/// Who has which line, by its address: enough for a gigabyte, beyond which two lines are taken for one.
static LINES: [atomic::AtomicU64; 1 << 24] = [const { atomic::AtomicU64::new(0) }; 1 << 24];

/// Whatever happens from now on is done by this one of 64 threads.
pub fn act_as(thread: usize) {
    THREAD.store(thread as u32 % u64::BITS, Ordering::Relaxed);
}

/// Lines of atomics that a thread fetched from others since the start.
pub fn fetches() -> u64 {
    FETCHES.load(Ordering::Relaxed)
}

fn line_of<T>(word: &T) -> &'static atomic::AtomicU64 {
    &LINES[core::ptr::from_ref(word).addr() / 64 % LINES.len()]
}

fn note_read<T>(word: &T) {
    let (line, own) = (line_of(word), 1 << THREAD.load(Ordering::Relaxed));
    let have = line.fetch_or(own, Ordering::Relaxed);
    FETCHES.fetch_add((have != 0 && have & own == 0).into(), Ordering::Relaxed);
}

fn note_write<T>(word: &T) {
    let (line, own) = (line_of(word), 1 << THREAD.load(Ordering::Relaxed));
    let have = line.swap(own, Ordering::Relaxed);
    FETCHES.fetch_add((have & !own != 0).into(), Ordering::Relaxed);
}

macro_rules! counted {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {$(
        #[doc = concat!("As in `core`: ", stringify!($name), ".")]
        pub fn $name(&self, $($argument: $type),*) -> $result {
            EXCHANGES.fetch_add(1, Ordering::Relaxed);
            note_write(self);
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
            note_read(self);
            self.0.load(order)
        }

        /// As in `core`: store.
        pub fn store(&self, value: $value, order: Ordering) {
            note_write(self);
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

mod small {
    use super::*;
    use atomic::AtomicU8 as Word;

    /// A small number that all threads may change.
    #[repr(transparent)]
    #[derive(Debug)]
    pub struct AtomicU8(Word);

    impl AtomicU8 {
        plain!(u8);

        counted! {
            fetch_add(value: u8, order: Ordering) -> u8;
            fetch_sub(value: u8, order: Ordering) -> u8;
        }
    }
}

pub use number::AtomicU64;
pub use pointer::AtomicPtr;
pub use small::AtomicU8;
