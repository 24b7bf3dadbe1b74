//! Chat replies put together from one body or many chunks, wherever a server puts the thinking.
//!
//! Order of trust: `reasoning`, `reasoning_content`, `reasoning_details[].text`, then the content
//! up to the first `</think>` (Qwen3 Thinking without a parser opens the tag in its prompt, so it
//! may come alone), `<thought>…</thought>` at the head (Gemini's compatible mode), none. Tool calls
//! that a server parsed out of the text are written back into it, as the templates' format has
//! them, so that the same text comes from a server with and without a tool parser.

use crate::call::Usage;
use crate::call::http::{Failure, Wire, excerpt};
use crate::call::protocol::{Answer, Got};
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;

/// A body or a chunk; everything may be missing.
#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(default)]
    usage: Option<Value>,
    /// OpenRouter: the vendor that it chose.
    #[serde(borrow, default)]
    provider: Option<Cow<'a, str>>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: Option<u32>,
    #[serde(borrow, default)]
    message: Option<Turn<'a>>,
    #[serde(borrow, default)]
    delta: Option<Turn<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Turn<'a> {
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
    #[serde(borrow, default)]
    reasoning: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Cow<'a, str>>,
    #[serde(default)]
    reasoning_details: Option<Vec<Value>>,
    #[serde(borrow, default)]
    refusal: Option<Cow<'a, str>>,
    #[serde(default)]
    tool_calls: Option<Vec<RawTool>>,
    #[serde(default)]
    extra_content: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Parts(Vec<Value>),
}

#[derive(Deserialize)]
struct RawTool {
    #[serde(default)]
    index: Option<usize>,
    #[serde(default)]
    function: Option<RawFunction>,
}

#[derive(Deserialize)]
struct RawFunction {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<Value>,
}

/// A reply under way.
#[derive(Default)]
pub struct Assembled {
    text: String,
    reasoning: String,
    reasoning_content: String,
    details: String,
    refusal: String,
    tools: Vec<(String, String)>,
    finish: Option<String>,
    served: String,
    provider: String,
    usage: Usage,
    done: bool,
    any_choice: bool,
    /// It came as one body: its end needs no mark.
    pub whole: bool,
}

impl Assembled {
    /// Characters held.
    pub fn len(&self) -> usize {
        self.text.len() + self.reasoning.len() + self.reasoning_content.len() + self.details.len()
    }

    /// Takes one body or chunk.
    pub fn payload(&mut self, data: &[u8], wire: &Wire<'_>) -> Result<(), Failure> {
        if data.trim_ascii() == b"[DONE]" {
            self.done = true;
            return Ok(());
        }
        let payload: Payload<'_> =
            serde_json::from_slice(data).map_err(|error| wire.rubbish(error, data))?;
        if let Some(error) = &payload.error {
            return Err(wire.said_error(error));
        }
        if let Some(model) = payload.model.filter(|m| !m.is_empty()) {
            self.served = model.into_owned();
        }
        if let Some(provider) = payload.provider.filter(|p| !p.is_empty()) {
            self.provider = provider.into_owned();
        }
        if let Some(raw) = payload.usage.filter(Value::is_object) {
            self.usage = usage(&raw);
        }
        for choice in payload.choices.unwrap_or_default() {
            if let Some(error) = &choice.error {
                return Err(wire.said_error(error));
            }
            if choice.index.unwrap_or(0) == 0 {
                self.choice(choice);
            }
        }
        Ok(())
    }

    fn choice(&mut self, choice: Choice<'_>) {
        self.any_choice = true;
        if let Some(finish) = choice.finish_reason.filter(|f| !f.is_empty()) {
            self.finish = Some(finish.into_owned());
        }
        for turn in [choice.delta, choice.message].into_iter().flatten() {
            self.turn(turn);
        }
    }

    fn turn(&mut self, turn: Turn<'_>) {
        let push = |to: &mut String, from: Option<Cow<'_, str>>| {
            if let Some(from) = from {
                to.push_str(&from);
            }
        };
        let thought = turn
            .extra_content
            .as_ref()
            .and_then(|extra| extra.pointer("/google/thought"))
            .is_some_and(|t| *t == Value::Bool(true));
        let text = match turn.content {
            Some(Content::Text(text)) => Some(text),
            Some(Content::Parts(parts)) => Some(parts_text(&parts).into()),
            None => None,
        };
        push(if thought { &mut self.reasoning } else { &mut self.text }, text);
        push(&mut self.reasoning, turn.reasoning);
        push(&mut self.reasoning_content, turn.reasoning_content);
        push(&mut self.refusal, turn.refusal);
        for detail in turn.reasoning_details.unwrap_or_default() {
            let text = ["text", "summary"].iter().find_map(|name| detail.get(name)?.as_str());
            self.details.push_str(text.unwrap_or_default());
        }
        for (place, tool) in turn.tool_calls.into_iter().flatten().enumerate() {
            self.tool(place, tool);
        }
    }

    fn tool(&mut self, place: usize, tool: RawTool) {
        // Streams number the calls, whole bodies list them; nobody calls more than a few.
        let at = tool.index.unwrap_or(0).max(place).min(15);
        if self.tools.len() <= at {
            self.tools.resize(at + 1, Default::default());
        }
        let (name, arguments) = &mut self.tools[at];
        let Some(function) = tool.function else { return };
        name.push_str(&function.name.unwrap_or_default());
        match function.arguments {
            Some(Value::String(text)) => arguments.push_str(&text),
            Some(Value::Null) | None => {}
            Some(other) => arguments.push_str(&other.to_string()),
        }
    }

    /// The answer, if it is whole.
    pub fn finish(mut self, wire: &Wire<'_>) -> Result<Answer, Failure> {
        if !self.any_choice {
            return Err(Failure::sick(format!("{} answered without a choice", wire.place())));
        }
        if !(self.whole || self.done || self.finish.is_some()) {
            return Err(Failure::sick(format!("{} cut its answer short", wire.place())));
        }
        let finish = self.finish.take().unwrap_or_default();
        if matches!(finish.as_str(), "error" | "abort") {
            return Err(Failure::sick(format!("{} ended with `{finish}`", wire.place())));
        }
        let (usage, served) = (self.usage, std::mem::take(&mut self.served));
        let provider = std::mem::take(&mut self.provider);
        let got = self.got(&finish);
        Ok(Answer { got, finish, usage, served, provider })
    }

    fn got(mut self, finish: &str) -> Got {
        if !self.refusal.is_empty() {
            return Got::Refused(excerpt(&self.refusal, 300));
        }
        if finish == "content_filter" {
            return Got::Refused("content_filter".to_owned());
        }
        self.tools.retain(|(name, _)| !name.is_empty());
        for (name, arguments) in &self.tools {
            let name = Value::from(name.as_str());
            let arguments = if arguments.is_empty() { "{}" } else { arguments };
            self.text.push_str(&format!(
                "<tool_call>\n{{\"name\": {name}, \"arguments\": {arguments}}}\n</tool_call>"
            ));
        }
        let fields = [self.reasoning, self.reasoning_content, self.details];
        match fields.into_iter().find(|r| !r.trim().is_empty()) {
            Some(reasoning) => {
                Got::Text { text: self.text, reasoning: reasoning.trim().to_owned() }
            }
            None => split(&self.text),
        }
    }
}

fn parts_text(parts: &[Value]) -> String {
    parts.iter().filter_map(|part| part.get("text")?.as_str()).collect()
}

/// Thinking that stands in the content.
fn split(text: &str) -> Got {
    let got = |text: &str, reasoning: &str| Got::Text {
        text: text.trim_start().to_owned(),
        reasoning: reasoning.trim().to_owned(),
    };
    let head = text.trim_start();
    if let Some(thought) = head.strip_prefix("<thought>") {
        // Without its end it was cut while thinking: none of it is an answer.
        let (thought, rest) = thought.split_once("</thought>").unwrap_or((thought, ""));
        return got(rest, thought);
    }
    let opened = head.strip_prefix("<think>");
    match (opened.unwrap_or(head).split_once("</think>"), opened) {
        (Some((thought, rest)), _) => got(rest, thought),
        (None, Some(thought)) => got("", thought),
        (None, None) => Got::Text { text: text.to_owned(), reasoning: String::new() },
    }
}

/// Counts, wherever they are; one that is no count (null, a fraction, a word) counts as 0, since a
/// reply is not worth less for it.
fn usage(raw: &Value) -> Usage {
    let count = |at: &str| raw.pointer(at).and_then(Value::as_f64).unwrap_or(0.0) as u64;
    let completion = count("/completion_tokens");
    // SGLang has it at the top.
    let thinking = count("/completion_tokens_details/reasoning_tokens")
        .max(count("/reasoning_tokens"))
        .min(completion);
    Usage {
        input: count("/prompt_tokens"),
        cached: count("/prompt_tokens_details/cached_tokens"),
        output: completion - thinking,
        thinking,
        images: 0,
    }
}
