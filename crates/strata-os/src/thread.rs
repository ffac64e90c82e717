//! A thread of the allocator's own: named, with a stack of its size, and deaf to signals.
//!
//! | place | who may leave it           | to    | by      |
//! |-------|----------------------------|-------|---------|
//! | empty | any, as the caller chooses | taken | `start` |
//! | taken | any, as the caller chooses | empty | `join`  |
//!
//! T1  The caller sees to it that `start` and `join` of one place never run at the same time: the place holds no lock.
//!
//! The C library allocates for a new thread, so call [`Place::start`] only where a nested allocation finds its way; and
//! never within a `free`, which the C library makes while it holds the lock that a new thread's stack needs.
//!
//! Does not know: what the thread does.

use crate::call::{Errno, quietly};
use crate::system::cancel::uncancelled;
use crate::system::errno_location;
use crate::system::futex;
use core::cell::UnsafeCell;
use core::ffi::{CStr, c_void};
use core::mem::MaybeUninit;
use core::ptr::{NonNull, null_mut};
use libc::{pthread_attr_t, pthread_t, sigset_t};

/// The number that the kernel has for the calling thread; 0 where it has none that others could ask for.
#[inline]
pub fn number() -> u32 {
    crate::system::machine::thread_number()
}

/// What the thread runs; its argument and its answer are null. It must not unwind.
pub type Body = extern "C" fn(*mut c_void) -> *mut c_void;

/// Where the C library's handle of one thread is kept.
#[derive(Debug)]
pub struct Place(UnsafeCell<MaybeUninit<pthread_t>>);

// SAFETY: T1.
unsafe impl Sync for Place {}
// SAFETY: a handle is good in every thread.
unsafe impl Send for Place {}

impl Place {
    /// An empty one.
    pub const fn new() -> Self {
        Self(UnsafeCell::new(MaybeUninit::uninit()))
    }

    /// Starts a thread with `stack_bytes` of stack, its thread-local storage included, that blocks all signals. `false`: the system has no room for one, or does not allow it.
    ///
    /// # Safety
    /// - The place is empty, and is not used elsewhere meanwhile (T1).
    #[must_use]
    pub unsafe fn start(&self, body: Body, stack_bytes: usize) -> bool {
        let errno = Errno::now();
        let before = block_signals();
        let started = self.start_sized(body, stack_bytes) || self.create(core::ptr::null(), body);
        restore_signals(&before);
        errno.restore();
        started
    }

    fn start_sized(&self, body: Body, stack_bytes: usize) -> bool {
        let mut attributes = MaybeUninit::<pthread_attr_t>::uninit();
        // SAFETY: makes the attributes.
        if unsafe { libc::pthread_attr_init(attributes.as_mut_ptr()) } != 0 {
            return false;
        }
        // SAFETY: made above.
        unsafe { libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), stack_bytes) };
        let started = self.create(attributes.as_ptr(), body);
        // SAFETY: made above.
        unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
        started
    }

    fn create(&self, attributes: *const pthread_attr_t, body: Body) -> bool {
        let handle = self.0.get().cast::<pthread_t>();
        // SAFETY: T1: the place is ours; attributes are made or null; the body is a function of this library.
        unsafe { libc::pthread_create(handle, attributes, body, null_mut()) == 0 }
    }

    /// Whether the thread that was started here last is the calling one.
    ///
    /// # Safety
    /// - A thread was started here, and no other is started meanwhile.
    pub unsafe fn is_this_one(&self) -> bool {
        // SAFETY: `start` wrote it.
        let handle = unsafe { self.0.get().cast::<pthread_t>().read() };
        // SAFETY: asks nothing of the caller.
        let this = unsafe { libc::pthread_self() };
        // SAFETY: compares two handles.
        unsafe { libc::pthread_equal(handle, this) != 0 }
    }

    /// Waits until the thread has ended. A caller that is cancelled meanwhile waits on: it may be in the middle of an allocation.
    ///
    /// # Safety
    /// - A thread was started here and not joined since, and the place is not used elsewhere meanwhile (T1).
    pub unsafe fn join(&self) {
        // SAFETY: `start` wrote it.
        let handle = unsafe { self.0.get().cast::<pthread_t>().read() };
        // SAFETY: started, and not joined since.
        uncancelled(|| unsafe { libc::pthread_join(handle, null_mut()) });
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

/// Names the calling thread, for those who list threads.
pub fn name_myself(name: &'static CStr) {
    crate::system::machine::name_thread(name);
}

/// Lets other threads run, if the system allows it.
pub fn yield_now() {
    // SAFETY: asks nothing of the caller.
    quietly(|| unsafe { libc::sched_yield() });
}

/// Sleeps for about a millisecond, so that threads of whatever policy and priority run. It is no cancellation point.
pub fn nap() {
    if futex::IS_THERE {
        let word = 0_u32;
        // SAFETY: a word of this thread's own, which does not change.
        unsafe { futex::wait(NonNull::from(&word), word, Some(1)) };
    } else {
        let millisecond = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
        // SAFETY: reads the duration that it is given.
        uncancelled(|| quietly(|| unsafe { libc::nanosleep(&raw const millisecond, null_mut()) }));
    }
}

/// A number that tells the calling thread from all others that live; without a system call.
pub fn mark() -> usize {
    // SAFETY: asks nothing of the caller; each thread has an `errno` of its own.
    unsafe { errno_location() }.addr()
}

fn block_signals() -> sigset_t {
    let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: writes the set.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // SAFETY: a filled set in, the old one out; cannot fail for this verb.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
    // SAFETY: written by the call.
    unsafe { before.assume_init() }
}

fn restore_signals(before: &sigset_t) {
    // SAFETY: the set that the thread had.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, null_mut()) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::{AtomicU64, Ordering};

    static BLOCKED: AtomicU64 = AtomicU64::new(0);

    extern "C" fn count_blocked(_: *mut c_void) -> *mut c_void {
        name_myself(c"strata-test");
        let mut set = MaybeUninit::uninit();
        // SAFETY: only reads the mask.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, core::ptr::null(), set.as_mut_ptr()) };
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGUSR1, libc::SIGALRM, libc::SIGCHLD] {
            // SAFETY: read above.
            let blocked = unsafe { libc::sigismember(set.as_ptr(), signal) };
            BLOCKED.fetch_add(blocked as u64, Ordering::Relaxed);
        }
        null_mut()
    }

    #[test]
    fn each_thread_has_a_mark_of_its_own() {
        yield_now();
        let mine = mark();
        assert_eq!(mine, mark());
        assert_ne!(mine, std::thread::spawn(mark).join().unwrap());
    }

    #[test]
    fn a_thread_of_ours_blocks_signals_and_its_starter_does_not() {
        let place = Place::new();
        // SAFETY: our own place.
        assert!(unsafe { place.start(count_blocked, 128 << 10) });
        // SAFETY: started above.
        unsafe { place.join() };
        assert_eq!(BLOCKED.load(Ordering::Relaxed), 5);
        let before = block_signals();
        restore_signals(&before);
        // SAFETY: read by `block_signals`.
        assert_eq!(unsafe { libc::sigismember(&raw const before, libc::SIGTERM) }, 0);
    }
}
