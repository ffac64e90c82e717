//! Thread exit and fork, in an executable.

use core::ffi::c_void;
use core::ptr::NonNull;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use strata_os::{after_fork_in_child, on_thread_exit};

unsafe extern "C" fn raise(count: *mut c_void) {
    // SAFETY: the tests arm the key with counters that live for ever.
    let count = unsafe { &*count.cast::<AtomicU32>() };
    count.fetch_add(1, Ordering::Relaxed);
}

fn arm(count: &'static AtomicU32) -> bool {
    on_thread_exit(raise).is_some_and(|key| key.arm(NonNull::from(count).cast()))
}

#[test]
fn a_thread_that_armed_the_key_is_seen_off_once() {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    std::thread::spawn(|| assert!(arm(&COUNT) && arm(&COUNT))).join().unwrap();
    assert_eq!(COUNT.load(Ordering::Relaxed), 1);
}

#[test]
fn a_thread_that_did_not_arm_the_key_is_not() {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    std::thread::spawn(|| assert!(on_thread_exit(raise).is_some())).join().unwrap();
    assert_eq!(COUNT.load(Ordering::Relaxed), 0);
}

#[test]
fn each_of_many_threads_is_seen_off() {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let threads: Vec<_> = (0..16).map(|_| std::thread::spawn(|| arm(&COUNT))).collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
    assert_eq!(COUNT.load(Ordering::Relaxed), 16);
}

static IN_CHILD: AtomicI32 = AtomicI32::new(0);

fn note() {
    IN_CHILD.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn the_handler_runs_in_the_child_once_and_not_in_the_parent() {
    assert!(after_fork_in_child(note));
    assert!(after_fork_in_child(note));
    // SAFETY: the child calls nothing but `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: ends the child.
        unsafe { libc::_exit(IN_CHILD.load(Ordering::Relaxed)) };
    }
    let mut status = 0;
    // SAFETY: a child of ours.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(libc::WEXITSTATUS(status), 1);
    assert_eq!(IN_CHILD.load(Ordering::Relaxed), 0);
}
