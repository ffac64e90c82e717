//! P15: a fork comes while another thread is in the middle of something: it reads what was before, or what is after.
//!
//! A fork is a read of all memory, here of two words that a thread changes one after the other.
#![cfg(strata_loom)]

use std::iter::once;
use std::sync::Arc;
use strata_core::sync::OwnedU32;
use strata_loom_tests::{join, model, spawn};
use strata_segment::{ForkGate, Presence};

struct Process {
    gate: ForkGate,
    presence: Presence,
    one: OwnedU32,
    other: OwnedU32,
}

impl Process {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            gate: ForkGate::new(),
            presence: Presence::none(),
            one: OwnedU32::zero(),
            other: OwnedU32::zero(),
        })
    }

    /// What is done in two steps.
    fn change(&self) {
        self.one.set(self.one.get() + 1);
        self.other.set(self.other.get() + 1);
    }

    /// What a child would find; loom reports a change meanwhile.
    fn fork(&self) -> (u32, u32) {
        self.gate.close(|| once(&self.presence));
        assert!(!self.gate.was_inside(&self.presence), "nothing is lost in the child");
        let copy = (self.one.get(), self.other.get());
        self.gate.open();
        copy
    }
}

#[test]
fn a_fork_while_a_thread_is_in_the_middle_of_something() {
    model("a_fork_while_a_thread_is_in_the_middle_of_something", None, || {
        fork_beside_a_thread(&Process::new());
    });
}

#[test]
fn a_fork_where_the_forking_thread_fences_for_all() {
    model("a_fork_where_the_forking_thread_fences_for_all", None, || {
        let process = Process::new();
        process.gate.fence_by_forker();
        fork_beside_a_thread(&process);
    });
}

#[test]
fn a_fork_while_a_library_is_loaded() {
    model("a_fork_while_a_library_is_loaded", Some(3), || {
        let process = Process::new();
        let there = Arc::clone(&process);
        let loader = spawn(move || there.gate.fence_by_forker());
        fork_beside_a_thread(&process);
        join(loader);
    });
}

fn fork_beside_a_thread(process: &Arc<Process>) {
    let there = Arc::clone(process);
    let other = spawn(move || {
        let _inside = there.gate.enter(&there.presence);
        there.change();
    });
    let (one, two) = process.fork();
    assert_eq!(one, two);
    join(other);
}

#[test]
fn a_fork_while_a_stranger_is_in_the_middle_of_something() {
    model("a_fork_while_a_stranger_is_in_the_middle_of_something", None, || {
        let process = Process::new();
        let there = Arc::clone(&process);
        let other = spawn(move || {
            let _inside = there.gate.enter_as_stranger();
            there.change();
        });
        let (one, two) = process.fork();
        assert_eq!(one, two);
        join(other);
    });
}
