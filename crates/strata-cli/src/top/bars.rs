//! The waterfall as bars: each begins where the one before it ended, the last ends at RSS.
//!
//! Does not know: what else is on the screen.

use ratatui::style::Color;
use strata_inspect::{Line, Waterfall};

/// A part of the process's resident memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) title: &'static str,
    pub(super) color: Color,
    pub(super) bytes: u64,
}

/// Which lines of the waterfall make up a part.
const PARTS: [(&str, Color, &[Line]); 7] = [
    ("live blocks", Color::Green, &[Line::Live]),
    ("ready in threads", Color::Cyan, &[Line::Ready]),
    ("free blocks, pools in use", Color::Yellow, &[Line::FreeBlocks]),
    ("not carved yet", Color::DarkGray, &[Line::Uncarved]),
    (
        "free, or going back",
        Color::Magenta,
        &[Line::FreePools, Line::Due, Line::Lazy, Line::Returned, Line::FreeHuge],
    ),
    ("metadata", Color::Blue, &[Line::Metadata]),
    ("the rest of the process", Color::Gray, &[Line::Rest]),
];

/// The parts, which add up to RSS.
pub(super) fn parts(waterfall: &Waterfall) -> [Part; PARTS.len()] {
    PARTS.map(|(title, color, lines)| Part {
        title,
        color,
        bytes: lines.iter().map(|line| waterfall.bytes(*line)).sum(),
    })
}

/// A bar for `bytes` that begins at `from`, in `width` cells that stand for `all`. What is not nothing is an eighth of a cell at least.
pub(super) fn bar(from: u64, bytes: u64, all: u64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if all == 0 || bytes == 0 || width == 0 {
        return String::new();
    }
    let eighths = |bytes: u64| (u128::from(bytes) * width as u128 * 8 / u128::from(all)) as usize;
    let start = (eighths(from) / 8).min(width - 1);
    let most = (width - start) * 8;
    let length = eighths(bytes).clamp(1, most);
    format!("{}{}{}", " ".repeat(start), "█".repeat(length / 8), EIGHTHS[length % 8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::state::tests::sample;

    #[test]
    fn the_parts_add_up_to_rss() {
        let waterfall = sample(0.0).waterfall;
        assert_eq!(parts(&waterfall).iter().map(|part| part.bytes).sum::<u64>(), waterfall.rss_bytes());
        let whole = Line::ALL.into_iter().filter(|line| line.parent() == Some(Line::Strata));
        let shown: Vec<Line> = PARTS.iter().flat_map(|(_, _, lines)| lines.iter().copied()).collect();
        assert!(whole.into_iter().all(|line| shown.contains(&line)), "each line is in a part");
    }

    #[test]
    fn a_bar_is_as_long_as_its_part_and_begins_where_the_last_one_ended() {
        assert_eq!(bar(0, 50, 100, 8), "████");
        assert_eq!(bar(50, 50, 100, 8), "    ████");
        assert_eq!(bar(0, 1, 64, 8), "▏");
        assert_eq!(bar(0, 13, 64, 8), "█▋");
        assert_eq!((bar(0, 0, 100, 8), bar(0, 5, 0, 8)), (String::new(), String::new()));
    }

    #[test]
    fn no_bar_leaves_its_cells_and_none_that_is_something_is_nothing() {
        for (from, bytes) in [(0, 1), (99, 1), (100, 1), (90, 200), (0, 1000)] {
            let length = bar(from, bytes, 100, 10).chars().count();
            assert!((1..=10).contains(&length), "{from} {bytes}: {length}");
        }
    }
}
