//! The end of a program that freed a block twice: one line that says so.
//!
//! Found on slow paths, where counts do not add up. A program that goes on after that would hand out one block to two owners.
//!
//! Does not know: which call it was.

use core::fmt::Write;
use strata_core::pool::{Format, Pool};
use strata_os::Line;

/// More blocks of `pool` were freed than were live.
#[cold]
#[inline(never)]
pub fn freed_twice(pool: &Pool) -> ! {
    say_so(pool);
    strata_os::abort()
}

/// The same, seen by the purge thread, which the C library does not know of.
#[cold]
#[inline(never)]
pub(crate) fn freed_twice_seen_by_purge_thread(pool: &Pool) -> ! {
    say_so(pool);
    strata_os::kernel_thread::abort()
}

fn say_so(pool: &Pool) {
    let bytes = match pool.glance_format() {
        Format::Blocks(class) => class.block_bytes(),
        Format::Idle | Format::Run(_) => 0,
    };
    let mut line = Line::new();
    // A line that is too long is cut, which is no error.
    let _ =
        write!(line, "strata: a block of {bytes} bytes was freed twice, in the pool at {:p}", pool.base());
    line.emit();
}
