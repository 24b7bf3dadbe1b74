//! Gemini's replies read from one body or many chunks; they are put together in `assembly`.
//!
//! `candidates`, `content` and `parts` may each be missing, and each absence means something: no
//! candidate with a block reason is a refusal, no candidate without one is rubbish.

use crate::call::Usage;
use crate::call::http::{Failure, Wire};
use crate::call::protocol::assembly::Assembly;
use crate::call::protocol::gemini::{Verdict, verdict};
use crate::call::protocol::tolerant::{Mended, rejoin};
use crate::call::protocol::{Answer, Got};
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(borrow, default)]
    candidates: Option<Vec<Candidate<'a>>>,
    #[serde(default)]
    prompt_feedback: Option<Feedback>,
    #[serde(default)]
    usage_metadata: Option<RawUsage>,
    #[serde(borrow, default)]
    model_version: Option<Cow<'a, str>>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    index: Option<u32>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    parts: Option<Vec<RawPart<'a>>>,
}

#[derive(Deserialize)]
struct RawPart<'a> {
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(default)]
    thought: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback {
    #[serde(default)]
    block_reason: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawUsage {
    prompt_token_count: Option<u64>,
    candidates_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
    cached_content_token_count: Option<u64>,
}

/// A reply under way.
#[derive(Default)]
pub struct Assembled {
    said: Assembly,
    finish: String,
    blocked: Option<String>,
    served: String,
    /// Of this exchange, and of the one before it that came back empty.
    pub usage: Usage,
    any: bool,
    /// Halves of characters were met.
    mended: bool,
    /// It comes as one body: its end needs no mark.
    whole: bool,
    /// The last part that came was a summary of the thinking.
    summed_up: bool,
}

/// Where Gemini's summaries of the thinking stand.
const THOUGHT: &str = "parts[].thought";

impl Assembled {
    /// `whole`: it comes as one body.
    pub fn new(whole: bool) -> Assembled {
        Assembled { whole, ..Assembled::default() }
    }

    /// Characters held.
    pub fn len(&self) -> usize {
        self.said.len()
    }

    /// Whether the bound on output tokens was reached before a word of the answer.
    pub fn is_starved(&self) -> bool {
        self.finish == "MAX_TOKENS" && self.said.is_unsaid()
    }

    /// Takes one body or chunk.
    pub fn payload(&mut self, data: &[u8], wire: &Wire<'_>) -> Result<(), Failure> {
        if matches!(data.trim_ascii(), b"[DONE]" | b"") && !self.whole {
            return Ok(());
        }
        let mut room = Mended::default();
        let (payload, mended): (Payload<'_>, bool) =
            room.read(data).map_err(|error| not_a_reply(data, &error, wire))?;
        self.mended |= mended;
        if let Some(error) = &payload.error {
            return Err(wire.said_error(error));
        }
        if let Some(model) = payload.model_version.filter(|model| *model != self.served) {
            self.served = model.into_owned();
        }
        if let Some(usage) = payload.usage_metadata {
            self.usage = Usage {
                input: usage.prompt_token_count.unwrap_or(0),
                cached: usage.cached_content_token_count.unwrap_or(0),
                output: usage.candidates_token_count.unwrap_or(0),
                thinking: usage.thoughts_token_count.unwrap_or(0),
                images: 0,
            };
        }
        if let Some(reason) = payload.prompt_feedback.and_then(|f| f.block_reason) {
            self.blocked = Some(reason);
        }
        for candidate in payload.candidates.unwrap_or_default() {
            if candidate.index.unwrap_or(0) == 0 {
                self.candidate(candidate);
            }
        }
        Ok(())
    }

    fn candidate(&mut self, candidate: Candidate<'_>) {
        self.any = true;
        if let Some(reason) = candidate.finish_reason {
            self.finish = reason;
        }
        for part in candidate.content.and_then(|c| c.parts).unwrap_or_default() {
            let text = part.text.unwrap_or_default();
            if part.thought == Some(true) {
                self.said.think(THOUGHT, &text);
                self.summed_up |= !text.is_empty();
                continue;
            }
            // The summary is over here: thinking that the answer begins with is a text of its own.
            if self.summed_up && !text.is_empty() {
                self.said.think(THOUGHT, "\n\n");
                self.summed_up = false;
            }
            self.said.say(&text);
        }
        self.said.end_chunk(false);
    }

    /// The answer, if it is whole.
    pub fn finish(self, wire: &Wire<'_>) -> Result<Answer, Failure> {
        let place = wire.place();
        let Assembled { said, finish, blocked, served, usage, any, mended, whole, summed_up: _ } =
            self;
        let answer =
            |got, finish| Ok(Answer { got, finish, usage, served, provider: String::new() });
        if let Some(reason) = blocked.filter(|_| said.is_unsaid()) {
            return match verdict(&reason) {
                Verdict::Stop(kind) => Err(stop(kind, &place, &reason)),
                _ => answer(Got::Refused(format!("prompt blocked: {reason}")), reason),
            };
        }
        if !any {
            return Err(Failure::sick(format!("{place} answered without a candidate")));
        }
        if finish.is_empty() && !whole {
            return Err(Failure::sick(format!("{place} cut its answer short")));
        }
        match verdict(&finish) {
            Verdict::Take => {
                let (text, reasoning) = said.finish().map_err(|what| {
                    Failure::record(format!("{place}: what it thought is not certain: {what}"))
                })?;
                let joined = |text: String| if mended { rejoin(&text) } else { text };
                answer(Got::Text { text: joined(text), reasoning: joined(reasoning) }, finish)
            }
            Verdict::Again => Err(Failure::again(format!("{place} ended with {finish}"))),
            Verdict::Refused => answer(Got::Refused(format!("reply blocked: {finish}")), finish),
            Verdict::Stop(kind) => Err(stop(kind, &place, &finish)),
        }
    }
}

fn stop(kind: crate::call::Fatal, place: &str, reason: &str) -> Failure {
    Failure::fatal(
        kind,
        format!("{place} has disabled this account ({reason}); settle it with the vendor"),
    )
}

/// Rubbish, or an error in an array of one.
fn not_a_reply(data: &[u8], error: &serde_json::Error, wire: &Wire<'_>) -> Failure {
    match serde_json::from_slice::<Value>(data) {
        Ok(value @ Value::Array(_)) if value.pointer("/0/error").is_some() => {
            wire.said_error(&value)
        }
        _ => wire.rubbish(error, data),
    }
}
