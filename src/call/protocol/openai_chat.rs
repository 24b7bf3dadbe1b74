//! `openai-chat`: `POST …/chat/completions`, as vLLM, SGLang, DashScope, OpenRouter and LiteLLM
//! speak it. Replies are read in `chat_reply`.
//!
//! Always stream, with usage, so that long thinking never meets an idle time-out; a server that
//! answers with one JSON body all the same is read as well.

use crate::call::http::{Body, Failure, Incoming, Outgoing, Wire};
use crate::call::protocol::chat_reply::Assembled;
use crate::call::protocol::{
    Answer, Entry, OptionError, Protocol, ProtocolOptions, Serves, wrong_sort,
};
use crate::call::{ChatRequest, Request, Sampling, Schema};
use crate::record::{Part, Speaker};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A reply longer than this is not a reply.
const REPLY_BYTES: usize = 64 << 20;
/// The field that asks for a shape.
const FORMAT: &str = "response_format";

pub const ENTRY: Entry = Entry {
    name: "openai-chat",
    serves: Serves::Chat,
    about: "POST URL/chat/completions: vLLM, SGLang, DashScope, OpenRouter, LiteLLM, OpenAI",
    calls: &["/chat/completions"],
    options: &[
        ("stream", "true (default): stream the reply, so that long thinking meets no time-out"),
        (
            "json",
            "how the shape of a JSON reply is asked for: `off` (default; by the template's words alone), \
             `schema` (response_format json_schema: vLLM, SGLang, OpenAI, many of OpenRouter's), `object` \
             (json_object); `check --probe` says whether the server holds its model to it",
        ),
        (
            "dialect",
            "where thinking_budget goes: `plain` (default; not sent), `vllm`, `dashscope`, \
             `openrouter`",
        ),
        ("seed", "true (default): send the request's seed; false for servers that refuse it"),
    ],
    billed: |_| 1,
    compile,
};

#[derive(Debug, Clone, Copy)]
enum Dialect {
    Plain,
    Vllm,
    Dashscope,
    Openrouter,
}

#[derive(Debug, Clone, Copy)]
enum Json {
    Schema,
    Object,
    Off,
}

struct OpenAiChat {
    stream: bool,
    json: Json,
    dialect: Dialect,
    seed: bool,
    extra: Map<String, Value>,
}

fn compile(options: &ProtocolOptions) -> Result<Arc<dyn Protocol>, OptionError> {
    Ok(Arc::new(OpenAiChat {
        stream: options.bool("stream", true)?,
        json: options.word(
            "json",
            &[("off", Json::Off), ("schema", Json::Schema), ("object", Json::Object)],
        )?,
        dialect: options.word(
            "dialect",
            &[
                ("plain", Dialect::Plain),
                ("vllm", Dialect::Vllm),
                ("dashscope", Dialect::Dashscope),
                ("openrouter", Dialect::Openrouter),
            ],
        )?,
        seed: options.bool("seed", true)?,
        extra: options.extra.clone(),
    }))
}

#[async_trait::async_trait]
impl Protocol for OpenAiChat {
    fn quota_is_rate(&self) -> bool {
        matches!(self.dialect, Dialect::Dashscope)
    }

    async fn exchange(&self, request: &Request, wire: &Wire<'_>) -> Result<Answer, Failure> {
        let Request::Chat(chat) = request else { return Err(wrong_sort(request, ENTRY.name)) };
        let mut out = Outgoing::post(wire.url("chat/completions"), self.body(chat, wire.model));
        if let Some(value) = wire.bearer() {
            out = out.header("authorization", value);
        }
        let incoming = wire.send(out).await?;
        if incoming.mime() == "text/event-stream" {
            return stream(incoming, wire).await;
        }
        let bytes = incoming.bytes(REPLY_BYTES).await?;
        let mut assembled = Assembled::new(true);
        assembled.payload(&bytes, wire)?;
        assembled.finish(wire)
    }
}

async fn stream(mut incoming: Incoming<'_>, wire: &Wire<'_>) -> Result<Answer, Failure> {
    let mut events = crate::call::http::Events::default();
    let mut assembled = Assembled::new(false);
    while let Some(chunk) = incoming.chunk().await? {
        events.feed(&chunk, |data| assembled.payload(data, wire))?;
        if events.held() + assembled.len() > REPLY_BYTES {
            return Err(Failure::record(format!("the reply is larger than {REPLY_BYTES} bytes")));
        }
    }
    events.finish(|data| assembled.payload(data, wire))?;
    assembled.finish(wire)
}

impl OpenAiChat {
    fn body(&self, chat: &ChatRequest, model: &str) -> Body {
        let mut fields = self.fields(chat, model);
        for (name, value) in &self.extra {
            fields.insert(name.clone(), value.clone());
        }
        let mut body = Body::default();
        body.raw("{");
        for (name, value) in &fields {
            body.json(name).raw(":").json(value).raw(",");
        }
        if let Some(schema) = chat.schema.filter(|_| !self.extra.contains_key(FORMAT)) {
            self.format(schema, &mut body);
        }
        body.raw("\"messages\":[");
        for (i, message) in chat.messages.iter().enumerate() {
            body.raw(if i == 0 { "{\"role\":" } else { ",{\"role\":" });
            body.json(match message.speaker {
                Speaker::System => "system",
                Speaker::User => "user",
                Speaker::Assistant => "assistant",
            });
            body.raw(",\"content\":");
            content(&mut body, &message.parts);
            body.raw("}");
        }
        body.raw("]}");
        body
    }

    fn fields(&self, chat: &ChatRequest, model: &str) -> Map<String, Value> {
        let Sampling { temperature, top_p, top_k, max_tokens, seed, thinking_budget, stop } =
            &chat.sampling;
        let mut fields = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };
        put("model", Some(json!(model)));
        put("temperature", temperature.map(|n| json!(n)));
        put("top_p", top_p.map(|n| json!(n)));
        put("top_k", top_k.map(|n| json!(n)));
        put("max_tokens", max_tokens.map(|n| json!(n)));
        put("seed", seed.filter(|_| self.seed).map(|n| json!(n)));
        put("stop", (!stop.is_empty()).then(|| json!(stop)));
        if self.stream {
            put("stream", Some(json!(true)));
            put("stream_options", Some(json!({"include_usage": true})));
        }
        match (self.dialect, thinking_budget) {
            (_, None) | (Dialect::Plain, _) => {}
            (Dialect::Vllm, Some(n)) => put("thinking_token_budget", Some(json!(n))),
            (Dialect::Dashscope, Some(n)) => put("thinking_budget", Some(json!(n))),
            (Dialect::Openrouter, Some(n)) => put("reasoning", Some(json!({"max_tokens": n}))),
        }
        fields
    }

    fn format(&self, schema: &Schema, body: &mut Body) {
        let format = match self.json {
            Json::Schema => format!(
                r#"{{"type":"json_schema","json_schema":{{"name":"reply","strict":true,"schema":{}}}}}"#,
                schema.json_schema()
            ),
            Json::Object => r#"{"type":"json_object"}"#.to_owned(),
            Json::Off => return,
        };
        body.json(FORMAT).raw(":").raw(&format).raw(",");
    }
}

/// A lone text stays a string (the form every server takes); anything else is a list of parts.
fn content(body: &mut Body, parts: &[Part]) {
    if let [Part::Text(text)] = parts {
        body.json(text);
        return;
    }
    body.raw("[");
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            body.raw(",");
        }
        match part {
            Part::Text(text) => {
                body.raw("{\"type\":\"text\",\"text\":").json(text).raw("}");
            }
            Part::Image(image) => {
                body.raw("{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:")
                    .raw(image.mime.as_str())
                    .raw(";base64,")
                    .image(*image)
                    .raw("\"}}");
            }
        }
    }
    body.raw("]");
}
