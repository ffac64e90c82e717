//! The processes that run on Strata, as a list to choose from.
//!
//! Does not know: what is shown of one.

use std::fs;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::text::Text;
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState, Wrap};
use strata_inspect::{Bytes, Heap};

use super::sample::kernel;
use super::terminal::Key;
use crate::inspect::process::Process;

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const KEYS: &str = "q quit   ↑↓ choose   Enter watch";

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    pid: u32,
    name: String,
    rss_bytes: u64,
    allocated_bytes: u64,
    caches: u64,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Asked {
    Nothing,
    Quit,
    Open(u32),
}

/// The list, and which of it is chosen.
#[derive(Debug, Default)]
pub(super) struct List {
    found: Vec<Found>,
    chosen: usize,
    /// Why the last one that was asked for cannot be shown.
    said: String,
}

impl List {
    /// Finds them.
    pub(super) fn found() -> Self {
        let mut list = Self::default();
        list.refresh();
        list
    }

    /// Finds them again; what was chosen stays so.
    pub(super) fn refresh(&mut self) {
        self.replace(processes());
    }

    fn replace(&mut self, found: Vec<Found>) {
        let chosen = self.found.get(self.chosen).map(|found| found.pid);
        self.found = found;
        self.found.sort_by_key(|found| std::cmp::Reverse(found.rss_bytes));
        let place = self.found.iter().position(|found| Some(found.pid) == chosen);
        self.chosen = place.unwrap_or(self.chosen).min(self.found.len().saturating_sub(1));
    }

    /// Says something to the user.
    pub(super) fn say(&mut self, text: String) {
        self.said = text;
    }

    /// What a key does.
    pub(super) fn press(&mut self, key: Key) -> Asked {
        match key {
            Key::Interrupt | Key::Escape | Key::Letter('q') => return Asked::Quit,
            Key::Enter => {
                let chosen = self.found.get(self.chosen);
                return chosen.map_or(Asked::Nothing, |found| Asked::Open(found.pid));
            }
            Key::Up => self.chosen = self.chosen.saturating_sub(1),
            Key::Down => self.chosen = (self.chosen + 1).min(self.found.len().saturating_sub(1)),
            Key::Home => self.chosen = 0,
            Key::End => self.chosen = self.found.len().saturating_sub(1),
            _ => {}
        }
        Asked::Nothing
    }

    /// Draws it.
    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let [title, table, said, keys] = Layout::vertical([
            Constraint::Length(2),
            Constraint::Min(2),
            Constraint::Length(2),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        frame.render_widget(Paragraph::new(self.title()).style(BOLD).wrap(Wrap { trim: true }), title);
        let mut state = TableState::default().with_selected(Some(self.chosen));
        frame.render_stateful_widget(self.table(), table, &mut state);
        frame.render_widget(Paragraph::new(self.said.as_str()).wrap(Wrap { trim: true }), said);
        frame.render_widget(Paragraph::new(KEYS).style(DIM), keys);
    }

    fn title(&self) -> String {
        match self.found.len() {
            0 => {
                "No process that may be read runs on Strata: start one by `strata run -- PROGRAM`.".to_owned()
            }
            1 => "strata top  1 process runs on Strata".to_owned(),
            count => format!("strata top  {count} processes run on Strata"),
        }
    }

    fn table(&self) -> Table<'_> {
        let right = |text: String| Cell::from(Text::from(text).right_aligned());
        let rows = self.found.iter().map(|found| {
            Row::new([
                right(found.pid.to_string()),
                Cell::from(found.name.as_str()),
                right(Bytes(found.rss_bytes).to_string()),
                right(Bytes(found.allocated_bytes).to_string()),
                right(found.caches.to_string()),
            ])
        });
        let head = ["process", "name", "RSS", "allocated", "threads"].map(|title| match title {
            "name" => Cell::from(title),
            _ => right(title.to_owned()),
        });
        Table::new(rows, [8, 18, 12, 12, 9].map(Constraint::Length))
            .header(Row::new(head).style(BOLD))
            .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
    }
}

/// All that may be read and run on Strata, this command aside.
fn processes() -> Vec<Found> {
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|pid| *pid != std::process::id()).filter_map(found).collect()
}

fn found(pid: u32) -> Option<Found> {
    let process = Process::open(pid).ok()?;
    let reading = process.reading();
    let heaps = reading.heaps().ok()?;
    let largest = heaps.iter().map(Heap::stats).max_by_key(|stats| stats.committed_bytes)?;
    Some(Found {
        pid,
        name: process.name(),
        rss_bytes: kernel(pid)?.resident,
        allocated_bytes: largest.allocated_bytes(),
        caches: largest.caches,
    })
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn found(pid: u32, rss_bytes: u64) -> Found {
        Found { pid, name: format!("p{pid}"), rss_bytes, allocated_bytes: rss_bytes / 2, caches: 1 }
    }

    fn list() -> List {
        let mut list = List::default();
        list.replace(vec![found(3, 10 << 20), found(1, 30 << 20), found(2, 20 << 20)]);
        list
    }

    fn drawn(list: &List) -> String {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| list.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn the_largest_comes_first_and_enter_opens_what_is_chosen() {
        let mut list = list();
        assert_eq!(list.press(Key::Enter), Asked::Open(1));
        assert_eq!(list.press(Key::Down), Asked::Nothing);
        assert_eq!(list.press(Key::Enter), Asked::Open(2));
        assert_eq!(list.press(Key::Letter('q')), Asked::Quit);
    }

    #[test]
    fn what_is_chosen_stays_so_when_the_order_changes_and_moves_when_it_ends() {
        let mut list = list();
        let _ = list.press(Key::End);
        list.replace(vec![found(1, 30 << 20), found(3, 90 << 20)]);
        assert_eq!(list.press(Key::Enter), Asked::Open(3));
        list.replace(vec![found(1, 30 << 20)]);
        assert_eq!(list.press(Key::Enter), Asked::Open(1));
        list.replace(Vec::new());
        assert_eq!(list.press(Key::Enter), Asked::Nothing);
    }

    #[test]
    fn the_list_and_an_empty_one_say_what_they_are() {
        let mut list = list();
        list.say("it has ended".to_owned());
        let text = drawn(&list);
        assert!(text.contains("3 processes run on Strata") && text.contains("15.0 MiB"), "{text}");
        assert!(text.contains("it has ended"), "{text}");
        list.replace(Vec::new());
        assert!(drawn(&list).contains("No process that may be read"));
    }
}
