//! A block that was freed twice, in models: a panic is a report.
//!
//! Does not know: which call it was.

use strata_core::address::UserPtr;
use strata_core::block::BlockPtr;
use strata_core::pool::Pool;

pub(crate) use freed_twice as freed_twice_seen_by_purge_thread;

/// More blocks of `pool` were freed than were live.
///
/// # Panics
/// Always.
pub fn freed_twice(pool: &Pool) -> ! {
    panic!("a block was freed twice, in the pool at {:p}", pool.base())
}

/// What was freed can be no block.
///
/// # Panics
/// Always.
pub fn no_block(block: BlockPtr) -> ! {
    panic!("{:p} is no block", block.as_non_null())
}

/// What was freed is no huge block.
///
/// # Panics
/// Always.
pub fn no_huge_block(pointer: UserPtr) -> ! {
    panic!("{:p} is no huge block", pointer.as_non_null())
}
