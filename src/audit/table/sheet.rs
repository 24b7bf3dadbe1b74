//! Tables and plots as data, before anybody writes them.

use serde::Serialize;

/// A figure, with its 95 % interval where one was drawn.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Cell {
    pub value: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// Digits to show.
    #[serde(skip)]
    pub digits: usize,
    /// Words, where it is no figure.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
}

impl Cell {
    pub fn of(value: Option<f64>, digits: usize) -> Cell {
        Cell { value, digits, ..Cell::default() }
    }

    pub fn count(n: usize) -> Cell {
        Cell::of(Some(n as f64), 0)
    }

    pub fn between(mut self, interval: Option<(f64, f64)>) -> Cell {
        (self.low, self.high) = interval.unzip();
        self
    }

    pub fn words(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), ..Cell::default() }
    }

    /// As people read it: `50.7 [44.6, 56.8]`, or a dash.
    pub fn shown(&self) -> String {
        let digits = self.digits;
        match (self.value, self.low, self.high) {
            (None, ..) if self.text.is_empty() => "-".to_owned(),
            (None, ..) => self.text.clone(),
            (Some(v), Some(low), Some(high)) => {
                format!("{v:.digits$} [{low:.digits$}, {high:.digits$}]")
            }
            (Some(v), ..) => format!("{v:.digits$}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct SheetRow {
    pub name: String,
    pub cells: Vec<Cell>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Sheet {
    /// `Table 1`, …
    pub name: String,
    pub title: String,
    pub columns: Vec<String>,
    pub rows: Vec<SheetRow>,
    /// What the figures mean, and what to mind.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    pub x: f64,
    pub y: f64,
    pub low: f64,
    pub high: f64,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Series {
    pub name: String,
    pub points: Vec<Point>,
}

/// A figure: lines over x, with whiskers.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Plot {
    pub name: String,
    pub title: String,
    pub x: String,
    pub y: String,
    /// Names of x = 0, 1, …; empty: x is a number.
    pub ticks: Vec<String>,
    pub series: Vec<Series>,
}

/// Everything that is printed of some runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Tables {
    pub simulated: bool,
    pub sheets: Vec<Sheet>,
    pub plots: Vec<Plot>,
    pub notes: Vec<String>,
}
