//! The micro-benchmarks on pymalloc as in current CPython (1 MiB arenas, 16 KiB pools), behind one mutex.

mod suite;

#[global_allocator]
static GLOBAL: strata_gil::CurrentPymalloc = strata_gil::CurrentPymalloc::new();

fn main() {
    suite::run();
}
