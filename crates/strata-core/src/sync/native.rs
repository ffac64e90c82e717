//! The facade as it ships: `core`'s atomics, and owned cells that cost a plain load or store.
//!
//! An *owned* cell is written and read by one owner at a time; who that is, the containing type says. Natively it is a
//! relaxed atomic, so that a statistics reader may `glance` at it without undefined behaviour; under loom it is a checked
//! cell, so that two owners at once are reported.
//!
//! Does not know: loom.

#[cfg(strata_counted)]
pub use super::counted::{AtomicPtr, AtomicU8, AtomicU64};
use core::ptr::NonNull;
pub use core::sync::atomic::fence;
#[cfg(not(strata_counted))]
pub use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU64};
use core::sync::atomic::{
    AtomicPtr as CorePtr, AtomicU32, AtomicUsize, Ordering, Ordering::Relaxed, Ordering::SeqCst,
};

/// A number that statistics are counted in.
pub type StatisticWord = AtomicU64;

/// A pointer that has one owner at a time.
#[repr(transparent)]
#[derive(Debug)]
pub struct OwnedPtr<T>(CorePtr<T>);

impl<T> OwnedPtr<T> {
    /// A cell that holds null, all of whose bytes are zero.
    #[inline(always)]
    pub const fn null() -> Self {
        Self(CorePtr::new(core::ptr::null_mut()))
    }

    /// Makes raw memory a cell; nothing to do where any bytes are one.
    ///
    /// # Safety
    /// - `place` is aligned, mapped and the caller's.
    #[inline(always)]
    pub unsafe fn prepare(_place: *mut Self) {}

    /// The owner reads.
    #[inline(always)]
    pub fn get(&self) -> *mut T {
        // Relaxed: the owner is the only writer; hand-over of ownership orders everything else.
        self.0.load(Relaxed)
    }

    /// The owner writes.
    #[inline(always)]
    pub fn set(&self, value: *mut T) {
        // Relaxed: as in `get`.
        self.0.store(value, Relaxed);
    }

    /// A racy read: the value may not be current.
    #[inline]
    pub fn glance(&self) -> *mut T {
        // Relaxed: a statistic; nothing is dereferenced before it was validated.
        self.0.load(Relaxed)
    }
}

/// A 32-bit number that has one owner at a time.
#[repr(transparent)]
#[derive(Debug)]
pub struct OwnedU32(AtomicU32);

impl OwnedU32 {
    /// A cell that holds 0.
    #[inline(always)]
    pub const fn zero() -> Self {
        Self(AtomicU32::new(0))
    }

    /// The owner reads.
    #[inline(always)]
    pub fn get(&self) -> u32 {
        // Relaxed: the owner is the only writer.
        self.0.load(Relaxed)
    }

    /// The owner writes.
    #[inline(always)]
    pub fn set(&self, value: u32) {
        // Relaxed: as in `get`.
        self.0.store(value, Relaxed);
    }

    /// The owner writes `new`, if it finds `seen`: for where a mistake of the program may have made two of it. Whether it did.
    #[inline]
    pub fn exchange(&self, seen: u32, new: u32) -> bool {
        // Relaxed: as in `get`.
        self.0.compare_exchange(seen, new, Relaxed, Relaxed).is_ok()
    }

    /// A racy read: the value may not be current.
    #[inline]
    pub fn glance(&self) -> u32 {
        // Relaxed: a statistic.
        self.0.load(Relaxed)
    }
}

/// A count that has one owner at a time, as wide as an index, so that no instruction widens it.
#[repr(transparent)]
#[derive(Debug)]
pub struct OwnedUsize(AtomicUsize);

impl OwnedUsize {
    /// A cell that holds 0.
    #[inline(always)]
    pub const fn zero() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// The owner reads.
    #[inline(always)]
    pub fn get(&self) -> usize {
        // Relaxed: the owner is the only writer.
        self.0.load(Relaxed)
    }

    /// The owner writes.
    #[inline(always)]
    pub fn set(&self, value: usize) {
        // Relaxed: as in `get`.
        self.0.store(value, Relaxed);
    }

    /// A racy read: the value may not be current.
    #[inline]
    pub fn glance(&self) -> usize {
        // Relaxed: a statistic.
        self.0.load(Relaxed)
    }
}

/// A count of one owner, of which there are no racy reads: the compiler may use it as an operand in memory.
#[repr(transparent)]
#[derive(Debug)]
pub struct PrivateUsize(core::cell::UnsafeCell<usize>);

impl PrivateUsize {
    /// A cell that holds 0.
    #[inline(always)]
    pub const fn zero() -> Self {
        Self(core::cell::UnsafeCell::new(0))
    }

    /// The owner reads.
    ///
    /// # Safety
    /// - The caller owns the cell.
    #[inline(always)]
    pub unsafe fn get(&self) -> usize {
        // SAFETY: no other thread reads or writes the cell.
        unsafe { *self.0.get() }
    }

    /// The owner writes.
    ///
    /// # Safety
    /// - The caller owns the cell.
    #[inline(always)]
    pub unsafe fn set(&self, value: usize) {
        // SAFETY: no other thread reads or writes the cell.
        unsafe { *self.0.get() = value };
    }
}

/// Says in models whether the value that it is a field of was written before it is read: nothing in the shipped build.
#[derive(Debug, Default)]
pub struct Witness;

impl Witness {
    /// The value is written with this.
    pub const fn new() -> Self {
        Self
    }

    /// The value is read.
    #[inline(always)]
    pub const fn look(&self) {}
}

/// A word on which one thread sleeps until another changes it; the caller brings the system's way to sleep.
#[repr(transparent)]
#[derive(Debug)]
pub struct WaitWord(AtomicU32);

impl WaitWord {
    /// A word with this value.
    pub const fn new(value: u32) -> Self {
        Self(AtomicU32::new(value))
    }

    /// As in `core`: swap.
    #[inline]
    pub fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.0.swap(value, order)
    }

    /// Has `sleep` wait at this address; it checks itself whether the word still holds what it should.
    pub fn sleep_while(&self, _value: u32, sleep: impl FnOnce(NonNull<u32>)) {
        sleep(self.address());
    }

    /// The same for a while only.
    pub fn nap_while(&self, _value: u32, sleep: impl FnOnce(NonNull<u32>)) {
        sleep(self.address());
    }

    /// Has `wake` wake the thread that sleeps at this address.
    pub fn wake(&self, wake: impl FnOnce(NonNull<u32>)) {
        wake(self.address());
    }

    fn address(&self) -> NonNull<u32> {
        NonNull::from(&self.0).cast()
    }
}

/// Tells the processor that this is a wait.
#[inline]
pub fn spin_hint() {
    core::hint::spin_loop();
}

/// A pair of fences, one of which costs no instruction: the other has the system raise a barrier in all threads.
///
/// Idea: asymmetric fences (folly; P1202 of the C++ committee).
#[derive(Debug, Default)]
pub struct AsymmetricFence;

impl AsymmetricFence {
    /// One pair.
    pub const fn new() -> Self {
        Self
    }

    /// The side of those who come often: keeps the compiler from moving a read in front of a write, as the barrier does the processor.
    #[inline(always)]
    pub fn light(&self) {
        core::sync::atomic::compiler_fence(SeqCst);
    }

    /// The side of those who come rarely: `raise` has the system raise a barrier in all threads. Returns what it says.
    pub fn heavy(&self, raise: impl FnOnce() -> bool) -> bool {
        raise()
    }
}

/// Makes zeroed memory a value whose initial state is all-zero bytes: nothing to do.
///
/// # Safety
/// - `place` is aligned, zero, and the caller's; all-zero bytes are what `initial` returns.
#[inline(always)]
pub unsafe fn init_fresh<T>(_place: core::ptr::NonNull<T>, _initial: impl FnOnce() -> T) {}
