//! `gemini`: the native `generateContent`, on the Gemini API or (by base URL and bearer token) on
//! Vertex. Replies are read in `gemini_reply`.
//!
//! The native format says what the compatible one hides: which parts are thoughts, why a prompt was
//! blocked, which model version answered.

use crate::call::http::{Body, Events, Failure, Outgoing, Wire};
use crate::call::protocol::gemini_reply::Assembled;
use crate::call::protocol::{
    Answer, Entry, OptionError, Protocol, ProtocolOptions, Serves, wrong_sort,
};
use crate::call::{ChatRequest, Fatal, Request, Sampling, Schema};
use crate::record::{Message, Part, Speaker};
use serde_json::{Map, Value, json};
use std::sync::Arc;

const REPLY_BYTES: usize = 64 << 20;

pub const ENTRY: Entry = Entry {
    name: "gemini",
    serves: Serves::Chat,
    about: "POST URL/models/MODEL:generateContent: the Gemini API, Vertex AI",
    calls: &[":generateContent", ":streamGenerateContent"],
    options: &[
        (
            "stream",
            "true (default): streamGenerateContent, so that long thinking meets no time-out",
        ),
        ("auth", "`key` (default): x-goog-api-key; `bearer`: an OAuth token (Vertex)"),
        ("thoughts", "true (default): ask for summaries of the thinking"),
        (
            "json",
            "how the shape of a JSON reply is asked for: `off` (default; by the template's words alone), \
             `schema` (responseSchema), `object` (responseMimeType alone); `check --probe` says whether \
             the server holds its model to it",
        ),
    ],
    // A starved call is asked again with twice the room.
    billed: |_| 3,
    compile,
};

#[derive(Debug, Clone, Copy)]
enum Auth {
    Key,
    Bearer,
}

#[derive(Debug, Clone, Copy)]
enum Json {
    Schema,
    Object,
    Off,
}

struct Gemini {
    stream: bool,
    auth: Auth,
    json: Json,
    thoughts: bool,
    extra: Map<String, Value>,
}

fn compile(options: &ProtocolOptions) -> Result<Arc<dyn Protocol>, OptionError> {
    Ok(Arc::new(Gemini {
        stream: options.bool("stream", true)?,
        auth: options.word("auth", &[("key", Auth::Key), ("bearer", Auth::Bearer)])?,
        json: options.word(
            "json",
            &[("off", Json::Off), ("schema", Json::Schema), ("object", Json::Object)],
        )?,
        thoughts: options.bool("thoughts", true)?,
        extra: options.extra.clone(),
    }))
}

#[async_trait::async_trait]
impl Protocol for Gemini {
    async fn exchange(&self, request: &Request, wire: &Wire<'_>) -> Result<Answer, Failure> {
        let Request::Chat(chat) = request else { return Err(wrong_sort(request, ENTRY.name)) };
        let first = self.once(chat, chat.sampling.max_tokens, wire).await?;
        // The output bound includes the thoughts, so an empty answer at the bound is common:
        // once more with twice the room. Both are paid.
        let last = match (first.is_starved(), chat.sampling.max_tokens) {
            (true, Some(bound)) => {
                let mut second = self.once(chat, Some(bound.saturating_mul(2)), wire).await?;
                second.usage += first.usage;
                second
            }
            _ => first,
        };
        last.finish(wire)
    }
}

impl Gemini {
    async fn once(
        &self,
        chat: &ChatRequest,
        max_tokens: Option<u32>,
        wire: &Wire<'_>,
    ) -> Result<Assembled, Failure> {
        let model = wire.model.strip_prefix("models/").unwrap_or(wire.model);
        let verb = if self.stream { "streamGenerateContent" } else { "generateContent" };
        let mut url = wire.url(&format!("models/{model}:{verb}"));
        if self.stream {
            url.query_pairs_mut().append_pair("alt", "sse");
        }
        let mut out = Outgoing::post(url, self.body(chat, max_tokens));
        let key = match self.auth {
            Auth::Key => wire.key.and_then(|k| k.header("")).map(|k| ("x-goog-api-key", k)),
            Auth::Bearer => wire.bearer().map(|k| ("authorization", k)),
        };
        if let Some((name, value)) = key {
            out = out.header(name, value);
        }
        let mut incoming = wire.send(out).await?;
        let whole = incoming.mime() != "text/event-stream";
        let mut assembled = Assembled::new(whole);
        if whole {
            assembled.payload(&incoming.bytes(REPLY_BYTES).await?, wire)?;
            return Ok(assembled);
        }
        let mut events = Events::default();
        while let Some(chunk) = incoming.chunk().await? {
            events.feed(&chunk, |data| assembled.payload(data, wire))?;
            if events.held() + assembled.len() > REPLY_BYTES {
                return Err(Failure::record(format!("the reply exceeds {REPLY_BYTES} bytes")));
            }
        }
        events.finish(|data| assembled.payload(data, wire))?;
        Ok(assembled)
    }

    fn body(&self, chat: &ChatRequest, max_tokens: Option<u32>) -> Body {
        let mut body = Body::default();
        body.raw("{\"generationConfig\":").json(&self.config(chat, max_tokens));
        for (name, value) in self.extra.iter().filter(|(name, _)| *name != "generationConfig") {
            body.raw(",").json(name).raw(":").json(value);
        }
        let system: Vec<&Message> =
            chat.messages.iter().filter(|m| m.speaker == Speaker::System).collect();
        if !system.is_empty() {
            body.raw(",\"systemInstruction\":{\"parts\":[");
            parts(&mut body, system.iter().flat_map(|m| &m.parts));
            body.raw("]}");
        }
        body.raw(",\"contents\":[");
        let turns = chat.messages.iter().filter(|m| m.speaker != Speaker::System);
        for (i, turn) in turns.enumerate() {
            let role = if turn.speaker == Speaker::Assistant { "model" } else { "user" };
            body.raw(if i == 0 { "{\"role\":" } else { ",{\"role\":" });
            body.json(role).raw(",\"parts\":[");
            parts(&mut body, turn.parts.iter());
            body.raw("]}");
        }
        body.raw("]}");
        body
    }

    fn config(&self, chat: &ChatRequest, max_tokens: Option<u32>) -> Map<String, Value> {
        let Sampling { temperature, top_p, top_k, max_tokens: _, seed, thinking_budget, stop } =
            &chat.sampling;
        let mut config = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                config.insert(name.to_owned(), value);
            }
        };
        put("temperature", temperature.map(|n| json!(n)));
        put("topP", top_p.map(|n| json!(n)));
        put("topK", top_k.map(|n| json!(n)));
        put("maxOutputTokens", max_tokens.map(|n| json!(n)));
        // An int32 on the wire.
        put("seed", seed.map(|n| json!(n & 0x7fff_ffff)));
        put("stopSequences", (!stop.is_empty()).then(|| json!(stop)));
        let schema = chat.schema.filter(|_| !matches!(self.json, Json::Off));
        put("responseMimeType", schema.map(|_| json!("application/json")));
        let shape = schema.filter(|_| matches!(self.json, Json::Schema));
        put("responseSchema", shape.map(Schema::open_api));
        let mut thinking = Map::new();
        if let Some(budget) = thinking_budget {
            thinking.insert("thinkingBudget".to_owned(), json!(budget));
        }
        if self.thoughts {
            thinking.insert("includeThoughts".to_owned(), json!(true));
        }
        put("thinkingConfig", (!thinking.is_empty()).then_some(Value::Object(thinking)));
        if let Some(Value::Object(extra)) = self.extra.get("generationConfig") {
            config.extend(extra.clone());
        }
        config
    }
}

fn parts<'a>(body: &mut Body, parts: impl Iterator<Item = &'a Part>) {
    for (i, part) in parts.enumerate() {
        body.raw(if i == 0 { "{" } else { ",{" });
        match part {
            Part::Text(text) => body.raw("\"text\":").json(text),
            Part::Image(image) => body
                .raw("\"inlineData\":{\"mimeType\":")
                .json(image.mime.as_str())
                .raw(",\"data\":\"")
                .image(*image)
                .raw("\"}"),
        };
        body.raw("}");
    }
}

/// The table of finish and block reasons (the vendor's list; unknown ones are final and counted).
pub fn verdict(reason: &str) -> Verdict {
    match reason {
        "" | "STOP" | "MAX_TOKENS" => Verdict::Take,
        "RECITATION" | "OTHER" | "MALFORMED_RESPONSE" | "MALFORMED_FUNCTION_CALL" => Verdict::Again,
        "PUP_LIMITED_DISABLED" => Verdict::Stop(Fatal::Key),
        _ => Verdict::Refused,
    }
}

/// What to do about a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Take,
    Again,
    Refused,
    Stop(Fatal),
}
