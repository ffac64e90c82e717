//! The four cases of a returned pool, and the order against a naive sort.

use super::super::testing::Random;
use super::*;
use std::vec::Vec;

const POOLS: u32 = 8;

/// A list of arenas without memory, next to which a naive model keeps the counts.
struct Model {
    arenas: ArenaTable,
    usable: UsableArenas,
    live: Vec<ArenaIndex>,
    full: Vec<ArenaIndex>,
}

impl Model {
    fn new() -> Self {
        Self { arenas: ArenaTable::EMPTY, usable: UsableArenas::EMPTY, live: Vec::new(), full: Vec::new() }
    }

    /// As the heap does it: from the front, and a new arena only when none is usable.
    fn take(&mut self) -> ArenaIndex {
        if self.usable.front().is_none() {
            self.open();
        }
        let front = self.usable.front().unwrap();
        let left = self.arenas.at(front).free_count() as u32 - 1;
        self.arenas.at(front).set_free_count(left);
        self.usable.after_take(&mut self.arenas);
        if left == 0 {
            self.full.push(front);
        }
        front
    }

    fn open(&mut self) {
        let index = self.arenas.take_unused().unwrap();
        *self.arenas.at(index) = Arena::counted(POOLS, POOLS);
        self.usable.start(&mut self.arenas, index);
        self.live.push(index);
    }

    fn give(&mut self, index: ArenaIndex) -> Moved {
        let count = self.arenas.at(index).free_count() as u32 + 1;
        self.arenas.at(index).set_free_count(count);
        self.full.retain(|&full| full != index);
        let moved = self.usable.after_give(&mut self.arenas, index);
        if moved == Moved::Drained {
            self.live.retain(|&live| live != index);
            self.arenas.at(index).close();
            self.arenas.give_unused(index);
        }
        moved
    }

    fn list(&mut self) -> Vec<ArenaIndex> {
        let mut list = Vec::new();
        let mut next = self.usable.front();
        while let Some(index) = next {
            assert_eq!(self.arenas.at(index).prev, list.last().copied());
            list.push(index);
            next = self.arenas.at(index).next;
        }
        list
    }

    fn counts(&mut self) -> Vec<usize> {
        self.list().into_iter().map(|index| self.arenas.at(index).free_count()).collect()
    }

    /// I1 and I2, against sorting and searching.
    fn check(&mut self) {
        let counts = self.counts();
        let mut expected: Vec<_> =
            self.live.iter().map(|&i| self.arenas.at(i).free_count()).filter(|&n| n > 0).collect();
        expected.sort_unstable();
        assert_eq!(counts, expected);
        let list = self.list();
        for count in 1..=POOL_COUNT_MAX {
            let last = counts.iter().rposition(|&n| n == count).map(|place| list[place]);
            assert_eq!(self.usable.last_with(count), last, "count {count} of {counts:?}");
        }
    }
}

#[test]
fn the_order_agrees_with_a_naive_sort_under_random_work() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let mut model = Model::new();
        let mut out = Vec::new();
        for step in 0..2000 {
            // Phases of growth and of shrinking, so that lists get long and arenas drain.
            let bias = if step / 250 % 2 == 0 { 70 } else { 30 };
            if out.is_empty() || random.below(100) < bias {
                out.push(model.take());
            } else {
                let place = random.below(out.len());
                let _ = model.give(out.swap_remove(place));
            }
            model.check();
        }
        out.into_iter().for_each(|index| drop(model.give(index)));
        assert_eq!(model.counts(), [POOLS as usize]);
    }
}

/// `counts.len()` arenas with that many free pools each, from the fullest on.
fn model(counts: &[u32]) -> Model {
    let mut model = Model::new();
    let taken: Vec<_> = (0..counts.len() as u32 * POOLS).map(|_| model.take()).collect();
    for (i, &count) in counts.iter().enumerate() {
        (0..count).for_each(|_| drop(model.give(taken[i * POOLS as usize])));
    }
    model.check();
    model
}

#[test]
fn the_first_free_pool_puts_an_arena_at_the_front() {
    let mut model = model(&[0, 3, 5]);
    let full = model.full[0];
    assert_eq!(model.give(full), Moved::Joined);
    assert_eq!(model.counts(), [1, 3, 5]);
    assert_eq!(model.usable.front(), Some(full));
}

#[test]
fn an_arena_out_of_order_moves_right_behind_its_equals() {
    let mut model = model(&[2, 2, 2, 5]);
    let list = model.list();
    assert_eq!(model.give(list[0]), Moved::Behind);
    assert_eq!(model.list(), [list[1], list[2], list[0], list[3]]);
    model.check();
}

#[test]
fn the_last_of_its_equals_stays_where_it_is() {
    let mut model = model(&[2, 2, 5]);
    let list = model.list();
    assert_eq!(model.give(list[1]), Moved::Stayed);
    assert_eq!(model.list(), list);
    model.check();
}

#[test]
fn a_wholly_free_arena_drains_unless_it_is_the_last() {
    let mut model = model(&[3, POOLS - 1, POOLS - 1]);
    let list = model.list();
    assert_eq!(model.give(list[2]), Moved::Stayed);
    assert_eq!(model.give(list[1]), Moved::Drained);
    assert_eq!(model.counts(), [3, POOLS as usize]);
    model.check();
}

#[test]
fn the_front_arena_leaves_when_its_last_pool_is_taken() {
    let mut model = model(&[1, 4]);
    let list = model.list();
    assert_eq!(model.take(), list[0]);
    assert_eq!(model.list(), [list[1]]);
    model.check();
}
