//! The micro-benchmarks on jemalloc.

mod suite;

#[global_allocator]
static GLOBAL: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    suite::run();
}
