//! A whole program on `ClassicPymalloc`.

#[macro_use]
mod workload;

use strata_gil::ClassicPymalloc;

#[global_allocator]
static GLOBAL: ClassicPymalloc = ClassicPymalloc::new();

tests_of_a_pymalloc!(GLOBAL);
