//! Tables in the book that the rules read: Markdown between a pair of marks.
//!
//! ```text
//! <!-- tidy:NAME -->
//! | heading | heading |
//! |---------|---------|
//! | cell    | cell    |
//! <!-- tidy:end -->
//! ```
//!
//! Does not know: what the cells mean.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use regex::Regex;

use crate::source::Source;

/// One row: where it stands, and its cells.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) line: usize,
    pub(crate) cells: Vec<String>,
}

impl Row {
    /// What stands in backquotes in a cell; a cell that the row lacks holds nothing.
    pub(crate) fn names(&self, cell: usize) -> Vec<String> {
        let Some(cell) = self.cells.get(cell) else { return Vec::new() };
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }
}

/// The rows of the table marked `name`, without its heading; `None` if there is no such table.
pub(crate) fn marked(file: &Source, name: &str) -> Option<Vec<Row>> {
    let open = format!("<!-- tidy:{name} -->");
    let start = file.text.lines().position(|line| line.trim() == open)?;
    let inside = file
        .text
        .lines()
        .enumerate()
        .skip(start + 1)
        .take_while(|(_, line)| line.trim() != "<!-- tidy:end -->");
    let rows = inside.filter(|(_, line)| line.trim_start().starts_with('|')).map(|(index, line)| Row {
        line: index + 1,
        cells: line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect(),
    });
    Some(rows.skip(2).collect())
}

/// A pattern of this program, compiled once; a wrong one is our own mistake.
pub(crate) fn pattern(text: &'static str) -> Regex {
    static COMPILED: Mutex<BTreeMap<&str, Regex>> = Mutex::new(BTreeMap::new());
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let compile = || Regex::new(text).unwrap_or_else(|error| panic!("xtask's own pattern: {error}"));
    compiled.entry(text).or_insert_with(compile).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str =
        "# T\n<!-- tidy:x -->\n\n| a | b |\n|---|---|\n| 1 | `p`, `q` |\n<!-- tidy:end -->\n| 2 | `r` |\n";

    #[test]
    fn rows_are_those_between_the_marks() {
        let rows = marked(&Source::new("a.md", PAGE), "x").expect("marked");
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].line, rows[0].cells[0].as_str()), (6, "1"));
        assert_eq!(rows[0].names(1), ["p", "q"]);
        assert!(rows[0].names(5).is_empty());
    }

    #[test]
    fn a_missing_mark_is_no_empty_table() {
        assert_eq!(marked(&Source::new("a.md", PAGE), "y"), None);
    }
}
