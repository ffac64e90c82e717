//! A whole program on `Gil<System>`.

#[macro_use]
mod workload;

use std::alloc::System;
use strata_gil::Gil;

#[global_allocator]
static GLOBAL: Gil<System> = Gil::new(System);

tests_of_a_program!();
