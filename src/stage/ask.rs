//! Asking a chat role with a template, and reading JSON out of what comes back.

use crate::call::{ChatRequest, Message, Output, Part, Reply, Request, Speaker};
use crate::record::{Atom, CallKey};
use crate::rules::Rules;
use crate::stage::grammar::clip;
use crate::stage::{Cx, Role, RoleKind, StageError};
use crate::template;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// The longest model text that is kept, in bytes: past it a reply is garbage.
pub const MAX_TEXT: usize = 64 * 1024;

/// A second try at a reply that could not be read asks again with this added to the draw.
const AGAIN: u32 = 1000;

/// A role and the template it is asked with.
pub struct Asker {
    pub role: Role,
    pub template: Arc<template::Template>,
}

/// A reply's text, or why there is none.
pub enum Said<T> {
    Read(T, CallKey),
    /// Came back, but not in the form asked for.
    Garbage(String),
    /// The server will not answer (safety, policy).
    Refused(String),
}

impl Asker {
    /// The request that `context` makes. `draw` tells equal asks apart; where the role pins a
    /// seed, the draw moves it, so that votes are not copies.
    pub fn request(&self, context: &template::Context, draw: u32) -> Result<Request, StageError> {
        let filled = self
            .template
            .fill(context)
            .map_err(|e| StageError::Record { code: "template", what: e.to_string() })?;
        let RoleKind::Chat(sampling) = &self.role.kind else {
            return Err(StageError::Record {
                code: "template",
                what: format!("role `{}` draws images and cannot chat", self.role.name),
            });
        };
        let mut sampling = sampling.clone();
        sampling.seed = sampling.seed.map(|seed| seed.wrapping_add(u64::from(draw)));
        Ok(Request::Chat(ChatRequest {
            role: self.role.name.clone(),
            model: self.role.model.clone(),
            messages: filled.into_iter().map(message).collect(),
            sampling,
            schema: None,
            draw,
        }))
    }

    /// Text and reasoning.
    pub async fn text(
        &self,
        cx: &Cx<'_>,
        context: &template::Context,
        draw: u32,
    ) -> Result<Said<(String, String)>, StageError> {
        let request = self.request(context, draw)?;
        let Reply { output, finish, .. } = cx.call(&request).await?;
        Ok(match output {
            Output::Refused { reason } => Said::Refused(clip(&reason)),
            Output::Image { .. } => Said::Garbage("an image came back where text was asked".into()),
            Output::Text { text, reasoning } if text.len() + reasoning.len() > MAX_TEXT => {
                Said::Garbage(format!(
                    "{} bytes of text; at most {MAX_TEXT}",
                    text.len() + reasoning.len()
                ))
            }
            // As OpenAI's servers and as Gemini call it.
            Output::Text { text, .. }
                if matches!(finish.as_str(), "length" | "MAX_TOKENS") && text.trim().is_empty() =>
            {
                let what = format!("cut off while thinking (finish `{finish}`)");
                Said::Garbage(format!("{what}: raise `max_tokens`"))
            }
            Output::Text { text, reasoning } => Said::Read((text, reasoning), request.key()),
        })
    }

    /// A JSON object of type `T`; asks once more when the first reply cannot be read.
    pub async fn json<T: DeserializeOwned>(
        &self,
        cx: &Cx<'_>,
        context: &template::Context,
        draw: u32,
    ) -> Result<Said<T>, StageError> {
        let mut last = String::new();
        for draw in [draw, draw + AGAIN] {
            match self.text(cx, context, draw).await? {
                Said::Read((text, _), key) => match read_json(&text) {
                    Ok(value) => return Ok(Said::Read(value, key)),
                    Err(what) => last = what,
                },
                Said::Garbage(what) => last = what,
                Said::Refused(reason) => return Ok(Said::Refused(reason)),
            }
        }
        Ok(Said::Garbage(last))
    }
}

fn message(message: template::Message) -> Message {
    Message {
        speaker: match message.speaker {
            template::Speaker::System => Speaker::System,
            template::Speaker::User => Speaker::User,
            template::Speaker::Assistant => Speaker::Assistant,
        },
        parts: message
            .pieces
            .into_iter()
            .map(|piece| match piece {
                template::Piece::Text(text) => Part::Text(text),
                template::Piece::Image(image) => Part::Image(image),
            })
            .collect(),
    }
}

/// The JSON object in `text`: alone, in a code fence, or after stray words.
pub(super) fn read_json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let text = text.rsplit_once("</think>").map_or(text, |(_, rest)| rest);
    let start = text.find('{').ok_or_else(|| format!("no JSON in “{}”", clip(text)))?;
    let end = text.rfind('}').filter(|end| *end > start).ok_or("the JSON is cut off")?;
    serde_json::from_str(&text[start..=end]).map_err(|e| format!("not the JSON asked for: {e}"))
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

fn kind_name(atom: &Atom) -> &'static str {
    use crate::record::AtomKind as K;
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

#[cfg(test)]
mod tests {
    use super::read_json;

    #[derive(serde::Deserialize, PartialEq, Debug)]
    struct Yes {
        yes: bool,
    }

    #[test]
    fn json_is_found_in_fences_and_prose_and_nowhere_else() {
        for text in [
            "{\"yes\": true}",
            "Sure:\n```json\n{\"yes\": true}\n```",
            "<think>{</think>{\"yes\":true}",
        ] {
            assert_eq!(read_json::<Yes>(text), Ok(Yes { yes: true }), "{text}");
        }
        for text in ["", "}{", "{\"yes\":", "yes"] {
            assert!(read_json::<Yes>(text).is_err(), "{text}");
        }
    }
}
