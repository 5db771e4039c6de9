//! Text in aligned columns, for people. The first rows decide how wide the columns are; the rest is
//! printed as it comes.

use std::fmt::Write as _;
use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

/// How many rows are kept back to find the widths.
const ROWS_AHEAD: usize = 1000;
const GAP: &str = "  ";

/// Rows of cells under a header.
pub(crate) struct Grid<W> {
    output: W,
    columns: Vec<Column>,
    waiting: Vec<Vec<String>>,
    has_begun: bool,
}

struct Column {
    name: String,
    is_right: bool,
    width: usize,
}

impl<W: Write> Grid<W> {
    pub(crate) fn new(output: W) -> Grid<W> {
        Grid { output, columns: Vec::new(), waiting: Vec::new(), has_begun: false }
    }

    /// Adds a column; numbers are aligned to the right.
    pub(crate) fn column(&mut self, name: &str, is_right: bool) {
        let name = printable(name.to_owned());
        self.columns.push(Column { width: name.width(), name, is_right });
    }

    /// Adds a row, with a cell per column.
    pub(crate) fn row(&mut self, cells: Vec<String>) -> io::Result<()> {
        let cells: Vec<String> = cells.into_iter().map(printable).collect();
        if self.has_begun {
            return write_row(&mut self.output, &self.columns, &cells);
        }
        for (column, cell) in self.columns.iter_mut().zip(&cells) {
            column.width = column.width.max(cell.width());
        }
        self.waiting.push(cells);
        if self.waiting.len() == ROWS_AHEAD { self.begin() } else { Ok(()) }
    }

    /// Prints the rows that are still kept back.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        if !self.has_begun {
            self.begin()?;
        }
        self.output.flush()?;
        Ok(self.output)
    }

    fn begin(&mut self) -> io::Result<()> {
        self.has_begun = true;
        let names: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        let rules: Vec<String> = self.columns.iter().map(|column| "─".repeat(column.width)).collect();
        for row in [names, rules].iter().chain(&std::mem::take(&mut self.waiting)) {
            write_row(&mut self.output, &self.columns, row)?;
        }
        Ok(())
    }
}

fn write_row(output: &mut impl Write, columns: &[Column], cells: &[String]) -> io::Result<()> {
    let mut line = String::new();
    for (column, cell) in columns.iter().zip(cells) {
        let padding = " ".repeat(column.width.saturating_sub(cell.width()));
        let (before, after) = if column.is_right { (&*padding, "") } else { ("", &*padding) };
        line.extend([before, cell, after, GAP]);
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    output.write_all(line.as_bytes())
}

/// Escapes control characters: they would break the columns, and could control the terminal.
fn printable(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    text.chars().fold(String::new(), |mut shown, character| {
        if character.is_control() {
            let _ = write!(shown, "{}", character.escape_default());
        } else {
            shown.push(character);
        }
        shown
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(rows: &[[&str; 2]]) -> String {
        let mut output = Vec::new();
        let mut grid = Grid::new(&mut output);
        grid.column("name", false);
        grid.column("n", true);
        for row in rows {
            grid.row(row.map(str::to_owned).to_vec()).unwrap();
        }
        grid.finish().unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        assert_eq!(
            print(&[["é", "1"], ["東京都庁", "200"]]),
            "name        n\n────────  ───\né           1\n東京都庁  200\n"
        );
        assert_eq!(print(&[]), "name  n\n────  ─\n");
    }

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        assert_eq!(print(&[["a\nb\u{1b}[2J", "1"]]).lines().nth(2), Some("a\\nb\\u{1b}[2J  1"));
    }

    #[test]
    fn rows_after_the_first_thousand_stream_with_the_same_widths() {
        let rows = vec![["x", "1"]; 2 * ROWS_AHEAD + 1];
        let text = print(&rows);
        assert_eq!(text.lines().count(), rows.len() + 2);
        assert_eq!(text.lines().last(), Some("x     1"));
    }
}
