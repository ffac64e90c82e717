//! The workloads on the C library's malloc, Rust's default.

#[global_allocator]
static GLOBAL: std::alloc::System = std::alloc::System;

fn main() -> std::process::ExitCode {
    strata_benches::run()
}
