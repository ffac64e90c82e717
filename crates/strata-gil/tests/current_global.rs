//! A whole program on `CurrentPymalloc`.

#[macro_use]
mod workload;

use strata_gil::CurrentPymalloc;

#[global_allocator]
static GLOBAL: CurrentPymalloc = CurrentPymalloc::new();

tests_of_a_pymalloc!(GLOBAL);
