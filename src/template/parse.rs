//! A template file taken apart: messages, and the variables each file needs with their places.

use crate::diag::{Diagnostic, SourceFile};
use crate::markup::Sections;
use crate::record::Speaker;
use minijinja::{Environment, UndefinedBehavior};
use std::ops::Range;
use std::sync::Arc;

/// A parsed template.
#[derive(Debug)]
pub struct Template {
    pub source: Arc<SourceFile>,
    /// What the file needs, in order of first appearance.
    pub variables: Vec<Variable>,
    /// The tags that text from outside may not close.
    pub(super) sections: Sections,
    pub(super) messages: Vec<Shape>,
    pub(super) env: Environment<'static>,
}

/// A message as the file has it.
#[derive(Debug)]
pub(super) struct Shape {
    pub speaker: Speaker,
    /// What it says where nothing is to be filled in, as most of what a system is told.
    pub constant: Option<String>,
}

/// A variable that a template reads, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    pub range: Range<usize>,
}

impl Template {
    /// The tags that text from outside may not close.
    pub fn sections(&self) -> &Sections {
        &self.sections
    }

    /// Parses `source`. Errors are `T01` (syntax) and `T02` (text outside a message).
    pub fn parse(source: Arc<SourceFile>) -> Result<Template, Diagnostic> {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        let mut shapes = Vec::new();
        let mut variables = Vec::new();
        for (index, (speaker, range)) in messages(&source)?.into_iter().enumerate() {
            let name = index.to_string();
            let text = source.text[range.clone()].trim_matches('\n').to_owned();
            let shift = range.start + leading_newlines(&source.text[range]);
            let constant = is_constant(&text).then(|| text.trim().to_owned());
            env.add_template_owned(name.clone(), text).map_err(|e| syntax(&source, shift, &e))?;
            if let Ok(template) = env.get_template(&name) {
                variables.extend(template.undeclared_variables(false));
            }
            shapes.push(Shape { speaker, constant });
        }
        let variables = place(&source.text, variables);
        let sections = Sections::of(&source.text);
        Ok(Template { source, variables, sections, messages: shapes, env })
    }
}

/// Around a picture's number, where a template places it.
pub(super) const OPEN: char = '\u{E000}';
pub(super) const CLOSE: char = '\u{E001}';

/// Whether a message says the same whatever is filled in: it opens no expression, statement or comment.
fn is_constant(text: &str) -> bool {
    !["{{", "{%", "{#"].iter().any(|open| text.contains(open)) && !text.contains([OPEN, CLOSE])
}

fn leading_newlines(text: &str) -> usize {
    text.len() - text.trim_start_matches('\n').len()
}

/// The messages' speakers and body ranges. Before the first marker only comments may stand.
fn messages(source: &Arc<SourceFile>) -> Result<Vec<(Speaker, Range<usize>)>, Diagnostic> {
    let mut found: Vec<(Speaker, Range<usize>)> = Vec::new();
    let mut at = 0;
    for line in source.text.split_inclusive('\n') {
        let marker = match line.trim_end() {
            "=== system" => Some(Speaker::System),
            "=== user" => Some(Speaker::User),
            "=== assistant" => Some(Speaker::Assistant),
            _ => None,
        };
        if let Some(speaker) = marker {
            if let Some(last) = found.last_mut() {
                last.1.end = at;
            }
            found.push((speaker, at + line.len()..source.text.len()));
        }
        at += line.len();
    }
    let head = found.first().map_or(source.text.len(), |(_, r)| r.start);
    let comment_end = source.text[..head].rfind("#}").map_or(0, |at| at + 2);
    let stray = source.text[comment_end..head].lines().any(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with("=== ")
    });
    if found.is_empty() || stray {
        return Err(Diagnostic::error("T02", "template has text outside of any message")
            .at(source, comment_end..head.min(comment_end + 1).max(comment_end), "")
            .note("a message opens with a line `=== system`, `=== user` or `=== assistant`")
            .help("put such a line before the text"));
    }
    Ok(found)
}

fn syntax(source: &Arc<SourceFile>, shift: usize, error: &minijinja::Error) -> Diagnostic {
    let range = error.range().unwrap_or(0..0);
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    Diagnostic::error("T01", format!("template syntax: {what}"))
        .at(source, shift + range.start..shift + range.end, "")
        .note("templates are minijinja: `{{ variable }}`, `{% if … %}`, `{% for … %}`; no includes")
}

/// Gives each distinct name the place of its first use inside a tag.
fn place(text: &str, names: Vec<impl AsRef<str>>) -> Vec<Variable> {
    let mut out: Vec<Variable> = Vec::new();
    for name in names {
        let name = name.as_ref();
        if out.iter().any(|v| v.name == name) {
            continue;
        }
        let range = first_use(text, name).unwrap_or(0..0);
        out.push(Variable { name: name.to_owned(), range });
    }
    out.sort_by_key(|v| (v.range.start, v.name.clone()));
    out
}

fn first_use(text: &str, name: &str) -> Option<Range<usize>> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name)
        .filter(|(at, _)| {
            let before = text[..*at].chars().next_back();
            let after = text[at + name.len()..].chars().next();
            !before.is_some_and(|c| word(c) || c == '.') && !after.is_some_and(word)
        })
        .find(|(at, _)| {
            let open = text[..*at].rfind("{{").max(text[..*at].rfind("{%"));
            let close = text[..*at].rfind("}}").max(text[..*at].rfind("%}"));
            open.is_some() && open > close
        })
        .map(|(at, _)| at..at + name.len())
}
