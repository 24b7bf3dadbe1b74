//! Requests and their identity. `Request::key` takes every struct apart by name, so that a new
//! field cannot be forgotten: it either enters the key or is refused by the compiler.

use crate::call::Schema;
use crate::record::{CallKey, ImageRef, Message, Part};
use serde::{Deserialize, Serialize};

/// What a stage asks of a model. Endpoints, keys, quotas and time-outs are not in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    Chat(ChatRequest),
    Image(ImageRequest),
}

/// A conversation to be continued by one reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatRequest {
    /// The role (of `_models.toml`) that is asked; chooses the endpoint.
    pub role: String,
    /// The model's name in `_models.toml`.
    pub model: String,
    pub messages: Vec<Message>,
    pub sampling: Sampling,
    /// The shape that the reply should have: sent where the endpoints file says that the server holds
    /// its model to one. It follows from the task, so it is neither journaled nor part of the key, and
    /// whoever asks reads the reply with care all the same.
    #[serde(skip)]
    pub schema: Option<&'static Schema>,
    /// Which of several equal asks this is: distinguishes votes and draws.
    pub draw: u32,
}

/// What a role sets for sampling; absent = the server's default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Tokens of hidden thinking; Gemini's thinkingBudget, DashScope's thinking_budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking_budget: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
}

/// One picture to draw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageRequest {
    pub role: String,
    pub model: String,
    pub prompt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative_prompt: Option<String>,
    /// Pixels.
    pub width: u32,
    pub height: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guidance: Option<f64>,
    /// Always explicit: a server's default seed would make three draws one image.
    pub seed: u64,
    pub draw: u32,
    /// The picture that `prompt` says how to change; None: one is drawn anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edits: Option<ImageRef>,
}

impl Request {
    /// The role that is asked.
    pub fn role(&self) -> &str {
        match self {
            Request::Chat(chat) => &chat.role,
            Request::Image(image) => &image.role,
        }
    }

    /// The model's name in the pipeline.
    pub fn model(&self) -> &str {
        match self {
            Request::Chat(chat) => &chat.model,
            Request::Image(image) => &image.model,
        }
    }

    /// The request with its key, which is computed here and carried from there on.
    pub fn keyed(&self) -> KeyedRequest<'_> {
        KeyedRequest { request: self, key: self.key() }
    }

    /// The call's identity: versioned, over all that shapes the reply. The role's name is not in
    /// it: two roles with the same model and parameters share their calls.
    pub fn key(&self) -> CallKey {
        #[cfg(test)]
        HASHED.with(|hashed| hashed.set(hashed.get() + 1));
        let mut key = KeyHasher(blake3::Hasher::new_derive_key("coldstart 2026 call key v1"));
        match self {
            Request::Chat(chat) => key.chat(chat),
            Request::Image(image) => key.image(image),
        }
        CallKey(*key.0.finalize().as_bytes())
    }
}

// How often a key was computed on this thread.
#[cfg(test)]
thread_local! {
    pub static HASHED: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

/// A request and its identity, on its way through everything that a call passes.
#[derive(Debug, Clone, Copy)]
pub struct KeyedRequest<'a> {
    request: &'a Request,
    key: CallKey,
}

impl<'a> KeyedRequest<'a> {
    pub fn request(self) -> &'a Request {
        self.request
    }

    /// `Request::key`, not computed again.
    pub fn key(self) -> CallKey {
        self.key
    }

    /// The role that is asked.
    pub fn role(self) -> &'a str {
        self.request.role()
    }
}

struct KeyHasher(blake3::Hasher);

impl KeyHasher {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn int(&mut self, n: u64) {
        self.0.update(&n.to_le_bytes());
    }

    /// Presence and value.
    fn some(&mut self, value: Option<u64>) {
        self.int(u64::from(value.is_some()));
        self.int(value.unwrap_or(0));
    }

    fn chat(&mut self, chat: &ChatRequest) {
        let ChatRequest { role: _, model, messages, sampling, schema: _, draw } = chat;
        self.bytes(b"chat");
        self.bytes(model.as_bytes());
        self.int(messages.len() as u64);
        for Message { speaker, parts } in messages {
            self.int(*speaker as u64);
            self.int(parts.len() as u64);
            for part in parts {
                self.part(part);
            }
        }
        self.sampling(sampling);
        // Where keys of the first version had a schema, which no request had.
        self.bytes(b"");
        self.int(u64::from(*draw));
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::Text(text) => {
                self.int(0);
                self.bytes(text.as_bytes());
            }
            Part::Image(image) => {
                // Size and type follow from the content.
                let ImageRef { digest, mime: _, width: _, height: _, bytes: _ } = image;
                self.int(1);
                self.bytes(&digest.0);
            }
        }
    }

    fn sampling(&mut self, sampling: &Sampling) {
        let Sampling { temperature, top_p, top_k, max_tokens, seed, thinking_budget, stop } =
            sampling;
        self.some(temperature.map(f64::to_bits));
        self.some(top_p.map(f64::to_bits));
        self.some(top_k.map(u64::from));
        self.some(max_tokens.map(u64::from));
        self.some(*seed);
        self.some(thinking_budget.map(|n| n as u64));
        self.int(stop.len() as u64);
        for word in stop {
            self.bytes(word.as_bytes());
        }
    }

    fn image(&mut self, image: &ImageRequest) {
        let ImageRequest {
            role: _,
            model,
            prompt,
            negative_prompt,
            width,
            height,
            steps,
            guidance,
            seed,
            draw,
            edits,
        } = image;
        self.bytes(b"image");
        self.bytes(model.as_bytes());
        self.bytes(prompt.as_bytes());
        self.int(u64::from(negative_prompt.is_some()));
        self.bytes(negative_prompt.as_deref().unwrap_or_default().as_bytes());
        self.int(u64::from(*width));
        self.int(u64::from(*height));
        self.some(steps.map(u64::from));
        self.some(guidance.map(f64::to_bits));
        self.int(*seed);
        self.int(u64::from(*draw));
        // Drawing anew keeps the key that it had before there were edits.
        if let Some(ImageRef { digest, mime: _, width: _, height: _, bytes: _ }) = edits {
            self.int(1);
            self.bytes(&digest.0);
        }
    }
}
