//! Diagnostics as text, in the form of rustc's.

use crate::diag::{Diagnostic, Severity};
use annotate_snippets::{AnnotationKind, Element, Level, Renderer, Snippet};

/// Whether to use ANSI colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Colour,
}

/// All diagnostics, sorted by file and place (those without a place first), errors and warnings
/// mixed, an empty line between.
pub fn render(diagnostics: &[Diagnostic], style: Style) -> String {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by(|a, b| {
        let key = |d: &Diagnostic| {
            d.span.as_ref().map(|s| (s.source.path.clone(), s.range.start, s.range.end))
        };
        (key(a), a.code, &a.title).cmp(&(key(b), b.code, &b.title))
    });
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Colour => Renderer::styled(),
    };
    let mut out = String::new();
    for diagnostic in sorted {
        out.push_str(&one(diagnostic, &renderer));
        out.push_str("\n\n");
    }
    out
}

fn one(diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level
        .primary_title(&diagnostic.title)
        .id(diagnostic.code)
        .elements(std::iter::empty::<Element>());
    if let Some(span) = &diagnostic.span {
        let end = span.range.end.min(span.source.text.len());
        let start = span.range.start.min(end);
        let mut annotation = AnnotationKind::Primary.span(start..end);
        if !span.label.is_empty() {
            annotation = annotation.label(&span.label);
        }
        group = group.element(
            Snippet::source(&span.source.text).path(&span.source.path).annotation(annotation),
        );
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    renderer.render(&[group])
}

/// `2 errors, 1 warning`.
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    let count = |severity| diagnostics.iter().filter(|d| d.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, 0) => "no errors".to_owned(),
        (e, 0) => plural(e, "error"),
        (0, w) => plural(w, "warning"),
        (e, w) => format!("{}, {}", plural(e, "error"), plural(w, "warning")),
    }
}
