//! The workloads on pymalloc as in current CPython (1 MiB arenas, 16 KiB pools), behind one mutex.

#[global_allocator]
static GLOBAL: strata_gil::CurrentPymalloc = strata_gil::CurrentPymalloc::new();

fn main() -> std::process::ExitCode {
    strata_benches::run()
}
