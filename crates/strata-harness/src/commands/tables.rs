//! One form of table for numbers: names at the left, numbers at the right edge of their columns; for a terminal, and for a page.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Row, Table, TableComponent};

/// Columns that a table takes even where there are fewer.
const NARROWEST: u16 = 76;

/// Instead of a number that there is not.
pub const NONE: &str = "–";

/// A table without rows, under these names.
pub fn under(names: impl IntoIterator<Item = impl ToString>) -> Table {
    let mut table = Table::new();
    // A terminal that says it has no columns has lost count, and below these a table is confetti.
    if let Some(columns) = table.width() {
        table.set_width(columns.max(NARROWEST));
    }
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.remove_style(TableComponent::HorizontalLines).remove_style(TableComponent::MiddleIntersections);
    table.set_header(names.into_iter().map(bold));
    table
}

/// A cell that stands out.
pub fn bold(text: impl ToString) -> Cell {
    Cell::new(text).add_attribute(Attribute::Bold)
}

/// All columns but the first are of numbers.
pub fn align(mut table: Table) -> Table {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The same as Markdown.
pub fn markdown(table: &Table) -> String {
    let mut text = String::new();
    let Some(header) = table.header() else { return text };
    text.push_str(&line(header));
    let columns = header.cell_iter().count();
    text.push_str(&format!("|---|{}\n", "--:|".repeat(columns.saturating_sub(1))));
    table.row_iter().for_each(|row| text.push_str(&line(row)));
    text
}

/// One space where the terminal's table aligns by two.
fn line(row: &Row) -> String {
    let cells = row.cell_iter().map(|cell| cell.content().split_whitespace().collect::<Vec<_>>().join(" "));
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_the_same_on_a_page() {
        let mut table = under(["", "strata"]);
        table.add_row(["json", "50 ms  0.50×"]);
        let table = align(table);
        assert!(table.to_string().contains("50 ms  0.50×"));
        assert_eq!(markdown(&table), "|  | strata |\n|---|--:|\n| json | 50 ms 0.50× |\n");
    }
}
