//! The workloads on rpmalloc.

#[global_allocator]
static GLOBAL: rpmalloc::RpMalloc = rpmalloc::RpMalloc;

fn main() -> std::process::ExitCode {
    strata_benches::subject::Subject::PLAIN.run()
}
