//! The workloads on Strata.

#[global_allocator]
static GLOBAL: stratalloc::Strata = stratalloc::Strata;

fn main() -> std::process::ExitCode {
    strata_benches::subject::Subject::with_usable_size(stratalloc::Strata::usable_size).run()
}
