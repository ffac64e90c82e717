//! The workloads on the C library's malloc, Rust's default.

use strata_benches::subject::{Subject, c_library_usable_size};

#[global_allocator]
static GLOBAL: std::alloc::System = std::alloc::System;

fn main() -> std::process::ExitCode {
    Subject::with_usable_size(c_library_usable_size).run()
}
