//! What is known of a kind of stage without running it: names, docs, ports, parameters, needs.

use crate::diag::Diagnostic;
use crate::record::Disposition;
use crate::stage::{Compile, Does, Facts, Kinds, Params, Stage};

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
    /// A role of `_models.toml` that answers chats, and what it is asked for.
    Chat(Wants),
    /// A list of such roles; absent: none.
    Chats(Wants),
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

/// What a chat role is asked for by a kind: the probe tries it before a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wants {
    /// It is shown pictures.
    pub pictures: bool,
    /// It must answer with JSON; else with text.
    pub json: bool,
}

impl Wants {
    pub const TEXT: Wants = Wants { pictures: false, json: false };
    pub const JSON: Wants = Wants { pictures: false, json: true };
    pub const SEEN_TEXT: Wants = Wants { pictures: true, json: false };
    pub const SEEN_JSON: Wants = Wants { pictures: true, json: true };
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
    /// What it does to a record, for who reads a run without knowing the kind.
    pub does: Does,
    /// Ports by which it passes on what it accepts.
    pub accepts: &'static [&'static str],
    /// Ports and drop reasons by which it says no to a record. A reason that is in neither list
    /// (a refusal, an answer that cannot be read) is no decision.
    pub rejects: &'static [&'static str],
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

/// The built-in kind of that name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    Kinds::default().get(name)
}

/// By its name: the rest of a kind is static, and much of it is code.
impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Kind").field(&self.name).finish()
    }
}

impl Kind {
    /// Whether a stage of this kind accepted a record; None where it came to no decision. A sink
    /// has no port: what it takes is accepted.
    pub fn accepted(&self, disposition: Disposition, port: &str, reason: &str) -> Option<bool> {
        match disposition {
            Disposition::Failed => None,
            Disposition::Passed if self.ports.is_empty() => Some(true),
            Disposition::Passed if self.accepts.contains(&port) => Some(true),
            Disposition::Passed => self.rejects.contains(&port).then_some(false),
            Disposition::Dropped => self.rejects.contains(&reason).then_some(false),
        }
    }

    /// The roles that `params` name for this kind, each with what it is asked for (None: a picture).
    pub fn roles<'a>(
        &self,
        params: &'a Params,
    ) -> impl Iterator<Item = (&'static str, &'a str, Option<Wants>)> {
        self.params.iter().flat_map(move |p| {
            let (one, many) = (params.text(p.name), params.texts(p.name));
            let names: Vec<(&'static str, &'a str, Option<Wants>)> = match p.ty {
                Ty::Chat(wants) => vec![(p.name, one, Some(wants))],
                Ty::Image => vec![(p.name, one, None)],
                Ty::Chats(wants) => {
                    many.iter().map(|role| (p.name, role.as_str(), Some(wants))).collect()
                }
                _ => Vec::new(),
            };
            names.into_iter().filter(|(_, role, _)| !role.is_empty())
        })
    }

    pub fn param(&self, name: &str) -> Option<&'static Param> {
        self.params.iter().find(|p| p.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Disposition::{Dropped, Failed, Passed};

    #[test]
    fn a_drop_without_a_verdict_is_no_decision() {
        let said = |of: &str, disposition, port: &str, reason: &str| {
            kind(of).expect("built in").accepted(disposition, port, reason)
        };
        assert_eq!(said("judge", Passed, "satisfied", ""), Some(true));
        assert_eq!(said("judge", Passed, "unsatisfied", ""), Some(false));
        assert_eq!(said("judge", Dropped, "", "undecided"), None);
        assert_eq!(said("judge", Dropped, "", "unreadable_judgement"), None, "of an older RUN");
        assert_eq!(said("pointwise", Passed, "improved", ""), Some(false));
        assert_eq!(said("pointwise", Dropped, "", "not_good"), Some(false));
        assert_eq!(said("pointwise", Dropped, "", "refused"), None);
        assert_eq!(said("pairwise", Dropped, "", "tie"), Some(false));
        assert_eq!(said("leak_filter", Dropped, "", "refused"), None);
        assert_eq!(said("leak_filter", Failed, "", "call"), None);
    }

    /// A name misspelt in these lists would turn a verdict into silence.
    #[test]
    fn what_a_kind_accepts_and_rejects_are_its_ports_and_reasons() {
        for kind in Kinds::default().iter() {
            let port = |name: &str| kind.ports.iter().any(|p| p.name == name);
            let reason = |name: &str| kind.reasons.iter().any(|r| r.code == name);
            assert!(kind.accepts.iter().all(|a| port(a)), "{}", kind.name);
            assert!(kind.rejects.iter().all(|r| port(r) || reason(r)), "{}", kind.name);
            for p in kind.ports {
                let (yes, no) = (kind.accepts.contains(&p.name), kind.rejects.contains(&p.name));
                assert!(yes != no, "{}: `{}` is one or the other", kind.name, p.name);
            }
        }
    }
}
