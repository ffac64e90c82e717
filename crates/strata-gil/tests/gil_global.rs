//! A whole program on `Gil<System>`.

mod workload;

use std::alloc::System;
use strata_gil::Gil;

#[global_allocator]
static GLOBAL: Gil<System> = Gil::new(System);

#[test]
fn threads_allocate_and_pass_on() {
    workload::threads_allocate_and_pass_on();
}

#[test]
fn a_fork_under_load_leaves_a_usable_child() {
    workload::a_fork_under_load_leaves_a_usable_child();
}
