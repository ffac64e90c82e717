//! The workloads on pymalloc as first published (256 KiB arenas, 4 KiB pools), behind one mutex.

#[global_allocator]
static GLOBAL: strata_gil::ClassicPymalloc = strata_gil::ClassicPymalloc::new();

fn main() -> std::process::ExitCode {
    strata_benches::run()
}
