//! The micro-benchmarks on the C library's malloc, Rust's default.

mod suite;

#[global_allocator]
static GLOBAL: std::alloc::System = std::alloc::System;

fn main() {
    suite::run();
}
