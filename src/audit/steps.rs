//! One stage of a record's life with its calls, and what can be read off a call.
//!
//! Requests and replies are kept as they were. What an auditor sees of them is read off here, for
//! lives, trajectories and distributions alike.

use crate::call::{Output, Request};
use crate::journal::Entry;
use crate::record::{CallKey, Decision, ImageRef, Part};
use crate::stage::Kind;
use serde::{Deserialize, Serialize};

/// One stage of a life.
#[derive(Debug, Clone, Serialize)]
pub struct LifeStep {
    pub kind: String,
    /// What the table says of the kind; None when it does not know it.
    #[serde(skip)]
    pub known: Option<&'static Kind>,
    pub decision: Decision,
    pub calls: Vec<LifeCall>,
}

/// A call a stage used.
#[derive(Debug, Clone, Serialize)]
pub struct LifeCall {
    pub key: CallKey,
    /// None when the journal does not hold it.
    pub entry: Option<Entry>,
}

impl LifeCall {
    pub fn role(&self) -> &str {
        self.entry.as_ref().map_or("", |e| e.request.role())
    }

    /// The reply's text; empty for pictures and refusals.
    pub fn text(&self) -> &str {
        match self.entry.as_ref().map(|e| &e.reply.output) {
            Some(Output::Text { text, .. }) => text,
            _ => "",
        }
    }

    /// The reply's thinking.
    pub fn reasoning(&self) -> &str {
        match self.entry.as_ref().map(|e| &e.reply.output) {
            Some(Output::Text { reasoning, .. }) => reasoning,
            _ => "",
        }
    }

    /// The picture it gave.
    pub fn image(&self) -> Option<ImageRef> {
        match self.entry.as_ref().map(|e| &e.reply.output) {
            Some(Output::Image { image, .. }) => Some(*image),
            _ => None,
        }
    }

    /// Pictures that the request shows, in order.
    pub fn shown(&self) -> Vec<ImageRef> {
        self.entry.as_ref().map_or(Vec::new(), |e| shown(&e.request).collect())
    }

    /// All text of the request, turn by turn.
    pub fn asked(&self) -> String {
        match self.entry.as_ref().map(|e| &e.request) {
            Some(Request::Chat(chat)) => {
                let parts = chat.messages.iter().flat_map(|message| &message.parts);
                let texts = parts.map(|part| match part {
                    Part::Text(text) => text.as_str(),
                    Part::Image(_) => "[image]",
                });
                texts.collect::<Vec<_>>().join("\n")
            }
            Some(Request::Image(image)) => image.prompt.clone(),
            None => String::new(),
        }
    }
}

/// What stands between `<tag>` and `</tag>`, on lines of their own, in a rendered template.
pub fn tagged<'a>(text: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{tag}>"))?;
    let (inner, _) = rest.split_once(&format!("</{tag}>"))?;
    Some(inner.trim())
}

/// Pictures that a request shows, in order.
pub fn shown(request: &Request) -> impl Iterator<Item = ImageRef> + '_ {
    let messages = match request {
        Request::Chat(chat) => chat.messages.as_slice(),
        Request::Image(_) => &[],
    };
    let edited = match request {
        Request::Image(image) => image.edits,
        Request::Chat(_) => None,
    };
    let shown = messages.iter().flat_map(|message| &message.parts).filter_map(|part| match part {
        Part::Image(image) => Some(*image),
        Part::Text(_) => None,
    });
    shown.chain(edited)
}

/// What a model turn that calls the generator says: T and P. Either is None where the turn does
/// not keep to the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallTurn<'a> {
    pub thinking: Option<&'a str>,
    pub call: Option<&'a str>,
}

impl<'a> CallTurn<'a> {
    pub fn of(text: &'a str) -> CallTurn<'a> {
        let after = text.split_once("<tool_call>").map(|(_, rest)| rest);
        let call = after.map(|rest| rest.split_once("</tool_call>").map_or(rest, |(json, _)| json));
        CallTurn { thinking: tagged(text, "think"), call: call.map(str::trim) }
    }

    /// P: the tool call's caption.
    pub fn refined(&self) -> Option<String> {
        let raw: RawCall = serde_json::from_str(self.call?).ok()?;
        Some(raw.arguments.caption)
    }
}

#[derive(Deserialize)]
struct RawCall {
    arguments: RawArguments,
}

#[derive(Deserialize)]
struct RawArguments {
    caption: String,
}
