//! The facade under loom: every atomic is explored, every owned cell is checked for two owners at once.
//!
//! Does not know: the shipped layout; loom's types are larger, so `layout.rs` has other numbers here.

mod atomic;
mod readers;

pub use atomic::{AtomicPtr, AtomicU8, AtomicU64, StatisticWord};
pub use loom::sync::atomic::fence;
pub use readers::{alone, one_more_thread};

use core::ptr::NonNull;
use core::sync::atomic::Ordering;
use loom::cell::UnsafeCell;

/// A pair of fences, one of which has the system raise a barrier in all threads. The barrier comes before the light side of another thread,
/// or behind it: exchanges of one word are ordered in the same way. Where no barrier is raised, a light side is nothing.
#[derive(Debug)]
pub struct AsymmetricFence(AtomicU64);

impl AsymmetricFence {
    /// One pair.
    pub fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The side of those who come often.
    pub fn light(&self) {
        // AcqRel: what was before a barrier is seen behind it; pairs with AcqRel in model.rs::heavy.
        self.0.fetch_or(0, Ordering::AcqRel);
    }

    /// The side of those who come rarely; the model's system always does what it is asked for.
    pub fn heavy(&self, _raise: impl FnOnce() -> bool) -> bool {
        // AcqRel: as above; pairs with AcqRel in model.rs::light.
        self.0.fetch_or(0, Ordering::AcqRel);
        true
    }
}

/// A pointer that has one owner at a time; loom reports a second one.
#[derive(Debug)]
pub struct OwnedPtr<T>(UnsafeCell<*mut T>);

impl<T> OwnedPtr<T> {
    /// A cell that holds null.
    pub fn null() -> Self {
        Self(UnsafeCell::new(core::ptr::null_mut()))
    }

    /// Makes raw memory a cell.
    ///
    /// # Safety
    /// - `place` is aligned, mapped and the caller's.
    pub unsafe fn prepare(place: *mut Self) {
        // SAFETY: aligned, mapped and the caller's, by this function's contract.
        unsafe { place.write(Self::null()) };
    }

    /// The owner reads.
    pub fn get(&self) -> *mut T {
        // SAFETY: loom checks that no thread writes meanwhile.
        self.0.with(|cell| unsafe { *cell })
    }

    /// The owner writes.
    pub fn set(&self, value: *mut T) {
        // SAFETY: loom checks that no thread reads or writes meanwhile.
        self.0.with_mut(|cell| unsafe { *cell = value });
    }

    /// Statistics are not modelled: a glance at an owned cell would be a false alarm.
    pub fn glance(&self) -> *mut T {
        core::ptr::null_mut()
    }
}

/// A 32-bit number that has one owner at a time; loom reports a second one.
#[derive(Debug)]
pub struct OwnedU32(UnsafeCell<u32>);

impl OwnedU32 {
    /// A cell that holds 0.
    pub fn zero() -> Self {
        Self(UnsafeCell::new(0))
    }

    /// The owner reads.
    pub fn get(&self) -> u32 {
        // SAFETY: loom checks that no thread writes meanwhile.
        self.0.with(|cell| unsafe { *cell })
    }

    /// The owner writes.
    pub fn set(&self, value: u32) {
        // SAFETY: loom checks that no thread reads or writes meanwhile.
        self.0.with_mut(|cell| unsafe { *cell = value });
    }

    /// The owner writes `new`, if it finds `seen`; whether it did. Two owners are reported, as everywhere.
    pub fn exchange(&self, seen: u32, new: u32) -> bool {
        let is_seen = self.get() == seen;
        if is_seen {
            self.set(new);
        }
        is_seen
    }

    /// Statistics are not modelled.
    pub fn glance(&self) -> u32 {
        0
    }
}

/// A count that has one owner at a time; loom reports a second one.
#[derive(Debug)]
pub struct OwnedUsize(UnsafeCell<usize>);

impl OwnedUsize {
    /// A cell that holds 0.
    pub fn zero() -> Self {
        Self(UnsafeCell::new(0))
    }

    /// The owner reads.
    pub fn get(&self) -> usize {
        // SAFETY: loom checks that no thread writes meanwhile.
        self.0.with(|cell| unsafe { *cell })
    }

    /// The owner writes.
    pub fn set(&self, value: usize) {
        // SAFETY: loom checks that no thread reads or writes meanwhile.
        self.0.with_mut(|cell| unsafe { *cell = value });
    }

    /// Statistics are not modelled.
    pub fn glance(&self) -> usize {
        0
    }
}

/// A count of one owner, of which there are no racy reads; loom reports a second one.
#[derive(Debug)]
pub struct PrivateUsize(OwnedUsize);

impl PrivateUsize {
    /// A cell that holds 0.
    pub fn zero() -> Self {
        Self(OwnedUsize::zero())
    }

    /// The owner reads.
    ///
    /// # Safety
    /// - The caller owns the cell.
    pub unsafe fn get(&self) -> usize {
        self.0.get()
    }

    /// The owner writes.
    ///
    /// # Safety
    /// - The caller owns the cell.
    pub unsafe fn set(&self, value: usize) {
        self.0.set(value);
    }
}

/// Says of the value that it is a field of whether it was written before it is read: loom reports a reader that comes too early.
#[derive(Debug)]
pub struct Witness(UnsafeCell<u32>);

impl Witness {
    const WRITTEN: u32 = 0x57_17;

    /// The value is written with this.
    pub fn new() -> Self {
        // A step of its own: loom numbers what a thread does by its steps on atomics, and would take what was published in the step
        // before for later than this.
        AtomicU64::new(0).store(1, Ordering::Relaxed);
        Self(UnsafeCell::new(Self::WRITTEN))
    }

    /// The value is read.
    ///
    /// # Panics
    /// If it was not written.
    pub fn look(&self) {
        // SAFETY: loom checks that it was written before.
        assert_eq!(self.0.with(|cell| unsafe { *cell }), Self::WRITTEN, "read before it was written");
    }
}

/// A word on which one thread sleeps: the kernel's promise that no thread falls asleep on a word that has changed, as a lock.
#[derive(Debug)]
pub struct WaitWord {
    word: AtomicU64,
    kernel: loom::sync::Mutex<()>,
    sleeper: loom::sync::Condvar,
}

impl WaitWord {
    /// A word with this value.
    pub fn new(value: u32) -> Self {
        let (kernel, sleeper) = (loom::sync::Mutex::new(()), loom::sync::Condvar::new());
        Self { word: AtomicU64::new(value.into()), kernel, sleeper }
    }

    /// As in `core`: swap.
    pub fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.word.swap(value.into(), order) as u32
    }

    /// Sleeps until woken, if the word holds `value` when the kernel reads it; loom reports a sleep that never ends.
    ///
    /// # Panics
    /// If a thread of the model panicked in here.
    pub fn sleep_while(&self, value: u32, _sleep: impl FnOnce(NonNull<u32>)) {
        let kernel = self.kernel.lock().expect("the kernel does not panic");
        if self.word.load(Ordering::Relaxed) == u64::from(value) {
            drop(self.sleeper.wait(kernel));
        }
    }

    /// A while may always be over already.
    pub fn nap_while(&self, _value: u32, _sleep: impl FnOnce(NonNull<u32>)) {
        spin_hint();
    }

    /// Wakes the sleeper.
    ///
    /// # Panics
    /// If a thread of the model panicked in here.
    pub fn wake(&self, _wake: impl FnOnce(NonNull<u32>)) {
        let _kernel = self.kernel.lock().expect("the kernel does not panic");
        self.sleeper.notify_one();
    }
}

/// Lets another thread of the model run.
pub fn spin_hint() {
    loom::thread::yield_now();
}

/// Makes raw memory a value.
///
/// # Safety
/// - `place` is aligned and the caller's.
pub unsafe fn init_fresh<T>(place: core::ptr::NonNull<T>, initial: impl FnOnce() -> T) {
    // SAFETY: aligned and the caller's, by this function's contract.
    unsafe { place.write(initial()) };
}
