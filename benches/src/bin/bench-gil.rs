//! The workloads on Strata behind one global mutex: what a GIL-style allocator costs.

#[global_allocator]
static GLOBAL: strata_gil::Gil<stratalloc::Strata> = strata_gil::Gil::new(stratalloc::Strata);

fn main() -> std::process::ExitCode {
    strata_benches::subject::Subject::with_usable_size(stratalloc::Strata::usable_size).run()
}
