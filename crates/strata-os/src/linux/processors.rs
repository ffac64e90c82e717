//! The processors that this program was given when it started: what a thread of ours runs on, whichever thread starts it.
//!
//! A thread that is pinned starts threads that are pinned, and whatever it is pinned for, ours is not meant. All
//! processors would be wrong, too: a program that was started with `taskset` stays where it was put.
//!
//! Does not know: cgroups, whose sets the kernel applies on top.

use super::raw::{self, number};
use core::mem::size_of_val;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Of 1,024 processors, bit by bit; on larger machines, and before the library is loaded: none.
static AT_THE_START: [AtomicU64; 16] = [const { AtomicU64::new(0) }; 16];

crate::at_load!(then remember);

extern "C" fn remember() {
    let mut set = [0_u64; AT_THE_START.len()];
    let arguments = [number(0), number(size_of_val(&set)), set.as_mut_ptr().cast()];
    // SAFETY: the kernel writes at most as many bytes as it is told that there are.
    if unsafe { raw::call(libc::SYS_sched_getaffinity, arguments) }.is_ok() {
        for (word, bits) in AT_THE_START.iter().zip(set) {
            // Relaxed: read by threads that are started later, or whose set is then all.
            word.store(bits, Relaxed);
        }
    }
}

/// Lets the calling thread run on the processors that the program was started with, or on all if none of them is left.
pub(super) fn use_those_of_the_start() {
    // Relaxed: as in `remember`.
    let mut set = AT_THE_START.each_ref().map(|word| word.load(Relaxed));
    if set.iter().all(|bits| *bits == 0) || !use_set(&mut set) {
        use_set(&mut [u64::MAX; 128]);
    }
}

fn use_set(set: &mut [u64]) -> bool {
    let arguments = [number(0), number(size_of_val(set)), set.as_mut_ptr().cast()];
    // SAFETY: the calling thread's; the kernel reads as many bytes as it is told that there are.
    unsafe { raw::call(libc::SYS_sched_setaffinity, arguments) }.is_ok()
}
