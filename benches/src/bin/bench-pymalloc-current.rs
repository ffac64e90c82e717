//! The workloads on pymalloc as in current CPython (1 MiB arenas, 16 KiB pools), behind one mutex.

use std::process::ExitCode;
use std::ptr::NonNull;

use strata_benches::subject::{Subject, c_library_usable_size};

#[global_allocator]
static GLOBAL: strata_gil::CurrentPymalloc = strata_gil::CurrentPymalloc::new();

fn main() -> ExitCode {
    Subject::with_usable_size(usable_size).run()
}

unsafe fn usable_size(block: NonNull<u8>) -> usize {
    // SAFETY: a live block of the global allocator.
    let of_pool = unsafe { GLOBAL.pool_block_size(block) };
    // SAFETY: not of a pool, so the C library gave it.
    of_pool.unwrap_or_else(|| unsafe { c_library_usable_size(block) })
}
