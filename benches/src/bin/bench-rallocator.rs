//! The workloads on rallocator.

#[global_allocator]
static GLOBAL: rallocator::Rallocator = rallocator::Rallocator;

fn main() -> std::process::ExitCode {
    strata_benches::subject::Subject::PLAIN.run()
}
