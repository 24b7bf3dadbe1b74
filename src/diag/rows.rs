//! Diagnostics as data, for programs that read them.

use crate::diag::{Diagnostic, Severity};

/// A diagnostic as JSON has it; line and column count from 1, as the text form shows them.
#[derive(serde::Serialize)]
pub struct DiagnosticRow<'a> {
    severity: &'static str,
    code: &'static str,
    title: &'a str,
    file: Option<&'a str>,
    line: Option<usize>,
    column: Option<usize>,
    notes: &'a [String],
    help: Option<&'a str>,
}

/// Diagnostics as JSON has them.
pub fn rows(diagnostics: &[Diagnostic]) -> Vec<DiagnosticRow<'_>> {
    diagnostics.iter().map(row).collect()
}

fn row(d: &Diagnostic) -> DiagnosticRow<'_> {
    let before = d.span.as_ref().map(|s| {
        let end = s.range.start.min(s.source.text.len());
        s.source.text.get(..end).unwrap_or_default()
    });
    DiagnosticRow {
        severity: if d.severity == Severity::Error { "error" } else { "warning" },
        code: d.code,
        title: &d.title,
        file: d.span.as_ref().map(|s| s.source.path.as_str()),
        line: before.map(|text| text.matches('\n').count() + 1),
        column: before.map(|text| text.rsplit('\n').next().unwrap_or("").chars().count() + 1),
        notes: &d.notes,
        help: d.help.as_deref(),
    }
}
