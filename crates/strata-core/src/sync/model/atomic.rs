//! Loom's atomics with the marks of their readers, under the names and the few operations that the shipped ones use.
//!
//! Does not know: why reads are marked; `readers` does.

use super::readers::Readers;
use core::sync::atomic::Ordering;
use loom::sync::atomic;

/// A pointer that all threads may change.
#[derive(Debug)]
pub struct AtomicPtr<T> {
    word: atomic::AtomicPtr<T>,
    readers: Readers,
}

/// A number that all threads may change.
#[derive(Debug)]
pub struct AtomicU64 {
    word: atomic::AtomicU64,
    readers: Readers,
}

/// A small number that all threads may change.
#[derive(Debug)]
pub struct AtomicU8 {
    word: atomic::AtomicU8,
    readers: Readers,
}

macro_rules! operations {
    ($value:ty: $($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {$(
        #[doc = concat!("As in `core`: ", stringify!($name), ".")]
        pub fn $name(&self, $($argument: $type),*) -> $result {
            self.readers.look();
            self.word.$name($($argument),*)
        }
    )*

        #[doc = "As in `core`: load."]
        pub fn load(&self, order: Ordering) -> $value {
            let value = self.word.load(order);
            self.readers.touch();
            value
        }
    };
}

/// A number that statistics are counted in. Nothing is inferred from it about other memory, so loom explores the orders in which
/// threads count only where a model asks for it: elsewhere they would only make the model larger.
#[derive(Debug)]
pub enum StatisticWord {
    /// Exact, and no part of the model.
    Apart(core::sync::atomic::AtomicU64),
    /// Explored.
    Explored(AtomicU64),
}

macro_rules! either {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {$(
        #[doc = concat!("As in `core`: ", stringify!($name), ".")]
        pub fn $name(&self, $($argument: $type),*) -> $result {
            match self {
                Self::Apart(word) => word.$name($($argument),*),
                Self::Explored(word) => word.$name($($argument),*),
            }
        }
    )*};
}

impl StatisticWord {
    /// A word with this value, which is not explored.
    pub fn new(value: u64) -> Self {
        Self::Apart(core::sync::atomic::AtomicU64::new(value))
    }

    /// A word with this value, which is.
    pub fn explored(value: u64) -> Self {
        Self::Explored(AtomicU64::new(value))
    }

    either! {
        load(order: Ordering) -> u64;
        store(value: u64, order: Ordering) -> ();
        compare_exchange(seen: u64, new: u64, success: Ordering, failure: Ordering) -> Result<u64, u64>;
        fetch_add(value: u64, order: Ordering) -> u64;
        fetch_sub(value: u64, order: Ordering) -> u64;
    }
}

impl<T> AtomicPtr<T> {
    /// A word with this value.
    pub fn new(value: *mut T) -> Self {
        Self { word: atomic::AtomicPtr::new(value), readers: Readers::none() }
    }

    operations! {
        *mut T:
        store(value: *mut T, order: Ordering) -> ();
        swap(value: *mut T, order: Ordering) -> *mut T;
        compare_exchange(seen: *mut T, new: *mut T, success: Ordering, failure: Ordering) -> Result<*mut T, *mut T>;
    }
}

impl AtomicU8 {
    /// A word with this value.
    pub fn new(value: u8) -> Self {
        Self { word: atomic::AtomicU8::new(value), readers: Readers::none() }
    }

    operations! {
        u8:
        store(value: u8, order: Ordering) -> ();
        fetch_add(value: u8, order: Ordering) -> u8;
        fetch_sub(value: u8, order: Ordering) -> u8;
    }
}

impl AtomicU64 {
    /// A word with this value.
    pub fn new(value: u64) -> Self {
        Self { word: atomic::AtomicU64::new(value), readers: Readers::none() }
    }

    operations! {
        u64:
        store(value: u64, order: Ordering) -> ();
        swap(value: u64, order: Ordering) -> u64;
        compare_exchange(seen: u64, new: u64, success: Ordering, failure: Ordering) -> Result<u64, u64>;
        fetch_add(value: u64, order: Ordering) -> u64;
        fetch_sub(value: u64, order: Ordering) -> u64;
        fetch_or(value: u64, order: Ordering) -> u64;
        fetch_and(value: u64, order: Ordering) -> u64;
    }
}
