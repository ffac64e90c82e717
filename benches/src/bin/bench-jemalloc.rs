//! The workloads on jemalloc.

use std::ptr::NonNull;

use strata_benches::subject::Subject;

#[global_allocator]
static GLOBAL: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    Subject::with_usable_size(usable_size).run()
}

unsafe fn usable_size(block: NonNull<u8>) -> usize {
    // SAFETY: a live block of the global allocator.
    unsafe { tikv_jemallocator::usable_size(block.as_ptr()) }
}
