//! What is known of a kind of stage without running it: names, docs, ports, parameters, needs.

use crate::diag::Diagnostic;
use crate::stage::{Compile, Facts, KINDS, Params, Stage};

/// How many stages feed a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// A source: no `from`.
    None,
    /// One or more edges in.
    Some,
}

/// A way out.
#[derive(Debug, Clone, Copy)]
pub struct Port {
    pub name: &'static str,
    pub doc: &'static str,
}

/// Why a record may be dropped.
#[derive(Debug, Clone, Copy)]
pub struct Reason {
    pub code: &'static str,
    pub doc: &'static str,
}

/// The type and range of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ty {
    Int {
        min: i64,
        max: i64,
    },
    Float {
        min: f64,
        max: f64,
    },
    Bool,
    Text,
    Choice(&'static [&'static str]),
    /// A role of `_models.toml` that answers chats.
    Chat,
    /// A role of `_models.toml` that draws.
    Image,
    /// A file under `templates/`, with the variables this kind fills in: those without which the
    /// question would be another one (a judge that is shown no picture still answers), and the
    /// rest.
    Template {
        must: &'static [&'static str],
        may: &'static [&'static str],
    },
    /// A file under `data/`, or a path from the project's root.
    File,
    /// A list of texts.
    Texts,
    /// A table of text to number (category weights, outcome mix).
    Weights,
    /// `[[name]]` tables that the kind reads from its own file.
    Tables,
}

/// A parameter, documented.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    pub name: &'static str,
    pub ty: Ty,
    /// As it would be written in TOML; None when the parameter must be given, `""` (empty) when it
    /// may be absent.
    pub default: Option<&'static str>,
    pub doc: &'static str,
}

/// Facts in to facts out by each port, or what is lacking.
pub type Flow = fn(&Params, Facts) -> Result<Vec<(&'static str, Facts)>, String>;
/// The same over all that enters together.
pub type FlowAll = fn(&Params, &[Facts]) -> Result<(), String>;

/// A kind of stage.
pub struct Kind {
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// Paragraphs: semantics, the paper's section, how parameters change it.
    pub docs: &'static str,
    pub arity: Arity,
    pub ports: &'static [Port],
    pub reasons: &'static [Reason],
    pub params: &'static [Param],
    /// What leaves by each port, given what enters; Err says what is lacking (`an image in the
    /// last round`).
    pub flow: Flow,
    /// What must hold over all that enters together (a kind that gathers); Err as for `flow`.
    pub flow_all: Option<FlowAll>,
    pub compile: fn(&mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>>,
}

/// The kind of that name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().copied().find(|k| k.name == name)
}

impl Kind {
    pub fn param(&self, name: &str) -> Option<&'static Param> {
        self.params.iter().find(|p| p.name == name)
    }
}
