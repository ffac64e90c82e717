//! The workloads on Strata behind one global mutex: what a GIL-style allocator costs.

#[global_allocator]
static GLOBAL: std::alloc::System = std::alloc::System;

fn main() -> std::process::ExitCode {
    strata_benches::run()
}
