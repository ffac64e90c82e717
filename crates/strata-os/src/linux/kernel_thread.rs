//! A thread made by `clone` itself (`crate::kernel_thread` has the contract).
//!
//! Does not know: what the thread does.

pub use super::abort::abort;
use super::futex;
use super::kernel;
use super::machine::page_size;
use super::raw::{self, Argument, flags, number};
use crate::kernel_thread::Refusal;
use core::ffi::{CStr, c_int, c_uint};
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// Whether there can be one here.
pub const IS_THERE: bool = raw::CAN_CLONE;

/// As much as the longest call needs many times over; what is not touched costs nothing.
const STACK_BYTES: usize = 64 << 10;
/// Below the thread pointer, where x86-64 keeps thread-local variables.
const BELOW_BYTES: usize = 4 << 10;
/// From the thread pointer on, where aarch64 keeps them.
const ABOVE_BYTES: usize = 2 << 10;

/// How long the end is waited for before it is asked whether there is such a thread at all.
const DOUBT_MS: u64 = 1000;

/// How long `start` waits for a thread that ends, though it may be kept from the processor.
const LAST_INSTRUCTIONS_MS: u64 = 10;

/// Shares everything, as the C library's threads do: emulators and checkers know no other. Descriptors are unshared right after.
const SHARED: c_int = libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM
    | libc::CLONE_SETTLS
    | libc::CLONE_PARENT_SETTID
    | libc::CLONE_CHILD_CLEARTID;

// Of the kernel's interface, which is fixed; the C library's header may be older than the kernel.
const MADV_WIPEONFORK: c_int = 18;
const CLOSE_RANGE_UNSHARE: c_uint = 1 << 1;
/// The kernel's set of signals, whose number of bytes it wants to be told: not the C library's, and all bits are signals.
type SignalSet = u64;

/// Generations of all berths: each is a number more than any before, in this process or above it.
static GENERATIONS: AtomicU64 = AtomicU64::new(0);

/// Lies behind the stack, in pages that are empty in a child of `fork`.
#[repr(C)]
struct Control {
    /// 0: not asked for yet in this copy of the memory.
    generation: AtomicU64,
    /// The kernel's number of the thread; it clears the word when the thread has ended, and wakes who waits (B2).
    thread: AtomicU32,
    /// What the next thread runs: written before it starts, read by it.
    body: AtomicPtr<()>,
    name: AtomicPtr<u8>,
    /// Whether the thread has a table of descriptors of its own: written by it, 1 or 0.
    is_apart: AtomicU32,
}

/// Where one thread at a time runs.
#[derive(Debug)]
pub struct Berth {
    control: AtomicPtr<Control>,
    body: AtomicPtr<()>,
    name: AtomicPtr<u8>,
}

impl Berth {
    /// An empty one, without memory yet.
    pub const fn new() -> Self {
        Self {
            control: AtomicPtr::new(null_mut()),
            body: AtomicPtr::new(null_mut()),
            name: AtomicPtr::new(null_mut()),
        }
    }

    /// Which copy of this memory this is: a number above zero that a child of `fork` does not share with its parent (B1).
    /// 0: no memory for it, or a kernel before 4.14.
    pub fn generation(&self) -> u64 {
        let Some(control) = self.control().or_else(|| self.furnish()) else { return 0 };
        // Relaxed: the number stands for itself.
        match control.generation.load(Ordering::Relaxed) {
            0 => control.next_generation(),
            known => known,
        }
    }

    /// Whether a thread is there; one that has begun to end may still be seen.
    pub fn is_occupied(&self) -> bool {
        // Acquire: pairs with the kernel's clearing, after which the stack is free (B2).
        self.control().is_some_and(|control| control.thread.load(Ordering::Acquire) != 0)
    }

    /// Says what every thread here runs, and how it is named.
    ///
    /// # Safety
    /// - `body` allocates nothing, makes no calls of the C library's but those that touch memory alone, does not unwind, and its
    ///   code is there until the berth is empty.
    pub unsafe fn introduce(&self, body: extern "C" fn(), name: &'static CStr) {
        // Relaxed: a text, which is there already.
        self.name.store(name.as_ptr().cast_mut().cast(), Ordering::Relaxed);
        // Release: the name; pairs with Acquire in `start`.
        self.body.store(body as *mut (), Ordering::Release);
    }

    /// Whether it is known what threads here run.
    #[inline]
    pub fn can_start(&self) -> bool {
        // Relaxed: `start` asks again.
        !self.body.load(Ordering::Relaxed).is_null()
    }

    /// Starts a thread that runs what was introduced, and ends; it blocks all signals.
    ///
    /// # Safety
    /// - No other thread starts one in this berth at the same time (B1).
    pub unsafe fn start(&self) -> Result<(), Refusal> {
        // Acquire: the name; pairs with Release in `introduce`.
        let body = self.body.load(Ordering::Acquire);
        let control = self.control().or_else(|| self.furnish()).filter(|_| !body.is_null());
        let control = control.ok_or(Refusal::Refused)?;
        // The last one may be at its last instructions.
        self.wait_until_empty(Some(LAST_INSTRUCTIONS_MS));
        if self.is_occupied() {
            return Err(Refusal::Occupied);
        }
        // Relaxed: the kernel starts the thread after these.
        control.body.store(body, Ordering::Relaxed);
        // Relaxed: as above.
        control.name.store(self.name.load(Ordering::Relaxed), Ordering::Relaxed);
        let before = set_signals(SignalSet::MAX);
        // SAFETY: the stack is unused: the berth is empty, and only the caller starts a thread here.
        let started = unsafe { control.clone() };
        if let Some(before) = before {
            set_signals(before);
        }
        started.map(drop).map_err(|_| Refusal::Refused)
    }

    /// Whether the caller is the thread that runs here.
    pub fn is_here(&self) -> bool {
        // SAFETY: asks for a number.
        let this = unsafe { raw::call::<0>(libc::SYS_gettid, []) };
        // Relaxed: the kernel wrote it before the thread began.
        self.control().is_some_and(|control| Ok(control.thread.load(Ordering::Relaxed) as usize) == this)
    }

    /// For the thread itself: whether files that it opens are invisible to other threads.
    pub fn is_apart(&self) -> bool {
        // Relaxed: written by the thread that asks.
        self.control().is_some_and(|control| control.is_apart.load(Ordering::Relaxed) != 0)
    }

    /// Sleeps until no thread is there, but wakes at most once if there is a limit in milliseconds. It is no
    /// cancellation point.
    ///
    /// Emulators of processors accept `MADV_WIPEONFORK` without doing it: a child of `fork` would wait for a thread of its parent.
    pub fn wait_until_empty(&self, milliseconds: Option<u64>) {
        let Some(control) = self.control() else { return };
        let mut limit = futex::duration(milliseconds.unwrap_or(DOUBT_MS));
        loop {
            // Acquire: as in `is_occupied`.
            let thread = control.thread.load(Ordering::Acquire);
            if thread == 0 {
                return;
            }
            let (word, limit) = (control.thread.as_ptr().cast(), (&raw mut limit).cast());
            let (wait, expected) = (flags(libc::FUTEX_WAIT), number(thread as usize));
            // SAFETY: a live word. Not a private wait, since the kernel's wake at the thread's end is none.
            let answer = unsafe { raw::call(libc::SYS_futex, [word, wait, expected, limit]) };
            if milliseconds.is_some() || answer == Err(libc::ETIMEDOUT) && !is_of_this_process(thread) {
                return;
            }
        }
    }

    /// Gives the stack back for good; the rest of the berth stays, since others may ask whether it is occupied.
    ///
    /// # Safety
    /// - It is empty, and no thread is started here any more.
    pub unsafe fn give_stack_back(&self) {
        if let Some(control) = self.control() {
            let (start, _) = mapping_of(NonNull::from(control));
            // SAFETY: mapped by `map`, and used by threads only.
            unsafe { release((start, page_size() + STACK_BYTES)) };
        }
    }

    fn control(&self) -> Option<&Control> {
        // Acquire: the control's pages; pairs with the Release in `furnish`.
        let control = self.control.load(Ordering::Acquire);
        // SAFETY: mapped by `furnish`, and never unmapped.
        unsafe { control.as_ref() }
    }

    /// Maps the memory; if another thread is faster, its is taken.
    #[cold]
    fn furnish(&self) -> Option<&Control> {
        if !IS_THERE {
            return None;
        }
        let mine = map()?;
        // Release: the mapping's protection and kind; pairs with Acquire in `control`. Acquire on failure: the winner's.
        let published =
            self.control.compare_exchange(null_mut(), mine.as_ptr(), Ordering::Release, Ordering::Acquire);
        if published.is_err() {
            // SAFETY: mapped just now, and not shared yet.
            unsafe { release(mapping_of(mine)) };
        }
        self.control()
    }
}

impl Default for Berth {
    fn default() -> Self {
        Self::new()
    }
}

impl Control {
    #[cold]
    fn next_generation(&self) -> u64 {
        // Relaxed: a number that no other call gets; a child's copy of the counter is past all that its parent had got by then.
        let next = GENERATIONS.fetch_add(1, Ordering::Relaxed) + 1;
        // Relaxed: as in `generation`.
        match self.generation.compare_exchange(0, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => next,
            Err(known) => known,
        }
    }

    /// # Safety
    /// - The stack is unused.
    unsafe fn clone(&self) -> raw::Answer {
        let control = core::ptr::from_ref(self).cast_mut().cast::<u8>();
        let storage = control.wrapping_byte_sub(ABOVE_BYTES);
        let stack = storage.wrapping_byte_sub(BELOW_BYTES);
        if cfg!(target_arch = "x86_64") {
            // The compiler reads the thread pointer at the address that it points to.
            // SAFETY: in the mapping, and unused: the berth is empty.
            unsafe { storage.cast::<*mut u8>().write_unaligned(storage) };
        }
        let thread = self.thread.as_ptr().cast();
        // SAFETY: the mapping stays until the thread has ended (B2); `begin` returns.
        unsafe { raw::clone(SHARED as usize, stack.cast(), thread, storage.cast(), begin, control.cast()) }
    }
}

/// Whether there is a thread with this number; yes, if that may not be asked.
#[cold]
fn is_of_this_process(thread: u32) -> bool {
    // SAFETY: asks for a number.
    let process = unsafe { raw::call::<0>(libc::SYS_getpid, []) }.unwrap_or(0);
    // SAFETY: a signal of number 0 is none.
    let found = unsafe { raw::call(libc::SYS_tgkill, [number(process), number(thread as usize), number(0)]) };
    found != Err(libc::ESRCH)
}

/// Where the new thread begins.
extern "C" fn begin(control: Argument) {
    // SAFETY: what `clone` was given, there until the thread has ended.
    let control = unsafe { &*control.cast::<Control>() };
    // Relaxed: written before the thread was started.
    let (body, name) = (control.body.load(Ordering::Relaxed), control.name.load(Ordering::Relaxed));
    become_ordinary(name.cast());
    // Relaxed: read by this thread.
    control.is_apart.store(leave_descriptors().into(), Ordering::Relaxed);
    // SAFETY: `introduce` wrote the word, and it was such a function.
    let body = unsafe { core::mem::transmute::<*mut (), extern "C" fn()>(body) };
    body();
}

/// Gets rid of what the starter had and this thread is not to have. What is refused stays as it is: none is needed.
fn become_ordinary(name: Argument) {
    leave_real_time();
    super::processors::use_those_of_the_start();
    // SAFETY: a text that ends in a zero byte, which the kernel copies.
    let _ = unsafe { raw::call(libc::SYS_prctl, [flags(libc::PR_SET_NAME), name]) };
}

/// From here on a table of its own, without descriptors; `false`: a kernel before 5.9, or a filter.
fn leave_descriptors() -> bool {
    let all = number(c_uint::MAX as usize);
    // SAFETY: only ours are closed.
    let left =
        unsafe { raw::call(libc::SYS_close_range, [number(0), all, number(CLOSE_RANGE_UNSHARE as usize)]) };
    left.is_ok()
}

/// From a policy that goes before all others to the ordinary one; what is more modest than that stays.
fn leave_real_time() {
    // SAFETY: asks for a number.
    let policy = unsafe { raw::call(libc::SYS_sched_getscheduler, [number(0)]) };
    let is_modest = |policy: usize| {
        let policy = policy as c_int & !libc::SCHED_RESET_ON_FORK;
        [libc::SCHED_OTHER, libc::SCHED_BATCH, libc::SCHED_IDLE].contains(&policy)
    };
    if !policy.is_ok_and(is_modest) {
        let priority: c_int = 0;
        let arguments = [number(0), flags(libc::SCHED_OTHER), (&raw const priority).cast_mut().cast()];
        // SAFETY: the calling thread's; reads the zero.
        let _ = unsafe { raw::call(libc::SYS_sched_setscheduler, arguments) };
    }
}

/// Sets which signals the calling thread blocks, those that the C library keeps for itself included; which it did before.
fn set_signals(set: SignalSet) -> Option<SignalSet> {
    let mut before: SignalSet = 0;
    let (new, old) = ((&raw const set).cast_mut().cast(), (&raw mut before).cast());
    let arguments = [flags(libc::SIG_SETMASK), new, old, number(size_of::<SignalSet>())];
    // SAFETY: reads the one set, writes the other.
    unsafe { raw::call(libc::SYS_rt_sigprocmask, arguments) }.ok().map(|_| before)
}

/// Bytes behind the stack: whole pages.
fn top_bytes() -> usize {
    (BELOW_BYTES + ABOVE_BYTES + size_of::<Control>()).next_multiple_of(page_size())
}

/// Start and bytes of the mapping of a control: a page to guard it, the stack, and the pages behind it.
fn mapping_of(control: NonNull<Control>) -> (NonNull<u8>, usize) {
    let before = page_size() + STACK_BYTES + BELOW_BYTES + ABOVE_BYTES;
    // SAFETY: `map` put it so far into the mapping.
    let start = unsafe { control.cast::<u8>().byte_sub(before) };
    (start, page_size() + STACK_BYTES + top_bytes())
}

/// A mapping that is empty in a child of `fork`, with an empty control.
fn map() -> Option<NonNull<Control>> {
    let size = page_size() + STACK_BYTES + top_bytes();
    let private = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: takes addresses that are free.
    let start =
        unsafe { kernel::mmap(null_mut(), size, libc::PROT_READ | libc::PROT_WRITE, private) }.ok()?;
    let start = NonNull::new(core::ptr::with_exposed_provenance_mut::<u8>(start))?;
    // SAFETY: mapped just now, and not shared yet.
    let wiped = unsafe { kernel::madvise(start, size, MADV_WIPEONFORK) };
    // SAFETY: the first page of that mapping.
    let guarded = unsafe { kernel::mprotect(start, page_size(), libc::PROT_NONE) };
    if wiped.and(guarded).is_err() {
        // SAFETY: the whole of that mapping, which is not used.
        unsafe { release((start, size)) };
        return None;
    }
    // SAFETY: within the mapping.
    Some(unsafe { start.byte_add(page_size() + STACK_BYTES + BELOW_BYTES + ABOVE_BYTES) }.cast())
}

/// # Safety
/// - The caller holds the mapping, and it is not used any more.
unsafe fn release((start, size): (NonNull<u8>, usize)) {
    // SAFETY: the caller holds the mapping, by this function's contract.
    let _ = unsafe { kernel::munmap(start, size) };
}

#[cfg(all(test, not(strata_tsan)))]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_thread_of_another_process_is_not_waited_for() {
        let berth = Berth::new();
        // As a child of fork sees it where the pages are not wiped.
        berth.furnish().unwrap().thread.store(i32::MAX.cast_unsigned(), Ordering::Relaxed);
        berth.wait_until_empty(None);
        assert!(is_of_this_process(std::process::id()));
    }
}
