//! A child of `fork`, which shares its parent's pages until it writes to them. The parent waits for it.

use std::hint::black_box;

use crate::Form;

pub(super) fn play(_: Form) {
    let list: Vec<Vec<u8>> = (0..40_000).map(|number| vec![number as u8; 500]).collect();
    // SAFETY: this program has one thread.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let more: Vec<Vec<u8>> = (0..20_000).map(|number| vec![number as u8; 700]).collect();
        println!("child {}", std::process::id());
        crate::ready();
        black_box((&list, more));
        std::process::exit(0);
    }
    // SAFETY: a child of this process.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    black_box(list);
}
