//! Gemini `generateContent`, whole and streamed (`alt=sse`).

use crate::sim::mind::{Chat, SimReply};
use crate::sim::wire::{self, Refusal, Tokens};
use serde_json::{Value, json};

/// What the body asks besides the conversation.
#[derive(Debug, Clone, Default)]
pub struct GenerateOptions {
    pub thoughts: bool,
    pub stop: Vec<String>,
    pub limit: Option<usize>,
}

/// Reads a request body; the model is in the path.
pub fn read(body: &[u8], model: &str) -> Result<(Chat, GenerateOptions), Refusal> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|e| Refusal::bad(format!("the body is not JSON: {e}")))?;
    let either = |a: &'static str, b: &'static str| {
        let value = &body[a];
        if value.is_null() { &body[b] } else { value }
    };
    let config = either("generationConfig", "generation_config");
    let mut chat =
        Chat { model: model.to_owned(), seed: config["seed"].as_i64(), ..Chat::default() };
    let mut no_images = Vec::new();
    let system = either("systemInstruction", "system_instruction");
    parts(&system["parts"], &mut chat.system, &mut no_images)?;
    let contents = body["contents"].as_array().filter(|c| !c.is_empty());
    for content in contents.ok_or_else(|| Refusal::bad("contents is not specified"))? {
        if content["role"] == "model" {
            chat.again += 1;
            continue;
        }
        parts(&content["parts"], &mut chat.user, &mut chat.images)?;
        chat.user.push('\n');
    }
    let options = GenerateOptions {
        thoughts: config["thinkingConfig"]["includeThoughts"].as_bool().unwrap_or(false),
        stop: wire::strings(&config["stopSequences"]),
        limit: config["maxOutputTokens"].as_u64().map(|n| n as usize),
    };
    Ok((chat, options))
}

fn parts(parts: &Value, text: &mut String, images: &mut Vec<bytes::Bytes>) -> Result<(), Refusal> {
    let one = std::slice::from_ref(parts);
    let list = parts.as_array().map_or(if parts.is_object() { one } else { &[] }, Vec::as_slice);
    for part in list {
        if let Some(said) = part["text"].as_str() {
            text.push_str(said);
        }
        let inline =
            if part["inlineData"].is_null() { &part["inline_data"] } else { &part["inlineData"] };
        if let Some(data) = inline["data"].as_str() {
            images.push(wire::base64(data)?);
        }
    }
    Ok(())
}

/// What comes back.
pub struct Reply {
    summary: String,
    text: String,
    finish: &'static str,
    tokens: Tokens,
}

/// Thinking goes inline, where the template asks for it; the thought part is a summary, as Gemini's.
pub fn settle(chat: &Chat, said: SimReply, options: &GenerateOptions) -> Reply {
    let mut text = match said.thought.is_empty() {
        true => said.text,
        false => format!("<think>{}</think> {}", said.thought, said.text),
    };
    let summary = if options.thoughts {
        "**Weighing the request**\n\nI go over what was asked and settle on an answer.".to_owned()
    } else {
        String::new()
    };
    // Gemini counts its hidden thoughts against the limit.
    let thought = 60 + wire::tokens(&text) / 2;
    let limit = options.limit.map(|n| n.saturating_sub(thought));
    let short = wire::cut(&mut text, &options.stop, limit);
    let input = wire::tokens(&chat.system) + wire::tokens(&chat.user);
    let tokens = Tokens {
        input: input + chat.images.len() * wire::IMAGE_TOKENS,
        thought,
        output: wire::tokens(&text),
    };
    Reply { summary, text, finish: if short { "MAX_TOKENS" } else { "STOP" }, tokens }
}

fn usage(t: Tokens) -> Value {
    json!({
        "promptTokenCount": t.input,
        "candidatesTokenCount": t.output,
        "thoughtsTokenCount": t.thought,
        "totalTokenCount": t.input + t.output + t.thought,
    })
}

fn body(parts: Vec<Value>, finish: Option<&str>, usage: Value, model: &str, id: &str) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = finish.into();
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": model,
        "responseId": format!("sim-{id}"),
    })
}

/// The whole response body.
pub fn write(reply: &Reply, model: &str, id: &str) -> String {
    let mut parts = Vec::new();
    if !reply.summary.is_empty() {
        parts.push(json!({"text": reply.summary, "thought": true}));
    }
    if !reply.text.is_empty() {
        parts.push(json!({"text": reply.text}));
    }
    body(parts, Some(reply.finish), usage(reply.tokens), model, id).to_string()
}

/// The response as server-sent events.
pub fn stream(reply: &Reply, model: &str, id: &str) -> String {
    let mut out = String::with_capacity(reply.text.len() * 2);
    let mut send = |parts: Vec<Value>, finish: Option<&str>, usage: Value| {
        out.push_str("data: ");
        out.push_str(&body(parts, finish, usage, model, id).to_string());
        out.push_str("\r\n\r\n");
    };
    if !reply.summary.is_empty() {
        let part = json!({"text": reply.summary, "thought": true});
        send(vec![part], None, json!({"promptTokenCount": reply.tokens.input}));
    }
    let pieces = wire::pieces(&reply.text, 320);
    for (i, piece) in pieces.iter().enumerate() {
        let last = i + 1 == pieces.len();
        let finish = last.then_some(reply.finish);
        send(vec![json!({"text": piece})], finish, usage(reply.tokens));
    }
    if pieces.is_empty() {
        send(Vec::new(), Some(reply.finish), usage(reply.tokens));
    }
    out
}

/// A prompt that the safety filter stopped: no candidates.
pub fn blocked(model: &str, id: &str, sse: bool) -> String {
    let body = json!({
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 1},
        "modelVersion": model,
        "responseId": format!("sim-{id}"),
    });
    if sse { format!("data: {body}\r\n\r\n") } else { body.to_string() }
}

/// An error body in Google's shape; with `delay` the RetryInfo of a quota error.
pub fn error(status: u16, what: &str, delay: Option<&str>) -> String {
    let name = match status {
        400 => "INVALID_ARGUMENT",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        _ => "INTERNAL",
    };
    let details = delay.map_or(Vec::new(), |delay| {
        vec![json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})]
    });
    json!({"error": {"code": status, "message": what, "status": name, "details": details}})
        .to_string()
}

/// The list of models.
pub fn models(names: &[&str]) -> String {
    let one = |name: &&str| {
        json!({
            "name": format!("models/{name}"), "displayName": format!("{name} (simulated)"),
            "description": "coldstart's simulated world", "version": "sim",
            "inputTokenLimit": 1048576, "outputTokenLimit": 65536,
            "supportedGenerationMethods": ["generateContent"],
        })
    };
    json!({"models": names.iter().map(one).collect::<Vec<_>>()}).to_string()
}
