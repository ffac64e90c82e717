//! All watches: a fixed number of places, each checked by the watcher until it is removed.
//!
//! L1  A place's content is touched by whom its slot names only (`slot.rs`, I1), and is there from *armed* to *vacated*.
//!
//! Does not know: how memory is measured, the thread.

use super::callback::Callback;
use super::panics;
use super::slot::{After, Dismissed, Slot, Ticket};
use super::threshold::{Gauge, Reading, Threshold};
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

/// Watches that there may be at a time.
pub(crate) const WATCHES: usize = 32;

/// What lies in a place.
struct Content {
    gauge: Gauge,
    callback: Callback,
}

struct Place {
    slot: Slot,
    content: UnsafeCell<MaybeUninit<Content>>,
}

// SAFETY: L1. What the closures capture may be sent to the watcher's thread, which `Callback::new` asks for.
unsafe impl Sync for Place {}

/// The place of a watch, and which use of the place it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Name {
    place: usize,
    ticket: Ticket,
}

impl Name {
    /// As one number: uses count from one, so none is zero.
    pub(crate) fn number(self) -> u64 {
        self.ticket.number() * WATCHES as u64 + self.place as u64
    }

    pub(crate) fn of_number(number: u64) -> Self {
        let ticket = Ticket::of_number(number / WATCHES as u64);
        Self { place: (number % WATCHES as u64) as usize, ticket }
    }
}

/// The places.
pub(crate) struct List([Place; WATCHES]);

impl List {
    pub(crate) const fn new() -> Self {
        Self(
            [const { Place { slot: Slot::new(), content: UnsafeCell::new(MaybeUninit::uninit()) } }; WATCHES],
        )
    }

    /// Adds a watch; `None` if there is no place left, and the callback is dropped.
    pub(crate) fn add(&self, threshold: Threshold, callback: Callback) -> Option<Name> {
        let mut places = self.0.iter().enumerate();
        let (place, ticket) = places.find_map(|(index, place)| Some((index, place.slot.claim()?)))?;
        let content = Content { gauge: Gauge::new(threshold), callback };
        let at = self.0.get(place)?;
        // SAFETY: L1: claimed, and nothing is there.
        unsafe { at.content().write(content) };
        at.slot.arm(ticket);
        Some(Name { place, ticket })
    }

    /// Takes a watch away; `false` if it was gone. A call that has begun goes on.
    pub(crate) fn remove(&self, name: Name) -> bool {
        let Some(place) = self.0.get(name.place) else { return false };
        match place.slot.dismiss(name.ticket) {
            Dismissed::Empty => place.empty(),
            Dismissed::LeaveIt => {}
            Dismissed::Gone => return false,
        }
        true
    }

    /// Checks each watch against what `measure` says of its threshold, calls those whose threshold was crossed, and counts
    /// the watches. For the watcher.
    pub(crate) fn check(&self, mut measure: impl FnMut(&Threshold) -> Option<Reading>) -> usize {
        self.0.iter().filter(|place| place.slot.hold() && place.check(&mut measure) == After::Kept).count()
    }

    /// Readies all places for a watcher in the child of a fork.
    pub(crate) fn recover(&self) {
        self.0.iter().for_each(|place| place.slot.recover());
    }
}

impl Place {
    /// For the watcher, who holds the slot.
    fn check(&self, measure: &mut impl FnMut(&Threshold) -> Option<Reading>) -> After {
        // SAFETY: L1: held, until `release` below.
        let content = unsafe { &mut *self.content() };
        let reading = measure(content.gauge.threshold());
        let crossing = reading.and_then(|reading| content.gauge.note(reading));
        if let Some(crossing) = crossing
            && self.slot.begin_call() == After::Kept
        {
            panics::call(&mut content.callback, &crossing);
        }
        let after = self.slot.release();
        if after == After::Empty {
            self.empty();
        }
        after
    }

    /// To be called when the slot says so.
    fn empty(&self) {
        // SAFETY: L1: the content is there, and this thread's.
        unsafe { self.content().drop_in_place() };
        self.slot.vacate();
    }

    fn content(&self) -> *mut Content {
        self.content.get().cast()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Crossing;
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    use std::vec::Vec;

    fn at(bytes: u64) -> impl Fn(&Threshold) -> Option<Reading> {
        move |_| Some(Reading { bytes, limit: None })
    }

    fn counter(count: &Arc<AtomicU64>) -> Callback {
        let count = Arc::clone(count);
        Callback::new(move |_: &Crossing| _ = count.fetch_add(1, Relaxed))
    }

    #[test]
    fn each_watch_is_called_at_its_own_height() {
        let (list, low, high) = (List::new(), Arc::default(), Arc::default());
        list.add(Threshold::held().bytes(10), counter(&low)).unwrap();
        list.add(Threshold::held().bytes(20), counter(&high)).unwrap();
        assert_eq!([5, 15, 25, 15, 25].map(|bytes| list.check(at(bytes))), [2; 5]);
        assert_eq!((low.load(Relaxed), high.load(Relaxed)), (1, 2));
    }

    #[test]
    fn a_watch_that_was_removed_is_dropped_and_not_called() {
        let (list, count) = (List::new(), Arc::default());
        let name = list.add(Threshold::held().bytes(10), counter(&count)).unwrap();
        assert_eq!(Name::of_number(name.number()), name);
        assert!(list.remove(name) && !list.remove(name));
        assert_eq!((list.check(at(50)), count.load(Relaxed), Arc::strong_count(&count)), (0, 0, 1));
    }

    #[test]
    fn there_are_so_many_places_and_no_more() {
        let (list, count) = (List::new(), Arc::default());
        let add = || list.add(Threshold::held().bytes(10), counter(&count));
        let names: Vec<_> = (0..WATCHES).map(|_| add().unwrap()).collect();
        assert!(add().is_none());
        assert_eq!(list.check(at(0)), WATCHES);
        assert!(list.remove(names[7]));
        assert!(add().is_some() && !list.remove(names[7]));
    }

    #[test]
    fn a_callback_may_remove_its_own_watch_and_add_another() {
        static LIST: List = List::new();
        static NAME: AtomicU64 = AtomicU64::new(0);
        let count = Arc::default();
        let theirs = Arc::clone(&count);
        let callback = Callback::new(move |_: &Crossing| {
            assert!(LIST.remove(Name::of_number(NAME.load(Relaxed))));
            assert!(LIST.add(Threshold::held().bytes(1), counter(&theirs)).is_some());
        });
        NAME.store(LIST.add(Threshold::held().bytes(10), callback).unwrap().number(), Relaxed);
        LIST.check(at(50));
        LIST.check(at(50));
        assert_eq!((count.load(Relaxed), Arc::strong_count(&count)), (1, 2));
    }

    #[test]
    fn without_a_reading_nothing_happens() {
        let (list, count) = (List::new(), Arc::default());
        list.add(Threshold::counted().bytes(10), counter(&count)).unwrap();
        assert_eq!((list.check(|_| None), count.load(Relaxed)), (1, 0));
    }
}
