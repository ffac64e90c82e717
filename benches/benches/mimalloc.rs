//! The micro-benchmarks on mimalloc, the allocator that Strata is compared with.

mod suite;

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    suite::run();
}
