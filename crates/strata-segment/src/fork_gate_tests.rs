//! Threads and forks wait for each other, and a child tells who was inside.

use super::*;
use core::iter;

fn close(gate: &ForkGate, others: &[&Presence]) {
    gate.close(|| others.iter().copied());
}

#[test]
fn nested_operations_end_with_the_outer_one() {
    let (gate, presence) = (ForkGate::new(), Presence::none());
    let outer = gate.enter(&presence);
    drop(gate.enter(&presence));
    assert!(presence.is_inside());
    drop(outer);
    assert!(!presence.is_inside());
}

#[test]
fn the_forking_thread_may_enter() {
    let (gate, presence) = (ForkGate::new(), Presence::none());
    gate.close(iter::empty);
    assert!(!gate.is_closed());
    drop((gate.enter(&presence), gate.enter_as_stranger()));
    gate.open();
}

#[test]
fn no_thread_waits_for_ever() {
    let (gate, presence, comes) = (ForkGate::new(), Presence::none(), Presence::none());
    let _inside = gate.enter(&presence);
    let _stranger = gate.enter_as_stranger();
    close(&gate, &[&presence]);
    std::thread::scope(|scope| {
        scope.spawn(|| drop((gate.enter(&comes), gate.enter_as_stranger())));
    });
}

#[test]
fn a_gate_opens_and_closes_with_either_fence() {
    let gate = ForkGate::new();
    // Without the grant, as if it had been taken back: each thread fences from then on.
    gate.fence_by_forker();
    for _ in 0..2 {
        let presence = Presence::none();
        drop((gate.enter(&presence), gate.enter_as_stranger()));
        close(&gate, &[&presence]);
        gate.open();
    }
}

#[test]
fn who_only_announced_itself_was_not_inside() {
    let (gate, announced, went_on) = (ForkGate::new(), Presence::none(), Presence::none());
    gate.close(iter::empty);
    announced.0.store(1, Relaxed);
    std::thread::scope(|scope| {
        scope.spawn(|| core::mem::forget(gate.enter(&went_on)));
    });
    assert!(!gate.was_inside(&announced));
    assert!(gate.was_inside(&went_on));
    gate.open();
    assert!(gate.was_inside(&announced), "nobody saw it leave");
}

#[test]
fn a_handler_that_interrupts_an_announcement_was_inside() {
    let (gate, presence) = (ForkGate::new(), Presence::none());
    gate.close(iter::empty);
    presence.0.store(1, Relaxed);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let handler = gate.enter(&presence);
            assert!(gate.closed_by.load(Relaxed) != 0 && presence.0.load(Relaxed) & IN_SPITE_OF_A_FORK != 0);
            drop(handler);
        });
    });
    assert!(!gate.was_inside(&presence));
}

#[test]
fn who_was_not_seen_to_leave_was_inside() {
    let (gate, presence) = (ForkGate::new(), Presence::none());
    let _inside = gate.enter(&presence);
    close(&gate, &[&presence]);
    assert!(gate.was_inside(&presence));
}

#[test]
fn a_child_has_no_strangers() {
    let gate = ForkGate::new();
    core::mem::forget(gate.enter_as_stranger());
    gate.open_in_child();
    gate.close(iter::empty);
    assert_eq!(gate.strangers.load(Relaxed), 0);
}
