//! What is on the screen of one process, and what keys do to it.
//!
//! Does not know: how it is drawn; how a process is read.

use std::collections::VecDeque;

use strata_inspect::Line;

use super::rates::Rates;
use super::sample::Sample;
use super::terminal::Key;

/// Samples that are remembered: at one a second, five minutes.
const REMEMBERED: usize = 300;
/// Rows by which a page of a table moves.
const PAGE: usize = 10;

/// What is remembered of a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Point {
    pub(crate) seconds: f64,
    pub(crate) rss_bytes: u64,
    pub(crate) live_bytes: u64,
    pub(crate) calls_a_second: f64,
}

/// The table that is shown, where there is room for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    Classes,
    Threads,
}

/// By what size classes are sorted, most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClassOrder {
    Live,
    Free,
    Ready,
    /// Smallest first.
    Size,
}

/// By what threads are sorted, most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThreadOrder {
    Ready,
    Batches,
    /// Smallest first.
    Number,
}

/// What a key asks of those who have the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Asked {
    Nothing,
    /// Back to where this came from.
    Leave,
    Quit,
}

/// The screen of one process.
#[derive(Debug)]
pub(crate) struct State {
    sample: Sample,
    rates: Rates,
    history: VecDeque<Point>,
    is_frozen: bool,
    has_ended: bool,
    shows_help: bool,
    table: Table,
    class_order: ClassOrder,
    thread_order: ThreadOrder,
    first_row: usize,
}

impl State {
    /// After the first sample.
    pub(crate) fn new(sample: Sample) -> Self {
        let mut state = Self {
            rates: Rates::between(&sample, &sample),
            sample,
            history: VecDeque::new(),
            is_frozen: false,
            has_ended: false,
            shows_help: false,
            table: Table::Classes,
            class_order: ClassOrder::Live,
            thread_order: ThreadOrder::Ready,
            first_row: 0,
        };
        state.remember();
        state
    }

    /// Whether there is anything to find.
    pub(crate) fn wants_samples(&self) -> bool {
        !self.is_frozen && !self.has_ended
    }

    /// After another sample.
    pub(crate) fn take(&mut self, sample: Sample) {
        self.rates = Rates::between(&self.sample, &sample);
        self.sample = sample;
        self.remember();
    }

    /// The process has ended: what was seen last stays.
    pub(crate) fn end(&mut self) {
        self.has_ended = true;
    }

    fn remember(&mut self) {
        if self.history.len() == REMEMBERED {
            self.history.pop_front();
        }
        self.history.push_back(Point {
            seconds: self.sample.seconds,
            rss_bytes: self.sample.waterfall.rss_bytes(),
            live_bytes: self.sample.waterfall.bytes(Line::Live),
            calls_a_second: self.rates.all_calls(),
        });
    }

    /// What a key does.
    pub(crate) fn press(&mut self, key: Key) -> Asked {
        if self.shows_help && key != Key::Interrupt {
            self.shows_help = false;
            return Asked::Nothing;
        }
        match key {
            Key::Interrupt | Key::Letter('q') => return Asked::Quit,
            Key::Escape => return Asked::Leave,
            Key::Letter('h' | '?') => self.shows_help = true,
            Key::Letter('f' | ' ') => self.is_frozen = !self.is_frozen,
            Key::Letter('s') => self.sort_otherwise(),
            Key::Tab | Key::Letter('t') => self.show_other_table(),
            Key::Up => self.first_row = self.first_row.saturating_sub(1),
            Key::Down => self.scroll_to(self.first_row + 1),
            Key::PageUp => self.first_row = self.first_row.saturating_sub(PAGE),
            Key::PageDown => self.scroll_to(self.first_row + PAGE),
            Key::Home => self.first_row = 0,
            Key::End => self.scroll_to(usize::MAX),
            Key::Letter(_) | Key::Enter => {}
        }
        Asked::Nothing
    }

    fn sort_otherwise(&mut self) {
        self.first_row = 0;
        match self.table {
            Table::Classes => {
                self.class_order = match self.class_order {
                    ClassOrder::Live => ClassOrder::Free,
                    ClassOrder::Free => ClassOrder::Ready,
                    ClassOrder::Ready => ClassOrder::Size,
                    ClassOrder::Size => ClassOrder::Live,
                }
            }
            Table::Threads => {
                self.thread_order = match self.thread_order {
                    ThreadOrder::Ready => ThreadOrder::Batches,
                    ThreadOrder::Batches => ThreadOrder::Number,
                    ThreadOrder::Number => ThreadOrder::Ready,
                }
            }
        }
    }

    fn show_other_table(&mut self) {
        self.first_row = 0;
        self.table = match self.table {
            Table::Classes => Table::Threads,
            Table::Threads => Table::Classes,
        };
    }

    fn scroll_to(&mut self, row: usize) {
        let rows = match self.table {
            Table::Classes => self.sample.stats.classes().iter().filter(|class| class.pools > 0).count(),
            Table::Threads => self.sample.threads.len(),
        };
        self.first_row = row.min(rows.saturating_sub(1));
    }

    pub(crate) fn sample(&self) -> &Sample {
        &self.sample
    }

    pub(crate) fn rates(&self) -> &Rates {
        &self.rates
    }

    /// What is remembered, oldest first.
    pub(crate) fn history(&self) -> impl DoubleEndedIterator<Item = &Point> {
        self.history.iter()
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.is_frozen
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    pub(crate) fn shows_help(&self) -> bool {
        self.shows_help
    }

    pub(crate) fn table(&self) -> Table {
        self.table
    }

    pub(crate) fn class_order(&self) -> ClassOrder {
        self.class_order
    }

    pub(crate) fn thread_order(&self) -> ThreadOrder {
        self.thread_order
    }

    pub(crate) fn first_row(&self) -> usize {
        self.first_row
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use strata_inspect::{Footprint, Kernel, Stats, ThreadStats, Waterfall};

    use super::*;
    use crate::top::purging::Purging;
    use crate::top::sample::Thread;

    /// A process with blocks of 32 and of 4,096 bytes and two threads.
    pub(crate) fn sample(seconds: f64) -> Sample {
        let mut stats = Stats::zero();
        for (bytes, pools, live, ready) in [(32, 4, 6000, 100), (4096, 10, 100, 2)] {
            let class = stats.classes_mut().iter_mut().find(|class| class.block_bytes == bytes).unwrap();
            (class.pools, class.live_blocks, class.ready_blocks) = (pools, live, ready);
            class.carved_blocks = live + ready + 20;
        }
        stats.calls.advise = 40;
        stats.sum_classes();
        let mut footprint = Footprint::default();
        (footprint.large, footprint.huge, footprint.kept) = (3 << 20, 20 << 20, 2 << 20);
        (footprint.classes[3].free, footprint.metadata) = (5 << 20, 64 << 10);
        let mut kernel = Kernel::default();
        (kernel.anonymous, kernel.files) = (32 << 20, 2 << 20);
        kernel.resident = kernel.anonymous + kernel.files;
        let thread = |number, name: &str, ready_bytes| {
            let mut stats = ThreadStats::of_thread(number);
            (stats.ready_bytes, stats.refills) = (ready_bytes, 50);
            Thread { name: name.to_owned(), stats }
        };
        Sample {
            seconds,
            pid: 4711,
            name: "service".to_owned(),
            waterfall: Waterfall::new(&footprint, &kernel),
            stats,
            threads: vec![thread(4711, "main", 3 << 10), thread(4712, "worker", 8 << 10)],
            all_threads: 3,
            purging: Purging { delay_ms: Some(500), ..Purging::default() },
        }
    }

    fn after_keys(keys: &[Key]) -> State {
        let mut state = State::new(sample(0.0));
        for key in keys {
            assert_eq!(state.press(*key), Asked::Nothing);
        }
        state
    }

    #[test]
    fn sorting_goes_through_all_orders_of_the_table_that_is_shown() {
        let sort = Key::Letter('s');
        assert_eq!(after_keys(&[sort; 3]).class_order(), ClassOrder::Size);
        assert_eq!(after_keys(&[sort; 4]).class_order(), ClassOrder::Live);
        let state = after_keys(&[Key::Tab, sort]);
        assert_eq!(
            (state.table(), state.class_order(), state.thread_order()),
            (Table::Threads, ClassOrder::Live, ThreadOrder::Batches)
        );
    }

    #[test]
    fn a_frozen_screen_and_an_ended_process_want_no_samples() {
        assert!(after_keys(&[]).wants_samples());
        assert!(!after_keys(&[Key::Letter('f')]).wants_samples());
        assert!(after_keys(&[Key::Letter('f'), Key::Letter(' ')]).wants_samples());
        let mut state = after_keys(&[]);
        state.end();
        assert!(!state.wants_samples());
    }

    #[test]
    fn any_key_closes_the_help_and_does_nothing_else() {
        let mut state = after_keys(&[Key::Letter('h')]);
        assert!(state.shows_help());
        assert_eq!(state.press(Key::Letter('q')), Asked::Nothing);
        assert!(!state.shows_help());
        assert_eq!(state.press(Key::Letter('q')), Asked::Quit);
        assert_eq!(state.press(Key::Interrupt), Asked::Quit);
        assert_eq!(state.press(Key::Escape), Asked::Leave);
    }

    #[test]
    fn a_table_scrolls_within_its_rows() {
        let rows = |keys: &[Key]| after_keys(keys).first_row();
        assert_eq!(rows(&[Key::Down; 5]), 1);
        assert_eq!(rows(&[Key::End, Key::Up]), 0);
        assert_eq!(rows(&[Key::PageDown, Key::Tab]), 0);
        assert_eq!(rows(&[Key::Up]), 0);
    }

    #[test]
    fn the_history_is_bounded_and_its_newest_is_last() {
        let mut state = State::new(sample(0.0));
        for second in 1..=REMEMBERED + 5 {
            let mut next = sample(second as f64);
            next.stats.calls.map += second as u64;
            state.take(next);
        }
        assert_eq!(state.history().count(), REMEMBERED);
        let last = state.history().next_back().unwrap();
        assert_eq!((last.seconds, last.calls_a_second), ((REMEMBERED + 5) as f64, 1.0));
        assert_eq!(last.live_bytes, 23 << 20);
    }
}
