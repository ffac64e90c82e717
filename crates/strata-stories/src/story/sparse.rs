//! A table of half a gibibyte of which one entry in each 64 KiB is used, on memory for which the program asked for huge pages.
//!
//! Fixed: it does not ask.

use std::hint::black_box;

use crate::Form;

const TABLE_BYTES: usize = 512 << 20;
const STEP: usize = 64 << 10;

/// Says which pages are wanted: huge ones, or small ones whatever the system's setting.
fn advise(table: &mut [u8], form: Form) {
    let advice = if form == Form::Faulty { libc::MADV_HUGEPAGE } else { libc::MADV_NOHUGEPAGE };
    let (start, page) = (table.as_mut_ptr(), 4096);
    let front = start.align_offset(page);
    // SAFETY: whole pages within the table; the advice changes no contents.
    unsafe { libc::madvise(start.wrapping_add(front).cast(), (table.len() - front) & !(page - 1), advice) };
}

pub(super) fn play(form: Form) {
    let mut table = vec![0_u8; TABLE_BYTES];
    advise(&mut table, form);
    for entry in table.iter_mut().step_by(STEP) {
        *entry = 1;
    }
    black_box(&mut table);
    crate::ready();
    drop(table);
}
