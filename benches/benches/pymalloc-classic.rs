//! The micro-benchmarks on pymalloc as first published (256 KiB arenas, 4 KiB pools), behind one mutex.

mod suite;

#[global_allocator]
static GLOBAL: strata_gil::ClassicPymalloc = strata_gil::ClassicPymalloc::new();

fn main() {
    suite::run();
}
