//! Asking a chat role with a template: what comes back is read, and what cannot be read is asked for
//! again, with the model's own words and what is wrong with them in the conversation. The identical
//! request would only repeat the fault where the temperature is 0.

use crate::call::{ChatRequest, Output, Reply, Request, Schema};
use crate::diag::Diagnostic;
use crate::markup;
use crate::record::{Atom, AtomKind, CallKey, Message, Part, Speaker, Vote};
use crate::rules::{FEW, MANY, Rules};
use crate::stage::grammar::{Fault, clip};
use crate::stage::{Compile, Cx, Role, RoleKind, StageError};
use crate::template;
use crate::text::json;
use crate::text::lexicon;
use serde_json::Value;
use std::sync::Arc;

/// The longest model text that is kept, in bytes: past it a reply is garbage.
pub const MAX_TEXT: usize = 64 * 1024;

/// The n-th try at a reply that could not be read adds n times this to the draw.
const AGAIN: u32 = 1000;

/// So much of its own reply is shown to a model that is asked again, in characters.
const SHOWN: usize = 12_000;

/// A role and the template it is asked with.
pub struct Asker {
    pub role: Role,
    pub template: Arc<template::Template>,
    /// What is said of a reply that could not be read (`templates/again.j2`).
    again: Arc<template::Template>,
    /// The shape of the JSON that is asked for, if one is.
    schema: Option<&'static Schema>,
}

/// What came of asking.
pub enum AskOutcome<T> {
    Read(T, CallKey),
    /// Came back each time, and not in the form asked for; the last fault.
    Unusable(Fault),
    /// The server will not answer (safety, policy).
    Refused(String),
}

/// What came of asking, and what had to be asked again on the way.
pub struct Asked<T> {
    pub said: AskOutcome<T>,
    /// `Vote::UNREAD` and `Vote::AGAIN` for each reply that could not be read; empty when the first
    /// could.
    pub faults: Vec<Vote>,
}

/// One reply's text and reasoning, or why there is none.
enum Heard {
    Text(String, String),
    Unusable(Fault),
    Refused(String),
}

impl Asker {
    /// From the parameters `role` and `template` of a kind.
    pub fn compile(cx: &Compile<'_>, role: &str, template: &str) -> Result<Asker, Vec<Diagnostic>> {
        let (role, template, again) = (cx.role(role)?, cx.template(template)?, cx.again()?);
        Ok(Asker { role, template, again, schema: None })
    }

    /// The same, for a reply of that shape.
    pub fn shaped(self, schema: &'static Schema) -> Asker {
        Asker { schema: Some(schema), ..self }
    }

    /// Of the role `role`, which the list in parameter `param` names.
    pub fn of_role(
        cx: &Compile<'_>,
        param: &str,
        role: &str,
        template: &str,
    ) -> Result<Asker, Vec<Diagnostic>> {
        let role = cx.role_named(param, role)?;
        Ok(Asker { role, template: cx.template(template)?, again: cx.again()?, schema: None })
    }

    /// The same role, asked with another template.
    pub fn with(self, template: Arc<template::Template>) -> Asker {
        Asker { template, ..self }
    }

    /// The request that `context` makes. `draw` tells equal asks apart; where the role pins a
    /// seed, the draw moves it, so that votes are not copies.
    pub fn request(
        &self,
        context: &template::Context,
        draw: u32,
    ) -> Result<ChatRequest, StageError> {
        let messages = filled(&self.template, context)?;
        let RoleKind::Chat(sampling) = &self.role.kind else {
            return Err(StageError::Record {
                code: "template",
                what: format!("role `{}` draws images and cannot chat", self.role.name),
            });
        };
        let mut request = ChatRequest {
            role: self.role.name.clone(),
            model: self.role.model.clone(),
            messages,
            sampling: sampling.clone(),
            schema: self.schema,
            draw,
        };
        self.seed(&mut request);
        Ok(request)
    }

    fn seed(&self, request: &mut ChatRequest) {
        if let RoleKind::Chat(sampling) = &self.role.kind {
            let moved = |seed: u64| seed.wrapping_add(u64::from(request.draw));
            request.sampling.seed = sampling.seed.map(moved);
        }
    }

    /// `first` once more: after it the reply that could not be read, and what is wrong with it.
    fn once_more(
        &self,
        first: ChatRequest,
        draw: u32,
        reply: &str,
        fault: &Fault,
    ) -> Result<ChatRequest, StageError> {
        let notice = filled(&self.again, &template::Context::new().text("fault", &fault.what))?;
        let mut request = ChatRequest { draw, ..first };
        self.seed(&mut request);
        let shown: String = reply.trim().chars().take(SHOWN).collect();
        match request.messages.last_mut() {
            // Servers refuse an empty turn, and some refuse two of one speaker.
            Some(last) if shown.is_empty() && last.speaker == Speaker::User => {
                last.parts.extend(notice.into_iter().flat_map(|m| m.parts));
            }
            _ => {
                let text = Part::Text(markup::neutralise_reply(&shown, self.template.sections()));
                let turn = Message { speaker: Speaker::Assistant, parts: vec![text] };
                request.messages.push(turn);
                request.messages.extend(notice);
            }
        }
        Ok(request)
    }

    /// Asks, and reads text and reasoning with `read`; asks at most `again` times more.
    pub async fn ask<T>(
        &self,
        cx: &Cx<'_>,
        context: &template::Context,
        draw: u32,
        again: u32,
        read: impl Fn(&str, &str) -> Result<T, Fault>,
    ) -> Result<Asked<T>, StageError> {
        let mut request = self.request(context, draw)?;
        let mut faults = Vec::new();
        let mut n = 0;
        loop {
            let (reply, key) = cx.call_with_key(&Request::Chat(request)).await?;
            let (text, read) = match heard(reply) {
                Heard::Refused(reason) => {
                    return Ok(Asked { said: AskOutcome::Refused(reason), faults });
                }
                Heard::Text(text, reasoning) => {
                    let read = read(&text, &reasoning);
                    (text, read)
                }
                Heard::Unusable(fault) => (String::new(), Err(fault)),
            };
            let answer = read.as_ref().err().map_or(Vote::ANSWERED, |fault| fault.code);
            match (n, read.is_ok()) {
                (0, true) => {}
                (0, false) => faults.push(vote(Vote::UNREAD, answer, key)),
                _ => faults.push(vote(Vote::AGAIN, answer, key)),
            }
            let fault = match read {
                Ok(value) => return Ok(Asked { said: AskOutcome::Read(value, key), faults }),
                Err(fault) if n == again => {
                    return Ok(Asked { said: AskOutcome::Unusable(fault), faults });
                }
                Err(fault) => fault,
            };
            n += 1;
            let first = self.request(context, draw)?;
            request = self.once_more(first, draw + AGAIN * n, &text, &fault)?;
        }
    }

    /// Asks for a JSON object, of which `fit` makes a value; asks once more where it cannot.
    pub async fn json<T>(
        &self,
        cx: &Cx<'_>,
        context: &template::Context,
        draw: u32,
        fit: impl Fn(Value) -> Result<T, Fault>,
    ) -> Result<Asked<T>, StageError> {
        self.ask(cx, context, draw, 1, |text, _| json::last(text, &fit)).await
    }
}

impl<T> Asked<T> {
    /// What was read, with its call. Err: a refusal's reason; a judge that was asked again in vain is
    /// the record's error (`undecided`).
    pub fn decided(
        self,
        votes: &mut Vec<Vote>,
    ) -> Result<Result<(T, CallKey), String>, StageError> {
        votes.extend(self.faults);
        match self.said {
            AskOutcome::Read(value, key) => Ok(Ok((value, key))),
            AskOutcome::Refused(reason) => Ok(Err(reason)),
            AskOutcome::Unusable(fault) => {
                Err(StageError::undecided(fault.what, std::mem::take(votes)))
            }
        }
    }
}

fn vote(ask: &str, answer: &str, key: CallKey) -> Vote {
    Vote { ask: ask.to_owned(), answer: answer.to_owned(), call: Some(key) }
}

fn filled(
    template: &template::Template,
    context: &template::Context,
) -> Result<Vec<Message>, StageError> {
    let filled = template.fill(context);
    filled.map_err(|e| StageError::Record { code: "template", what: e.to_string() })
}

fn heard(reply: Reply) -> Heard {
    let unusable = |what: String| Heard::Unusable(Fault { code: "garbage", what });
    match reply.output {
        Output::Refused { reason } => Heard::Refused(clip(&reason)),
        Output::Image { .. } => unusable("an image came back where text was asked".into()),
        Output::Text { text, reasoning } if text.len() + reasoning.len() > MAX_TEXT => {
            let bytes = text.len() + reasoning.len();
            unusable(format!("{bytes} bytes of text; at most {MAX_TEXT}"))
        }
        // As OpenAI's servers and as Gemini call it.
        Output::Text { text, .. }
            if matches!(reply.finish.as_str(), "length" | "MAX_TOKENS")
                && text.trim().is_empty() =>
        {
            let what = format!("cut off while thinking (finish `{}`)", reply.finish);
            unusable(format!("{what}: raise `max_tokens`"))
        }
        Output::Text { text, reasoning } => Heard::Text(text, reasoning),
    }
}

/// `value` as a type that serde reads.
pub fn typed<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Fault> {
    serde_json::from_value(value)
        .map_err(|e| Fault { code: "unreadable", what: format!("not the JSON asked for: {e}") })
}

/// The members of a JSON object.
pub fn members(value: Value) -> Result<serde_json::Map<String, Value>, Fault> {
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(Fault { code: "unreadable", what: "it is no JSON object".into() }),
    }
}

/// Rows for a template's `rules`.
pub fn rule_rows(rules: &Rules) -> Vec<Vec<(&'static str, &str)>> {
    rules.rules.iter().map(|r| vec![("id", r.id.as_str()), ("text", r.text.as_str())]).collect()
}

/// Rows for a template's `atoms`.
pub fn atom_rows(atoms: &[Atom]) -> Vec<Vec<(&'static str, &str)>> {
    atoms
        .iter()
        .map(|a| {
            vec![
                ("id", a.id.as_str()),
                ("kind", kind_name(a)),
                ("question", a.question.as_str()),
                ("expected", a.expected.as_str()),
            ]
        })
        .collect()
}

/// The kind of question that an atom is to whoever weighs its answers, as `data/judges.toml` writes it:
/// the atom's own, counts apart by how many are asked for.
pub fn question_kind(atom: &Atom) -> &'static str {
    if atom.kind != AtomKind::Count {
        return kind_name(atom);
    }
    let words = atom.expected.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
    match words.filter_map(|word| lexicon::number(&word)).max() {
        Some(2..=4) => FEW,
        Some(5..) => MANY,
        _ => kind_name(atom),
    }
}

/// The name of an atom's kind, as templates write it.
pub fn kind_name(atom: &Atom) -> &'static str {
    use AtomKind as K;
    match atom.kind {
        K::Object => "object",
        K::Count => "count",
        K::Color => "color",
        K::Attribute => "attribute",
        K::Relation => "relation",
        K::Region => "region",
        K::Size => "size",
        K::Text => "text",
        K::Style => "style",
        K::Negation => "negation",
        K::Knowledge => "knowledge",
        K::Realism => "realism",
    }
}
