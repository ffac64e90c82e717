//! The workloads on mimalloc, the allocator that Strata is compared with.

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    strata_benches::run()
}
