//! Thread exit and fork, in an executable.

use core::ffi::c_void;
use core::ptr::NonNull;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use strata_os::{AroundFork, around_fork, on_thread_exit};

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

/// What ran in this process, a digit each: 1 before, 2 in the parent, 3 in the child.
static RAN: AtomicI32 = AtomicI32::new(0);

fn note(digit: i32) {
    RAN.store(RAN.load(Ordering::Relaxed) * 10 + digit, Ordering::Relaxed);
}

unsafe extern "C" fn before() {
    note(1);
}

unsafe extern "C" fn in_parent() {
    note(2);
}

unsafe extern "C" fn in_child() {
    note(3);
}

#[test]
fn around_a_fork_each_function_runs_where_it_should_once() {
    assert!(around_fork(AroundFork { before, in_parent, in_child }));
    // SAFETY: the child calls nothing but `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: ends the child.
        unsafe { libc::_exit(RAN.load(Ordering::Relaxed)) };
    }
    let mut status = 0;
    // SAFETY: a child of ours.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!((libc::WEXITSTATUS(status), RAN.load(Ordering::Relaxed)), (13, 12));
}
