//! A few huge blocks: one that was written, one that was not, one that is aligned to 8 MiB, one that was resized, and one that is
//! free again.

use std::alloc::{Layout, alloc, dealloc};
use std::hint::black_box;

use crate::Form;

const MIB: usize = 1 << 20;

pub(super) fn play(_: Form) {
    let written = vec![1_u8; 40 * MIB];
    let untouched: Vec<u8> = Vec::with_capacity(100 * MIB);
    let mut resized = vec![2_u8; 5 * MIB];
    resized.resize(23 * MIB, 3);
    let layout = Layout::from_size_align(10 * MIB, 8 * MIB).unwrap_or(Layout::new::<u8>());
    // SAFETY: of a size.
    let aligned = unsafe { alloc(layout) };
    if !aligned.is_null() {
        // SAFETY: a block of this size.
        unsafe { aligned.write_bytes(4, layout.size()) };
    }
    drop(black_box(vec![5_u8; 12 * MIB]));
    crate::ready();
    black_box((&written, &untouched, &resized));
    if !aligned.is_null() {
        // SAFETY: allocated above with this layout.
        unsafe { dealloc(aligned, layout) };
    }
}
