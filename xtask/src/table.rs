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

use crate::tidy::Finding;
use crate::workspace::Tree;

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

    /// What is wrong with it.
    pub(crate) fn finding(&self, page: &str, message: String) -> Finding {
        Finding::new(page, self.line, message)
    }
}

/// The rows of a page's table marked `name`, without its heading; a finding, which says what it should list, if there is none.
pub(crate) fn marked(tree: &Tree, page: &str, name: &str, lists: &str) -> Result<Vec<Row>, Finding> {
    let open = format!("<!-- tidy:{name} -->");
    let mut lines = tree.get(page).map_or("", |page| &page.text).lines().map(str::trim).enumerate();
    if !lines.any(|(_, line)| line == open) {
        return Err(Finding::new(page, 1, format!("has no table marked `tidy:{name}`: list there {lists}")));
    }
    let inside = lines.take_while(|(_, line)| *line != "<!-- tidy:end -->");
    let rows = inside.filter(|(_, line)| line.starts_with('|')).map(|(index, line)| Row {
        line: index + 1,
        cells: line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect(),
    });
    Ok(rows.skip(2).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_those_between_the_marks_and_a_missing_mark_is_no_empty_table() {
        let page = "# T\n<!-- tidy:x -->\n\n| a | b |\n|---|---|\n| 1 | `p`, `q` |\n<!-- tidy:end -->\n| 2 | `r` |\n";
        let tree = Tree::of(&[("a.md", page)]);
        let rows = marked(&tree, "a.md", "x", "").expect("marked");
        assert_eq!((rows.len(), rows[0].line, rows[0].cells[0].as_str()), (1, 6, "1"));
        assert_eq!(rows[0].names(1), ["p", "q"]);
        assert!(rows[0].names(5).is_empty());
        assert!(marked(&tree, "a.md", "y", "").is_err() && marked(&tree, "b.md", "x", "").is_err());
    }
}
