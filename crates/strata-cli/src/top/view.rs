//! How a process is drawn, from 80 cells by 24 on.
//!
//! ```text
//!   strata top   service (4711)   RSS 34.0 MiB …                          1
//!   the waterfall as bars              │ the last minutes                 9
//!   what the purge policy is about to do                                  2
//!   system calls, batches, bytes given back, a second                     1
//!   size classes, or threads; both where there are 130 cells              the rest
//!   keys                                                                  1
//! ```
//!
//! Does not know: keys; how a process is read.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line as Row, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Sparkline, Wrap};
use strata_inspect::{Bytes, Waterfall};

use super::bars::{bar, parts};
use super::state::{Point, State, Table};
use super::{help, tables};

/// Cells from which on both tables are shown.
const WIDE: u16 = 130;
/// Cells of the history, at least and at most.
const HISTORY: [u16; 2] = [22, 50];
/// Cells before a bar: title, bytes, per cent.
const BEFORE_BAR: usize = 46;

const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);

/// Draws all of it.
pub(super) fn draw(state: &State, frame: &mut Frame<'_>) {
    let [title, falls, policy, rates, table, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(9),
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(title_row(state), title);
    draw_falls(state, frame, falls);
    frame.render_widget(policy_text(state), policy);
    frame.render_widget(Paragraph::new(rates_text(state, rates.width.into())).style(DIM), rates);
    draw_tables(state, frame, table);
    frame.render_widget(Paragraph::new(KEYS).style(DIM), keys);
    if state.shows_help() {
        help::draw(frame);
    }
}

const KEYS: &str = "q quit   s sort   Tab classes/threads   f freeze   ↑↓ scroll   h help";

fn title_row(state: &State) -> Row<'static> {
    let sample = state.sample();
    let mark = match (state.has_ended(), state.is_frozen()) {
        (true, _) => "  ended",
        (_, true) => "  frozen",
        _ => "",
    };
    let text = format!(
        "  {} ({})  RSS {}  allocated {}  {} threads",
        sample.name,
        sample.pid,
        Bytes(sample.waterfall.rss_bytes()),
        Bytes(sample.stats.allocated_bytes()),
        sample.all_threads
    );
    let red = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
    Row::from(vec![Span::styled("strata top", BOLD), Span::styled(mark, red), Span::raw(text)])
}

fn draw_falls(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let history = (area.width / 4).clamp(HISTORY[0], HISTORY[1]);
    let [left, right] =
        Layout::horizontal([Constraint::Min(40), Constraint::Length(history)]).spacing(1).areas(area);
    frame.render_widget(Paragraph::new(waterfall(&state.sample().waterfall, left.width.into())), left);
    let [rss, live, calls] = Layout::vertical([Constraint::Length(3); 3]).areas(right);
    let title = format!("RSS {}", span(state));
    draw_history(state, frame, rss, &title, &|point| point.rss_bytes, &|value| Bytes(value).to_string());
    draw_history(state, frame, live, "live", &|point| point.live_bytes, &|value| Bytes(value).to_string());
    let tenths = |point: &Point| (point.calls_a_second * 10.0) as u64;
    draw_history(state, frame, calls, "calls/s", &tenths, &|value| format!("{:.1}", value as f64 / 10.0));
}

fn waterfall(waterfall: &Waterfall, width: usize) -> Vec<Row<'static>> {
    let all = waterfall.rss_bytes();
    let mut from = 0;
    let mut rows: Vec<Row<'static>> = Vec::new();
    for part in parts(waterfall) {
        let bar = bar(from, part.bytes, all, width.saturating_sub(BEFORE_BAR));
        from += part.bytes;
        rows.push(Row::from(vec![
            Span::raw(row_text(part.title, part.bytes, all)),
            Span::styled(bar, Style::new().fg(part.color)),
        ]));
    }
    rows.push(Row::styled(row_text("RSS", all, all), BOLD));
    rows
}

fn row_text(title: &str, bytes: u64, all: u64) -> String {
    let tenths = (u128::from(bytes) * 1000).checked_div(all.into()).unwrap_or(0);
    format!("{title:<25} {:>11} {:>3}.{} % ", Bytes(bytes), tenths / 10, tenths % 10)
}

/// All samples that are remembered, newest at the right edge, from 0 up to the most there was.
fn draw_history(
    state: &State,
    frame: &mut Frame<'_>,
    area: Rect,
    title: &str,
    value: &dyn Fn(&Point) -> u64,
    words: &dyn Fn(u64) -> String,
) {
    let values: Vec<u64> = state.history().map(value).collect();
    let most = values.iter().copied().max().unwrap_or(0);
    let title = format!("{title} ≤ {}", words(most));
    let block = Block::new().borders(Borders::LEFT).border_style(DIM).title(Span::raw(title));
    let bars = in_columns(&values, usize::from(area.width).saturating_sub(1));
    let spark = Sparkline::default().block(block).data(&bars).max(most.max(1));
    frame.render_widget(spark.style(Style::new().fg(Color::Green)), area);
}

/// Values in this number of columns, each the most of those that it stands for; empty ones first while there are fewer values.
fn in_columns(values: &[u64], columns: usize) -> Vec<u64> {
    let each = values.len().div_ceil(columns.max(1)).max(1);
    // The last column is full, too: what is left over is in the first one.
    let maxima = values.rchunks(each).map(|chunk| chunk.iter().copied().max().unwrap_or(0));
    let mut bars: Vec<u64> = maxima.collect();
    bars.resize(columns.max(bars.len()), 0);
    bars.reverse();
    bars
}

/// The time that the history has come.
fn span(state: &State) -> String {
    let mut history = state.history();
    let (first, last) = (history.next(), history.next_back());
    let seconds = first.zip(last).map_or(0.0, |(first, last)| last.seconds - first.seconds);
    if seconds < 100.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", seconds / 60.0) }
}

fn policy_text(state: &State) -> Paragraph<'static> {
    let words =
        Row::from(vec![Span::styled("purge policy  ", BOLD), Span::raw(state.sample().purging.words())]);
    Paragraph::new(words).wrap(Wrap { trim: true })
}

/// In as many cells as there are: system calls that do not fit are left out, the rarest first.
fn rates_text(state: &State, width: usize) -> String {
    let rates = state.rates();
    let (refills, flushes) = (short(rates.refills), short(rates.flushes));
    let purged = Bytes(rates.purged_bytes as u64);
    let mut text = format!("a second: {refills} refills, {flushes} flushes, {purged} given back;");
    let mut calls = rates.calls;
    calls.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let mut calls = calls.into_iter().filter(|(_, rate)| *rate > 0.0).peekable();
    if calls.peek().is_none() {
        text += " no system calls";
    }
    while let Some((name, rate)) = calls.next() {
        let call = format!(" {name} {}", short(rate));
        let mark = if calls.peek().is_some() { " …" } else { "" };
        if text.len() + call.len() + mark.chars().count() > width {
            return text + " …";
        }
        text += &call;
    }
    text
}

/// A rate with a decimal, as long as it is a small one.
fn short(rate: f64) -> String {
    if rate < 100.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

fn draw_tables(state: &State, frame: &mut Frame<'_>, area: Rect) {
    if area.width >= WIDE {
        let [left, right] =
            Layout::horizontal([Constraint::Length(72), Constraint::Min(50)]).spacing(2).areas(area);
        frame.render_widget(tables::classes(state), left);
        frame.render_widget(tables::threads(state), right);
    } else if state.table() == Table::Classes {
        frame.render_widget(tables::classes(state), area);
    } else {
        frame.render_widget(tables::threads(state), area);
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::top::state::tests::sample;
    use crate::top::terminal::Key;

    fn drawn(state: &State, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(state, frame)).unwrap();
        let buffer = terminal.backend().buffer();
        let rows = buffer.content().chunks(width.into());
        rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned())
            .collect()
    }

    fn pressed(keys: &[Key]) -> State {
        let mut state = State::new(sample(0.0));
        let mut next = sample(2.0);
        next.stats.calls.advise += 8;
        next.threads[1].stats.refills += 30;
        state.take(next);
        for key in keys {
            let _ = state.press(*key);
        }
        state
    }

    fn row<'rows>(rows: &'rows [String], start: &str) -> &'rows str {
        rows.iter().find(|row| row.starts_with(start)).unwrap_or_else(|| panic!("no {start}: {rows:#?}"))
    }

    #[test]
    fn everything_is_on_80_by_24() {
        let rows = drawn(&pressed(&[]), 80, 24);
        assert!(rows[0].starts_with("strata top  service (4711)  RSS 34.0 MiB"), "{rows:#?}");
        assert!(row(&rows, "live blocks").contains("23.0 MiB  67.6 % ███"), "{rows:#?}");
        assert!(row(&rows, "free, or going back").contains("2.0 MiB   5.8 %"), "{rows:#?}");
        assert!(row(&rows, "RSS").contains("34.0 MiB 100.0 %"), "{rows:#?}");
        assert!(row(&rows, "purge policy").contains("No purge pass is due"), "{rows:#?}");
        assert!(
            row(&rows, "a second").contains("15.0 refills, 0.0 flushes, 0 B given back; madvise 4.0"),
            "{rows:#?}"
        );
        assert!(rows.iter().any(|row| row.contains("4096 B") && row.contains("400.0 KiB")), "{rows:#?}");
        assert!(rows.iter().any(|row| row.contains("RSS 2 s ≤ 34.0 MiB")), "{rows:#?}");
        assert_eq!(rows[23], KEYS);
    }

    #[test]
    fn system_calls_that_do_not_fit_are_left_out_whole() {
        let mut state = pressed(&[]);
        let mut next = sample(3.0);
        next.stats.purged_bytes += 12_800_000;
        next.threads[1].stats.refills += 2000;
        let calls = &mut next.stats.calls;
        for (call, count) in [(&mut calls.advise, 140), (&mut calls.protect, 2), (&mut calls.map, 3)] {
            *call += count;
        }
        state.take(next);
        let told = |width: u16| {
            let rows = drawn(&state, width, 24);
            row(&rows, "a second").split_once("given back;").expect("its end").1.to_owned()
        };
        assert_eq!(told(80), " madvise 132 mmap 3.0 …");
        assert_eq!(told(120), " madvise 132 mmap 3.0 mprotect 2.0");
    }

    #[test]
    fn tables_are_sorted_as_their_head_says() {
        let order = |keys: &[Key], first: &str, second: &str| {
            let rows = drawn(&pressed(keys), 80, 24);
            let place = |text: &str| rows.iter().position(|row| row.contains(text)).unwrap_or(usize::MAX);
            assert!(place(first) < place(second) && place(second) < 24, "{first} {second}: {rows:#?}");
        };
        let sort = Key::Letter('s');
        order(&[], "live▾", "4096 B");
        order(&[], " 4096 B", " 32 B");
        order(&[sort, sort, sort], " 32 B", " 4096 B");
        order(&[Key::Tab], "worker", "main");
        order(&[Key::Tab, sort], "batches/s▾", "worker");
        order(&[Key::Tab, sort, sort], "main", "worker");
    }

    #[test]
    fn a_wide_terminal_shows_both_tables() {
        let rows = drawn(&pressed(&[]), 140, 40);
        assert!(rows.iter().any(|row| row.contains("pools") && row.contains("batches/s")), "{rows:#?}");
    }

    #[test]
    fn frozen_ended_and_help_are_seen() {
        assert!(drawn(&pressed(&[Key::Letter('f')]), 80, 24)[0].starts_with("strata top  frozen  service"));
        let mut state = pressed(&[]);
        state.end();
        assert!(drawn(&state, 80, 24)[0].starts_with("strata top  ended  service"));
        let rows = drawn(&pressed(&[Key::Letter('h')]), 80, 24);
        assert!(rows.iter().any(|row| row.contains("sort by the next column")), "{rows:#?}");
        assert!(rows.iter().any(|row| row.contains("says what is wrong, and what to do")), "{rows:#?}");
    }

    #[test]
    fn a_long_history_is_in_its_columns_with_its_peaks_and_a_short_one_at_the_right() {
        assert_eq!(in_columns(&[1, 2, 3], 5), [0, 0, 1, 2, 3]);
        assert_eq!(in_columns(&[9, 1, 2, 7, 3, 4], 3), [9, 7, 4]);
        assert_eq!(in_columns(&[5, 1, 2, 7, 3], 3), [5, 2, 7]);
        assert_eq!(in_columns(&[], 2), [0, 0]);
    }

    #[test]
    fn a_tiny_terminal_is_no_reason_to_fail() {
        for (width, height) in [(1, 1), (10, 5), (40, 8), (79, 23), (300, 100)] {
            assert_eq!(drawn(&pressed(&[Key::Letter('h')]), width, height).len(), usize::from(height));
        }
    }
}
