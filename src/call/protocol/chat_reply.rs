//! Replies of `openai-chat` read from one body or many chunks: which field of which server holds
//! what. They are put together in `assembly`.
//!
//! Every field may be missing, empty or of another type than the vendor's: what can be read of it is
//! read. Tool calls that a server parsed out of the text are written back into it, as the templates'
//! format has them, so that the same text comes from a server with and without a tool parser.

use crate::call::Usage;
use crate::call::http::{Failure, Wire, excerpt};
use crate::call::protocol::assembly::Assembly;
use crate::call::protocol::tolerant::{Mended, rejoin};
use crate::call::protocol::{Answer, Got};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

type Raw<'a> = Option<&'a RawValue>;

/// A body or a chunk.
#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow, default)]
    model: Raw<'a>,
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(default)]
    usage: Option<Value>,
    /// OpenRouter: the vendor that it chose.
    #[serde(borrow, default)]
    provider: Raw<'a>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    index: Raw<'a>,
    #[serde(borrow, default)]
    message: Option<ReplyMessage<'a>>,
    #[serde(borrow, default)]
    delta: Option<ReplyMessage<'a>>,
    #[serde(borrow, default)]
    finish_reason: Raw<'a>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct ReplyMessage<'a> {
    #[serde(borrow, default)]
    content: Raw<'a>,
    /// vLLM, OpenRouter.
    #[serde(borrow, default)]
    reasoning: Raw<'a>,
    /// SGLang, DashScope, DeepSeek, vLLM of 2025.
    #[serde(borrow, default)]
    reasoning_content: Raw<'a>,
    #[serde(borrow, default)]
    reasoning_text: Raw<'a>,
    /// Ollama.
    #[serde(borrow, default)]
    thinking: Raw<'a>,
    /// OpenRouter.
    #[serde(borrow, default)]
    reasoning_details: Raw<'a>,
    /// LiteLLM.
    #[serde(borrow, default)]
    thinking_blocks: Raw<'a>,
    #[serde(borrow, default)]
    refusal: Raw<'a>,
    #[serde(borrow, default)]
    tool_calls: Raw<'a>,
    #[serde(borrow, default)]
    function_call: Raw<'a>,
    #[serde(borrow, default)]
    extra_content: Raw<'a>,
}

/// How servers say, by the finish reason, that they held an answer back.
const WITHHELD: [&str; 5] =
    ["content_filter", "sensitive", "safety", "prohibited_content", "blocklist"];
/// How they say that they broke down.
const BROKEN: [&str; 4] = ["error", "abort", "network_error", "insufficient_system_resource"];

/// A reply under way.
#[derive(Default)]
pub struct Assembled {
    said: Assembly,
    refusal: String,
    tools: Vec<(String, String)>,
    finish: Option<String>,
    served: String,
    provider: String,
    usage: Usage,
    done: bool,
    any_choice: bool,
    /// Halves of characters were met.
    mended: bool,
    /// It comes as one body: its end needs no mark.
    whole: bool,
}

impl Assembled {
    /// `whole`: it comes as one body.
    pub fn new(whole: bool) -> Assembled {
        Assembled { whole, ..Assembled::default() }
    }

    /// Characters held.
    pub fn len(&self) -> usize {
        self.said.len()
    }

    /// Takes one body or chunk.
    pub fn payload(&mut self, data: &[u8], wire: &Wire<'_>) -> Result<(), Failure> {
        match data.trim_ascii() {
            b"[DONE]" => {
                self.done = true;
                return Ok(());
            }
            b"" if !self.whole => return Ok(()),
            _ => {}
        }
        let mut room = Mended::default();
        let (payload, mended): (Payload<'_>, bool) =
            room.read(data).map_err(|error| wire.rubbish(error, data))?;
        self.mended |= mended;
        if let Some(error) = &payload.error {
            return Err(wire.said_error(error));
        }
        take(&mut self.served, payload.model);
        take(&mut self.provider, payload.provider);
        if let Some(raw) = payload.usage.filter(Value::is_object) {
            self.usage = usage(&raw);
        }
        for choice in payload.choices.unwrap_or_default() {
            if let Some(error) = &choice.error {
                return Err(wire.said_error(error));
            }
            // A number that is none is the only choice's: one is asked for.
            let index = choice.index.and_then(|raw| raw.get().parse().ok());
            if index.unwrap_or(0_u64) == 0 {
                self.choice(choice);
            }
        }
        Ok(())
    }

    fn choice(&mut self, choice: Choice<'_>) {
        self.any_choice = true;
        if choice.finish_reason.is_some() {
            let mut finish = String::new();
            take(&mut finish, choice.finish_reason);
            if !finish.is_empty() {
                self.finish = Some(finish);
            }
        }
        for (turn, again) in [(choice.delta, false), (choice.message, true)] {
            if let Some(turn) = turn {
                self.turn(turn);
                self.said.end_chunk(again);
            }
        }
    }

    /// A stream sends a turn a token, so what is not there costs nothing here.
    fn turn(&mut self, turn: ReplyMessage<'_>) {
        let marked = |raw| value(raw).pointer("/google/thought") == Some(&Value::Bool(true));
        let thought = turn.extra_content.is_some() && marked(turn.extra_content);
        for (field, raw) in [
            ("reasoning", turn.reasoning),
            ("reasoning_content", turn.reasoning_content),
            ("reasoning_text", turn.reasoning_text),
            ("thinking", turn.thinking),
            ("reasoning_details", turn.reasoning_details),
            ("thinking_blocks", turn.thinking_blocks),
        ] {
            match text(raw) {
                Some(text) => self.said.think(field, &text),
                None if raw.is_none() => {}
                None => self.said.think(field, &gathered(&value(raw))),
            }
        }
        match (text(turn.content), thought) {
            (Some(text), true) => self.said.think("content", &text),
            (Some(text), false) => self.said.say(&text),
            (None, _) => self.parts(&value(turn.content)),
        }
        if let Some(refusal) = text(turn.refusal) {
            self.refusal.push_str(&refusal);
        }
        if turn.tool_calls.is_some() || turn.function_call.is_some() {
            self.tools(&value(turn.tool_calls), value(turn.function_call));
        }
    }

    /// The calls that a server parsed: a list, one alone, or in OpenAI's older field.
    fn tools(&mut self, calls: &Value, older: Value) {
        match calls {
            Value::Array(calls) => {
                calls.iter().enumerate().for_each(|(at, call)| self.tool(at, call));
            }
            call => self.tool(0, call),
        }
        self.tool(0, &serde_json::json!({"function": older}));
    }

    /// Content in typed parts.
    fn parts(&mut self, content: &Value) {
        match content {
            Value::Array(parts) => parts.iter().for_each(|part| self.parts(part)),
            Value::String(text) => self.said.say(text),
            Value::Object(part) => {
                let sort = part.get("type").and_then(Value::as_str).unwrap_or_default();
                let thinks =
                    matches!(sort, "thinking" | "reasoning" | "thought" | "reasoning_text")
                        || part.get("thought") == Some(&Value::Bool(true))
                        || (sort.is_empty() && part.contains_key("thinking"));
                match (thinks, part.get("refusal").and_then(Value::as_str)) {
                    (true, _) => self.said.think("content[].thinking", &gathered(content)),
                    (false, Some(refusal)) => self.refusal.push_str(refusal),
                    (false, None) => self.said.say(&gathered(content)),
                }
            }
            _ => {}
        }
    }

    fn tool(&mut self, place: usize, tool: &Value) {
        let Some(function) = tool.get("function").filter(|f| f.is_object()) else { return };
        // Streams number the calls, whole bodies list them; nobody calls more than a few.
        let number = tool.get("index").and_then(Value::as_u64).unwrap_or(0) as usize;
        let at = number.max(place).min(15);
        if self.tools.len() <= at {
            self.tools.resize(at + 1, Default::default());
        }
        let (name, arguments) = &mut self.tools[at];
        name.push_str(function.get("name").and_then(Value::as_str).unwrap_or_default());
        match function.get("arguments") {
            Some(Value::String(text)) => arguments.push_str(text),
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
        if BROKEN.contains(&finish.as_str()) {
            return Err(Failure::sick(format!("{} ended with `{finish}`", wire.place())));
        }
        let (usage, served) = (self.usage, std::mem::take(&mut self.served));
        let provider = std::mem::take(&mut self.provider);
        let got = self.got(&finish).map_err(|what| {
            Failure::record(format!("{}: what it thought is not certain: {what}", wire.place()))
        })?;
        Ok(Answer { got, finish, usage, served, provider })
    }

    fn got(mut self, finish: &str) -> Result<Got, String> {
        if !self.refusal.is_empty() {
            return Ok(Got::Refused(excerpt(&self.refusal, 300)));
        }
        if WITHHELD.contains(&finish.to_lowercase().as_str()) {
            return Ok(Got::Refused(finish.to_owned()));
        }
        self.tools.retain(|(name, _)| !name.is_empty());
        let (mut text, reasoning) = self.said.finish()?;
        for (name, arguments) in &self.tools {
            let arguments = if arguments.is_empty() { "{}" } else { arguments };
            if !calls(&text, name, arguments) {
                let name = Value::from(name.as_str());
                text.push_str(&format!(
                    "<tool_call>\n{{\"name\": {name}, \"arguments\": {arguments}}}\n</tool_call>"
                ));
            }
        }
        Ok(match self.mended {
            true => Got::Text { text: rejoin(&text), reasoning: rejoin(&reasoning) },
            false => Got::Text { text, reasoning },
        })
    }
}

/// Whether `text` holds that very call: some servers parse a call and leave it where it was.
fn calls(text: &str, name: &str, arguments: &str) -> bool {
    let parsed: Result<Value, _> = serde_json::from_str(arguments);
    let Ok(arguments) = parsed else { return false };
    text.split("<tool_call>").skip(1).any(|rest| {
        let body = rest.split("</tool_call>").next().unwrap_or_default();
        let call: Value = serde_json::from_str(body.trim()).unwrap_or_default();
        call.get("name").is_some_and(|n| n == name) && call.get("arguments") == Some(&arguments)
    })
}

/// A string that stands there.
fn text(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    let raw = raw?.get();
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    match inner.contains('\\') {
        true => serde_json::from_str(raw).ok().map(Cow::Owned),
        false => Some(Cow::Borrowed(inner)),
    }
}

fn value(raw: Raw<'_>) -> Value {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// Sets a word of the answer's head, unless it is absent or empty. SGLang's finish reason may be an
/// object, which says its `type`.
fn take(word: &mut String, raw: Raw<'_>) {
    let new = text(raw).unwrap_or_else(|| match value(raw) {
        Value::Null => Cow::Borrowed(""),
        Value::Object(fields) => {
            let name = ["type", "reason", "name"].iter().find_map(|n| fields.get(*n)?.as_str());
            name.map_or_else(|| Value::Object(fields.clone()).to_string(), str::to_owned).into()
        }
        other => other.to_string().into(),
    });
    if !new.is_empty() && *word != new {
        *word = new.into_owned();
    }
}

/// The text within strings, lists of parts, and parts.
fn gathered(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(gathered).collect(),
        Value::Object(fields) => {
            let names = ["thinking", "text", "summary", "content", "reasoning", "value"];
            let texts = names.iter().filter_map(|name| fields.get(*name)).map(gathered);
            texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// Counts, wherever they are; one that is no count (null, a word) counts as 0, since a
/// reply is not worth less for it.
fn usage(raw: &Value) -> Usage {
    let within = |of: &Value, name: &str| of[name].as_f64().unwrap_or(0.0) as u64;
    let count = |name: &str| within(raw, name);
    let completion = count("completion_tokens");
    // SGLang has it at the top.
    let thinking = within(&raw["completion_tokens_details"], "reasoning_tokens")
        .max(count("reasoning_tokens"))
        .min(completion);
    Usage {
        input: count("prompt_tokens"),
        cached: within(&raw["prompt_tokens_details"], "cached_tokens"),
        output: completion - thinking,
        thinking,
        images: 0,
    }
}
