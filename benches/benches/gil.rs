//! The micro-benchmarks on Strata behind one global mutex: what a GIL-style allocator costs.

mod suite;

#[global_allocator]
static GLOBAL: strata_gil::Gil<stratalloc::Strata> = strata_gil::Gil::new(stratalloc::Strata);

fn main() {
    suite::run();
}
