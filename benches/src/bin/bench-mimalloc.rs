//! The workloads on mimalloc, the allocator that Strata is compared with.

use std::ptr::NonNull;

use strata_benches::subject::Subject;

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    Subject::with_usable_size(usable_size).run()
}

unsafe fn usable_size(block: NonNull<u8>) -> usize {
    // SAFETY: a live block of the global allocator.
    unsafe { GLOBAL.usable_size(block.as_ptr()) }
}
