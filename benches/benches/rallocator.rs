//! The micro-benchmarks on rallocator.

mod suite;

#[global_allocator]
static GLOBAL: rallocator::Rallocator = rallocator::Rallocator;

fn main() {
    suite::run();
}
