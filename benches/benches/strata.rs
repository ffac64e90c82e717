//! The micro-benchmarks on Strata.

mod suite;

#[global_allocator]
static GLOBAL: stratalloc::Strata = stratalloc::Strata;

fn main() {
    suite::run();
}
