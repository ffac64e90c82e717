//! A whole program on `CurrentPymalloc`.

mod workload;

use strata_gil::CurrentPymalloc;

#[global_allocator]
static GLOBAL: CurrentPymalloc = CurrentPymalloc::new();

#[test]
fn threads_allocate_and_pass_on() {
    workload::threads_allocate_and_pass_on();
}

#[test]
fn a_fork_under_load_leaves_a_usable_child() {
    workload::a_fork_under_load_leaves_a_usable_child();
}

#[test]
fn a_refused_arena_gives_null_and_harms_nothing() {
    workload::a_refused_arena_gives_null_and_harms_nothing(&GLOBAL);
}

#[test]
fn the_statistics_of_a_running_program_add_up() {
    let keep: Vec<_> = (0..10_000_u64).map(Box::new).collect();
    let stats = GLOBAL.stats();
    assert!(stats.blocks_in_use() >= keep.len());
    assert_eq!(stats.accounted_bytes(), stats.mapped_bytes());
    // Printing allocates, from the heap that is printed.
    assert!(stats.to_string().contains("# arenas allocated current"));
}
