//! A table of text cells, aligned. A cell is one line, and nothing in it can drive the terminal,
//! whoever named it.

use crate::audit::show::line;

/// Which side a column keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Left,
    Right,
}

/// Rows of cells. Colours go around cells after they are padded.
pub struct Grid {
    sides: Vec<Side>,
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// One letter a column: `l` or `r`.
    pub fn new(sides: &str) -> Grid {
        let side = |c| if c == 'r' { Side::Right } else { Side::Left };
        Grid { sides: sides.chars().map(side).collect(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = impl AsRef<str>>) {
        self.rows.push(cells.into_iter().map(|cell| line(cell.as_ref(), usize::MAX)).collect());
    }

    /// Of its widest line, characters.
    pub fn width(&self) -> usize {
        self.lines().iter().map(|line| line.chars().count()).max().unwrap_or(0)
    }

    /// Lines, each with two spaces between columns and none at the end.
    pub fn lines(&self) -> Vec<String> {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.sides.len()).map(width).collect();
        self.rows.iter().map(|row| self.one(row, &widths)).collect()
    }

    fn one(&self, row: &[String], widths: &[usize]) -> String {
        let mut out = String::new();
        for ((cell, side), width) in row.iter().zip(&self.sides).zip(widths) {
            let space = " ".repeat(width.saturating_sub(cell.chars().count()));
            if !out.is_empty() {
                out.push_str("  ");
            }
            match side {
                Side::Left => out.extend([cell.as_str(), space.as_str()]),
                Side::Right => out.extend([space.as_str(), cell.as_str()]),
            }
        }
        out.truncate(out.trim_end().len());
        out
    }
}
