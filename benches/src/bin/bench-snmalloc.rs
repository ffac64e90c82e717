//! The workloads on snmalloc.

use std::ptr::NonNull;

use strata_benches::subject::Subject;

#[global_allocator]
static GLOBAL: snmalloc_rs::SnMalloc = snmalloc_rs::SnMalloc;

fn main() -> std::process::ExitCode {
    Subject::with_usable_size(usable_size).run()
}

unsafe fn usable_size(block: NonNull<u8>) -> usize {
    GLOBAL.usable_size(block.as_ptr()).unwrap_or(0)
}
