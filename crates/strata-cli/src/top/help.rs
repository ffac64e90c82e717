//! The keys, and what the lines mean.
//!
//! Does not know: what is on the screen below.

use ratatui::Frame;
use ratatui::layout::{Constraint, Flex, Layout};
use ratatui::widgets::{Block, Clear, Paragraph};

const TEXT: &str = "\
 q, Ctrl-C   quit             Esc      back to the list
 f, space    freeze, go on    s        sort by the next column
 Tab, t      classes/threads  ↑ ↓      scroll; PgUp PgDn Home End
 h, ?        this page

 live        what the program has not freed
 ready       free blocks in threads' magazines
 free        free blocks of pools in which something lives
 not carved  in those pools, what was no block yet
 going back  free pools, and what freed huge blocks left
 metadata    what describes the rest
 the rest    stacks, binaries, other mappings
 batches     refills and flushes of magazines

 `strata explain PID` says what is wrong, and what to do.";

/// Draws them over what is there.
pub(super) fn draw(frame: &mut Frame<'_>) {
    let height = TEXT.lines().count() as u16 + 2;
    let [area] = Layout::vertical([Constraint::Length(height)]).flex(Flex::Center).areas(frame.area());
    let [area] = Layout::horizontal([Constraint::Length(70)]).flex(Flex::Center).areas(area);
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(TEXT).block(Block::bordered().title(" strata top: keys ")), area);
}
