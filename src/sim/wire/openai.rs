//! OpenAI chat completions, whole and streamed; thinking models answer with `reasoning_content`.

use crate::sim::mind::{Chat, SimReply};
use crate::sim::wire::{self, CREATED, Refusal, Tokens};
use serde_json::{Value, json};

/// What the body asks besides the conversation.
#[derive(Debug, Clone, Default)]
pub struct ChatOptions {
    pub stream: bool,
    pub usage: bool,
    pub stop: Vec<String>,
    pub limit: Option<usize>,
}

/// Reads a request body.
pub fn read(body: &[u8]) -> Result<(Chat, ChatOptions), Refusal> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|e| Refusal::bad(format!("the body is not JSON: {e}")))?;
    let mut chat = Chat {
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        seed: body["seed"].as_i64(),
        ..Chat::default()
    };
    let messages = body["messages"].as_array().filter(|m| !m.is_empty());
    let messages = messages.ok_or_else(|| Refusal::bad("`messages` is empty or missing"))?;
    for message in messages {
        if message["role"] == "assistant" {
            chat.again += 1;
            continue;
        }
        let system = matches!(message["role"].as_str(), Some("system" | "developer"));
        content(&message["content"], system, &mut chat)?;
    }
    let limit = body["max_completion_tokens"].as_u64().or(body["max_tokens"].as_u64());
    let options = ChatOptions {
        stream: body["stream"].as_bool().unwrap_or(false),
        usage: body["stream_options"]["include_usage"].as_bool().unwrap_or(false),
        stop: wire::strings(&body["stop"]),
        limit: limit.map(|n| n as usize),
    };
    Ok((chat, options))
}

fn content(content: &Value, system: bool, chat: &mut Chat) -> Result<(), Refusal> {
    let Chat { system: to_system, user, images, .. } = chat;
    let to = if system { to_system } else { user };
    match content {
        Value::String(text) => to.push_str(text),
        Value::Array(parts) => {
            for part in parts {
                match part["type"].as_str() {
                    Some("text") => to.push_str(part["text"].as_str().unwrap_or_default()),
                    Some("image_url") => {
                        let image = &part["image_url"];
                        let url = image.as_str().or(image["url"].as_str()).unwrap_or_default();
                        images.push(wire::data_url(url)?);
                    }
                    other => {
                        let other = other.unwrap_or("none");
                        return Err(Refusal::bad(format!("content part of type `{other}`")));
                    }
                }
            }
        }
        _ => {}
    }
    to.push('\n');
    Ok(())
}

struct Reply {
    reasoning: String,
    text: String,
    finish: &'static str,
    tokens: Tokens,
}

/// A model that does not serve its thinking apart says it inline.
fn settle(chat: &Chat, said: SimReply, options: &ChatOptions) -> Reply {
    let apart = chat.model.to_lowercase().contains("thinking");
    let (reasoning, mut text) = match (apart, said.thought.is_empty()) {
        (true, _) | (_, true) => (said.thought, said.text),
        _ => (String::new(), format!("<think>{}</think> {}", said.thought, said.text)),
    };
    let thought = wire::tokens(&reasoning);
    let limit = options.limit.map(|n| n.saturating_sub(thought));
    let short = wire::cut(&mut text, &options.stop, limit);
    let input = wire::tokens(&chat.system) + wire::tokens(&chat.user);
    let tokens = Tokens {
        input: input + chat.images.len() * wire::IMAGE_TOKENS,
        thought,
        output: wire::tokens(&text),
    };
    Reply { reasoning, text, finish: if short { "length" } else { "stop" }, tokens }
}

fn usage(t: Tokens) -> Value {
    json!({
        "prompt_tokens": t.input,
        "completion_tokens": t.output + t.thought,
        "total_tokens": t.input + t.output + t.thought,
        "completion_tokens_details": {"reasoning_tokens": t.thought},
    })
}

/// The response body and whether it is an event stream. `id` names the reply.
pub fn write(chat: &Chat, said: SimReply, options: &ChatOptions, model: &str, id: &str) -> String {
    let reply = settle(chat, said, options);
    if options.stream {
        return stream(&reply, options, model, id);
    }
    let mut message = json!({"role": "assistant", "content": reply.text});
    if !reply.reasoning.is_empty() {
        message["reasoning_content"] = reply.reasoning.into();
    }
    json!({
        "id": format!("chatcmpl-{id}"),
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "system_fingerprint": "coldstart-sim",
        "choices": [{
            "index": 0, "message": message, "finish_reason": reply.finish, "logprobs": null,
        }],
        "usage": usage(reply.tokens),
    })
    .to_string()
}

fn stream(reply: &Reply, options: &ChatOptions, model: &str, id: &str) -> String {
    let mut out = String::with_capacity(reply.text.len() * 3);
    let mut send = |choices: Value, usage: Option<Value>| {
        let mut chunk = json!({
            "id": format!("chatcmpl-{id}"),
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": model,
            "system_fingerprint": "coldstart-sim",
            "choices": choices,
        });
        if let Some(usage) = usage {
            chunk["usage"] = usage;
        }
        out.push_str("data: ");
        out.push_str(&chunk.to_string());
        out.push_str("\n\n");
    };
    let delta = |delta: Value, finish: Option<&str>| json!([{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": null}]);
    send(delta(json!({"role": "assistant", "content": ""}), None), None);
    for piece in wire::pieces(&reply.reasoning, 240) {
        send(delta(json!({"reasoning_content": piece}), None), None);
    }
    for piece in wire::pieces(&reply.text, 240) {
        send(delta(json!({"content": piece}), None), None);
    }
    send(delta(json!({}), Some(reply.finish)), None);
    if options.usage {
        send(json!([]), Some(usage(reply.tokens)));
    }
    out.push_str("data: [DONE]\n\n");
    out
}

/// A reply that the server's filter withheld.
pub fn blocked(options: &ChatOptions, model: &str, id: &str) -> String {
    let reply = Reply {
        reasoning: String::new(),
        text: String::new(),
        finish: "content_filter",
        tokens: Tokens::default(),
    };
    if options.stream {
        return stream(&reply, options, model, id);
    }
    json!({
        "id": format!("chatcmpl-{id}"), "object": "chat.completion", "created": CREATED,
        "model": model, "system_fingerprint": "coldstart-sim",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "", "refusal": null},
            "finish_reason": "content_filter", "logprobs": null}],
        "usage": usage(Tokens::default()),
    })
    .to_string()
}

/// An error body in OpenAI's shape.
pub fn error(status: u16, code: &str, what: &str) -> String {
    let kind = if status >= 500 { "server_error" } else { "invalid_request_error" };
    json!({"error": {"message": what, "type": kind, "param": null, "code": code}}).to_string()
}

/// The list of models.
pub fn models(names: &[&str]) -> String {
    let one = |id: &&str| {
        json!({"id": id, "object": "model", "created": CREATED, "owned_by": "coldstart-sim",
            "max_model_len": 32768})
    };
    json!({"object": "list", "data": names.iter().map(one).collect::<Vec<_>>()}).to_string()
}
