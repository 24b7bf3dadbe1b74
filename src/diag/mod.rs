//! Diagnostics: a title, a span in a file, the fact that makes it so, and one remedy.
//!
//! A checker collects `Diagnostic`s and goes on, so that a user sees every fault of a configuration
//! in one go; `render` turns them into the text that `cli` prints and tests compare. `Table` reads
//! a TOML file so that each value keeps its place. The checks themselves stand with what they check
//! (`plan`, `call::endpoints`, `pool`).

mod chain;
mod render;
mod rows;
mod suggest;
mod table;

pub use chain::chain;
pub use render::{Style, render, summary};
pub use rows::{DiagnosticRow, rows};
pub use suggest::{did_you_mean, ticked};
pub use table::{At, Codes, Entry, Table, count, number, text, texts};

use std::ops::Range;
use std::sync::Arc;

/// Whether the configuration can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

/// A file's path as shown, with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// As the user would type it.
    pub path: String,
    pub text: String,
}

impl SourceFile {
    /// The number of the line, from 1, in which the byte at `offset` stands.
    pub fn line(&self, offset: usize) -> usize {
        self.text.get(..offset).unwrap_or_default().matches('\n').count() + 1
    }
}

/// A byte range of a source.
#[derive(Debug, Clone)]
pub struct Span {
    pub source: Arc<SourceFile>,
    pub range: Range<usize>,
    /// A few words under the caret; may be empty.
    pub label: String,
}

/// One fault, as the user reads it.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Stable: `P04`.
    pub code: &'static str,
    /// Lower case, no period, names in backticks, says what is so.
    pub title: String,
    /// Boxed, so that a `Result` with a diagnostic stays small.
    pub span: Option<Box<Span>>,
    /// The facts that make it so, with all permitted values.
    pub notes: Vec<String>,
    /// One action, imperative, only when we know one.
    pub help: Option<String>,
}

impl Diagnostic {
    pub fn error(code: &'static str, title: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code,
            title: title.into(),
            span: None,
            notes: Vec::new(),
            help: None,
        }
    }

    pub fn warning(code: &'static str, title: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, title) }
    }

    /// Points at `range` of `source`.
    pub fn at(
        mut self,
        source: &Arc<SourceFile>,
        range: Range<usize>,
        label: impl Into<String>,
    ) -> Diagnostic {
        self.span = Some(Box::new(Span { source: source.clone(), range, label: label.into() }));
        self
    }

    pub fn note(mut self, note: impl Into<String>) -> Diagnostic {
        self.notes.push(note.into());
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// `help: did you mean …?` when one of `known` is near `word`.
    pub fn suggest<'a>(self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
        match did_you_mean(word, known) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }
}
