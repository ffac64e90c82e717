//! The workloads on Strata behind one global mutex: what a GIL-style allocator costs.

#[global_allocator]
static GLOBAL: strata_gil::Gil<std::alloc::System> = strata_gil::Gil::new(std::alloc::System);

fn main() -> std::process::ExitCode {
    strata_benches::run()
}
