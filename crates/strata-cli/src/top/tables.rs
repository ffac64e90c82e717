//! Size classes and threads as tables, sorted.
//!
//! Does not know: where on the screen they are.

use std::cmp::Reverse;
use std::fmt::Display;

use ratatui::layout::Constraint;
use ratatui::style::{Modifier, Style};
use ratatui::text::Text;
use ratatui::widgets::{Cell, Row, Table};
use strata_inspect::{Bytes, ClassStats};

use super::sample::Thread;
use super::state::{ClassOrder, State, ThreadOrder};

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);

/// The size classes in use.
pub(super) fn classes(state: &State) -> Table<'static> {
    let order = state.class_order();
    let mut classes: Vec<ClassStats> =
        state.sample().stats.classes().iter().filter(|class| class.pools > 0).copied().collect();
    classes.sort_by_key(|class| match order {
        ClassOrder::Live => Reverse(class.live_bytes()),
        ClassOrder::Free => Reverse(free_bytes(class)),
        ClassOrder::Ready => Reverse(class.ready_blocks * class.block_bytes),
        ClassOrder::Size => Reverse(u64::MAX - class.block_bytes),
    });
    let rows = classes.iter().skip(state.first_row()).map(|class| {
        Row::new([
            right(format_args!("{} B", class.block_bytes)),
            right(class.pools),
            right(class.live_blocks),
            right(Bytes(class.live_bytes())),
            right(Bytes(class.ready_blocks * class.block_bytes)),
            right(Bytes(free_bytes(class))),
        ])
    });
    let head = [
        marked("size", order == ClassOrder::Size),
        marked("pools", false),
        marked("blocks live", false),
        marked("live", order == ClassOrder::Live),
        marked("ready", order == ClassOrder::Ready),
        marked("free", order == ClassOrder::Free),
    ];
    table(rows, head, [9, 9, 12, 12, 12, 12])
}

fn free_bytes(class: &ClassStats) -> u64 {
    class.free_blocks() * class.block_bytes
}

/// The threads and heaps that have magazines.
pub(super) fn threads(state: &State) -> Table<'static> {
    let (order, rates) = (state.thread_order(), state.rates());
    let mut threads: Vec<&Thread> = state.sample().threads.iter().collect();
    threads.sort_by_key(|thread| match order {
        ThreadOrder::Ready => Reverse(thread.stats.ready_bytes),
        ThreadOrder::Batches => Reverse((rates.of_thread(thread.stats.thread) * 10.0) as u64),
        ThreadOrder::Number => Reverse(u64::MAX - u64::from(thread.stats.thread)),
    });
    let rows = threads.into_iter().skip(state.first_row()).map(|Thread { name, stats }| {
        Row::new([
            right(stats.thread),
            name.clone().into(),
            right(Bytes(stats.ready_bytes)),
            right(stats.ready_blocks),
            right(format_args!("{:.1}", rates.of_thread(stats.thread))),
        ])
    });
    let head = [
        marked("thread", order == ThreadOrder::Number),
        "name".into(),
        marked("ready", order == ThreadOrder::Ready),
        marked("blocks", false),
        marked("batches/s", order == ThreadOrder::Batches),
    ];
    table(rows, head, [8, 18, 12, 12, 12])
}

fn right(value: impl Display) -> Cell<'static> {
    Text::from(value.to_string()).right_aligned().into()
}

/// A column's head, with a mark if the table is sorted by it.
fn marked(title: &str, is_by_it: bool) -> Cell<'static> {
    right(format_args!("{title}{}", if is_by_it { "▾" } else { "" }))
}

fn table<const COLUMNS: usize>(
    rows: impl Iterator<Item = Row<'static>>,
    head: [Cell<'static>; COLUMNS],
    widths: [u16; COLUMNS],
) -> Table<'static> {
    Table::new(rows, widths.map(Constraint::Length)).header(Row::new(head).style(BOLD)).column_spacing(1)
}
