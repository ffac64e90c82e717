//! The micro-benchmarks on rpmalloc.

mod suite;

#[global_allocator]
static GLOBAL: rpmalloc::RpMalloc = rpmalloc::RpMalloc;

fn main() {
    suite::run();
}
