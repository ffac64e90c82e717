//! Objects in the order in which they die: a timing wheel of three levels, each entry moved at most twice.
//!
//! Entries are linked by index through one vector that is touched beforehand, so that keeping the books costs the allocator
//! under test nothing.
//!
//! Does not know: what a tick is. Idea: hashed and hierarchical timing wheels (Varghese, Lauck 1987).

use super::super::ledger::touched;

const BITS: u32 = 8;
const SLOTS: usize = 1 << BITS;
/// Further ahead than this is as good as never: two years of a day's ticks fit.
const LATEST: u32 = (1 << (3 * BITS)) - 1;

/// No entry.
const NONE: u32 = u32::MAX;

struct Entry {
    object: Box<[u8]>,
    due: u32,
    next: u32,
}

/// Objects and when they die.
pub(super) struct Wheel {
    entries: Vec<Entry>,
    unused: u32,
    levels: [[u32; SLOTS]; 3],
    now: u32,
    held: usize,
}

impl Wheel {
    /// An empty wheel that holds `capacity` objects without an allocation.
    pub(super) fn new(capacity: usize) -> Self {
        let entries = touched(capacity, || Entry { object: Box::default(), due: 0, next: NONE });
        Self { entries, unused: NONE, levels: [[NONE; SLOTS]; 3], now: 0, held: 0 }
    }

    /// Bytes of all objects that live.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Keeps `object` until the clock shows `due`.
    pub(super) fn keep(&mut self, object: Box<[u8]>, due: u32) {
        if due <= self.now {
            return;
        }
        self.held += object.len();
        let entry = Entry { object, due: due.min(self.now.saturating_add(LATEST)), next: NONE };
        let index = self.place(entry);
        self.link(index);
    }

    fn place(&mut self, entry: Entry) -> u32 {
        match self.entries.get_mut(self.unused as usize) {
            Some(unused) => {
                let index = core::mem::replace(&mut self.unused, unused.next);
                *unused = entry;
                index
            }
            None => {
                self.entries.push(entry);
                self.entries.len() as u32 - 1
            }
        }
    }

    fn link(&mut self, index: u32) {
        let due = self.entries[index as usize].due;
        let level = match due - self.now {
            0..0x100 => 0,
            0x100..0x1_0000 => 1,
            _ => 2,
        };
        let slot = &mut self.levels[level as usize][(due >> (level * BITS)) as usize % SLOTS];
        self.entries[index as usize].next = core::mem::replace(slot, index);
    }

    /// Moves the clock to `now`; whatever is due by then dies.
    pub(super) fn advance(&mut self, now: u32) {
        while self.now < now {
            self.now += 1;
            for level in [2, 1] {
                if self.now.is_multiple_of(1 << (level * BITS)) {
                    self.each(level, Self::link);
                }
            }
            self.each(0, Self::free);
        }
    }

    /// Empties the slot that the clock shows at `level`.
    fn each(&mut self, level: u32, step: fn(&mut Self, u32)) {
        let slot = &mut self.levels[level as usize][(self.now >> (level * BITS)) as usize % SLOTS];
        let mut index = core::mem::replace(slot, NONE);
        while index != NONE {
            let next = self.entries[index as usize].next;
            step(self, index);
            index = next;
        }
    }

    fn free(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        self.held -= entry.object.len();
        entry.object = Box::default();
        entry.next = core::mem::replace(&mut self.unused, index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_dies_when_it_is_due_and_not_before() {
        for start in [0, 200, 255, 65_000] {
            for delay in [1, 2, 255, 256, 257, 65_535, 65_536, 65_793, 131_072] {
                let mut wheel = Wheel::new(1);
                wheel.advance(start);
                wheel.keep(vec![0; 7].into(), start + delay);
                wheel.advance(start + delay - 1);
                assert_eq!(wheel.held(), 7, "{start} {delay}");
                wheel.advance(start + delay);
                assert_eq!(wheel.held(), 0, "{start} {delay}");
            }
        }
    }

    #[test]
    fn what_is_due_already_is_not_kept_and_what_is_due_after_the_end_is() {
        let mut wheel = Wheel::new(1);
        wheel.advance(5);
        wheel.keep(vec![0; 7].into(), 5);
        assert_eq!(wheel.held(), 0);
        wheel.keep(vec![0; 9].into(), u32::MAX);
        wheel.advance(1 << 20);
        assert_eq!(wheel.held(), 9);
    }

    #[test]
    fn a_wheel_that_holds_more_than_it_was_made_for_grows() {
        let mut wheel = Wheel::new(1);
        (1..=10).for_each(|due| wheel.keep(vec![0; 1].into(), due));
        wheel.advance(4);
        assert_eq!((wheel.held(), wheel.entries.len()), (6, 10));
    }
}
