//! The end of a program that freed a block twice, or what is none: one line that says so.
//!
//! Found on slow paths, where counts do not add up or a link leads nowhere. A program that goes on after that would hand out one block to
//! two owners, or follow a number of the program's as if it were an address.
//!
//! Does not know: which call it was.

use core::fmt::{Arguments, Write};
use strata_core::address::UserPtr;
use strata_core::block::BlockPtr;
use strata_core::pool::{Format, Pool};
use strata_os::Line;

/// More blocks of `pool` were freed than were live, or what its free blocks lead to are no blocks of it.
#[cold]
#[inline(never)]
pub fn freed_twice(pool: &Pool) -> ! {
    say_freed_twice(pool);
    strata_os::abort()
}

/// The same, seen by the purge thread, which the C library does not know of.
#[cold]
#[inline(never)]
pub(crate) fn freed_twice_seen_by_purge_thread(pool: &Pool) -> ! {
    say_freed_twice(pool);
    strata_os::kernel_thread::abort()
}

/// What was freed can be no block.
#[cold]
#[inline(never)]
pub fn no_block(block: BlockPtr) -> ! {
    say(format_args!("strata: {:p} was freed, and is not the start of a block", block.as_non_null()));
    strata_os::abort()
}

/// What was freed or resized is no huge block, at least not any more.
#[cold]
#[inline(never)]
pub fn no_huge_block(pointer: UserPtr) -> ! {
    say(format_args!("strata: {:p} is no block: it was freed before, or never one", pointer.as_non_null()));
    strata_os::abort()
}

fn say_freed_twice(pool: &Pool) {
    let bytes = match pool.glance_format() {
        Format::Blocks(class) => class.block_bytes(),
        Format::Idle | Format::Run(_) => 0,
    };
    say(format_args!(
        "strata: a block of {bytes} bytes was freed twice, or written to after it was freed, in the pool at {:p}",
        pool.base()
    ));
}

fn say(text: Arguments<'_>) {
    let mut line = Line::new();
    // A line that is too long is cut, which is no error.
    let _ = line.write_fmt(text);
    line.emit();
}
