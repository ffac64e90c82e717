//! The micro-benchmarks on Strata.

mod suite;

#[global_allocator]
static GLOBAL: std::alloc::System = std::alloc::System;

fn main() {
    suite::run();
}
