//! P21: a watch is checked, called, and removed, by threads that do not wait for each other; and one watcher is started.
//!
//! `stratalloc` is no part of the models, so the two files come here as they are.
#![cfg(strata_loom)]

#[allow(dead_code, reason = "a model uses a part of it")]
#[path = "../../crates/stratalloc/src/watch/duty.rs"]
mod duty;
#[allow(dead_code, reason = "a model uses a part of it")]
#[path = "../../crates/stratalloc/src/watch/slot.rs"]
mod slot;

use duty::{Duty, Start};
use slot::{After, Dismissed, Slot, Ticket};
use std::sync::Arc;
use strata_core::sync::{AtomicU64, Ordering::Relaxed, OwnedU32};
use strata_loom_tests::{join, model, spawn};
use strata_segment::Parker;

const EMPTY: u32 = 0;
const PROCESS: u64 = 7;

/// One place: the slot, and a content that loom lets one thread have at a time.
struct Place {
    slot: Slot,
    content: OwnedU32,
    /// How often content was dropped.
    dropped: AtomicU64,
}

impl Place {
    fn new() -> Self {
        Self { slot: Slot::new(), content: OwnedU32::zero(), dropped: AtomicU64::new(0) }
    }

    fn add(&self, content: u32) -> Option<Ticket> {
        let ticket = self.slot.claim()?;
        assert_eq!(self.content.get(), EMPTY, "the last content is still there");
        self.content.set(content);
        self.slot.arm(ticket);
        Some(ticket)
    }

    fn remove(&self, ticket: Ticket) {
        match self.slot.dismiss(ticket) {
            Dismissed::Empty => self.empty(),
            Dismissed::LeaveIt => {}
            Dismissed::Gone => panic!("a watch was taken away by another"),
        }
    }

    /// The watcher's check: each call adds ten to the content. Returns whether there is a watch to check.
    fn check(&self) -> bool {
        if !self.slot.hold() {
            return false;
        }
        let content = self.content.get();
        assert_ne!(content, EMPTY, "an empty place is checked");
        if self.slot.begin_call() == After::Kept {
            self.content.set(content + 10);
        }
        match self.slot.release() {
            After::Kept => true,
            After::Empty => {
                self.empty();
                false
            }
        }
    }

    fn empty(&self) {
        assert_ne!(self.content.get(), EMPTY, "dropped twice");
        self.content.set(EMPTY);
        self.dropped.fetch_add(1, Relaxed);
        self.slot.vacate();
    }
}

#[test]
fn a_watch_is_taken_away_while_it_is_looked_at() {
    model("a_watch_is_taken_away_while_it_is_looked_at", None, || {
        let place = Arc::new(Place::new());
        let watcher = spawn({
            let place = Arc::clone(&place);
            move || _ = place.check()
        });
        let ticket = place.add(1).expect("vacant");
        place.remove(ticket);
        join(watcher);
        assert_eq!(place.dropped.load(Relaxed), 1);
        assert_eq!(place.slot.dismiss(ticket), Dismissed::Gone);
        assert!(place.slot.claim().is_some(), "the place is lost");
    });
}

#[test]
fn a_place_is_used_again_by_another_thread() {
    model("a_place_is_used_again_by_another_thread", Some(3), || {
        let place = Arc::new(Place::new());
        let ticket = place.add(1).expect("vacant");
        let watcher = spawn({
            let place = Arc::clone(&place);
            move || _ = place.check()
        });
        let adder = spawn({
            let place = Arc::clone(&place);
            move || place.add(2).map(|ticket| place.remove(ticket)).is_some()
        });
        place.remove(ticket);
        let added = join(adder);
        join(watcher);
        assert_eq!(place.dropped.load(Relaxed), 1 + u64::from(added));
        assert!(place.slot.claim().is_some(), "the place is lost");
    });
}

#[test]
fn a_watch_that_comes_as_the_watcher_falls_asleep_is_looked_at() {
    model("a_watch_that_comes_as_the_watcher_falls_asleep_is_looked_at", None, || {
        let world = Arc::new((Place::new(), Parker::new()));
        let watcher = spawn({
            let world = Arc::clone(&world);
            move || {
                // loom reports a sleep that never ends.
                while !world.0.check() {
                    world.1.park();
                }
            }
        });
        world.0.add(1).expect("vacant");
        world.1.unpark();
        join(watcher);
        assert_eq!(world.0.content.get(), 11, "it was called");
    });
}

#[test]
fn of_two_that_find_no_watcher_one_starts_it() {
    model("of_two_that_find_no_watcher_one_starts_it", None, || {
        let world = Arc::new((Duty::new(), OwnedU32::zero()));
        let ask = |world: &(Duty, OwnedU32)| match world.0.claim_start(PROCESS) {
            Start::First | Start::AfterFork => {
                // The thread's place is this thread's alone.
                world.1.set(world.1.get() + 1);
                assert!(world.0.started(PROCESS));
            }
            Start::Unneeded => {}
            Start::Closed => panic!("no thread closes"),
        };
        let other = spawn({
            let world = Arc::clone(&world);
            move || ask(&world)
        });
        ask(&world);
        join(other);
        assert!(world.0.close(PROCESS));
        assert_eq!(world.1.get(), 1, "two watchers");
    });
}

#[test]
fn the_closer_joins_the_thread_or_leaves_it_to_its_starter() {
    model("the_closer_joins_the_thread_or_leaves_it_to_its_starter", None, || {
        let world = Arc::new((Duty::new(), OwnedU32::zero()));
        let starter = spawn({
            let world = Arc::clone(&world);
            move || match world.0.claim_start(PROCESS) {
                Start::First => {
                    world.1.set(1);
                    if !world.0.started(PROCESS) {
                        assert!(!world.0.goes_on());
                        world.1.set(0);
                    }
                }
                Start::Closed => {}
                start => panic!("{start:?}"),
            }
        });
        if world.0.close(PROCESS) {
            assert_eq!(world.1.get(), 1, "joins a thread that was not started");
            world.1.set(0);
        }
        join(starter);
        assert_eq!(world.1.get(), 0, "a thread that is not joined");
    });
}
