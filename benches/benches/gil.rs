//! The micro-benchmarks on Strata behind one global mutex: what a GIL-style allocator costs.

mod suite;

#[global_allocator]
static GLOBAL: strata_gil::Gil<std::alloc::System> = strata_gil::Gil::new(std::alloc::System);

fn main() {
    suite::run();
}
