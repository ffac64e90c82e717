//! Workloads of one thread on pymalloc as in current CPython (1 MiB arenas, 16 KiB pools), without any lock: the design's own time.

use std::process::ExitCode;
use std::ptr::NonNull;

use strata_benches::subject::{Subject, c_library_usable_size};
use strata_gil::{Current, LibcPath, Unlocked};

// SAFETY: the subject is for one thread, so no workload starts a second one.
#[global_allocator]
static GLOBAL: Unlocked<Current> = unsafe { Unlocked::one_thread(LibcPath) };

fn main() -> ExitCode {
    Subject::with_usable_size(usable_size).for_one_thread().run()
}

unsafe fn usable_size(block: NonNull<u8>) -> usize {
    // SAFETY: a live block of the global allocator.
    let of_pool = unsafe { GLOBAL.pool_block_size(block) };
    // SAFETY: not of a pool, so the C library gave it.
    of_pool.unwrap_or_else(|| unsafe { c_library_usable_size(block) })
}
