//! The wire formats that the simulated server speaks, one file each: request body -> what is asked,
//! and what is said -> response body.
//!
//! Shapes follow the official SDKs, which are run against this server; nothing in a body depends on
//! time, so equal requests get equal bytes. `server` speaks HTTP, and `faults` spoils answers.

pub mod gemini;
pub mod genagent;
pub mod images;
pub mod openai;

use bytes::Bytes;
use serde_json::Value;

/// Seconds since 1970 in replies: fixed, so that replies are reproducible.
pub const CREATED: u64 = 1_767_225_600;

/// A request that no model could answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub what: String,
}

impl Refusal {
    pub fn bad(what: impl Into<String>) -> Refusal {
        Refusal { status: 400, what: what.into() }
    }
}

/// Token counts as a server reports them; about four characters a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tokens {
    pub input: usize,
    pub thought: usize,
    pub output: usize,
}

/// Characters -> tokens.
pub fn tokens(text: &str) -> usize {
    text.len().div_ceil(4)
}

/// What a picture costs of the input.
pub const IMAGE_TOKENS: usize = 258;

/// The bytes behind `data:image/png;base64,…`.
pub fn data_url(url: &str) -> Result<Bytes, Refusal> {
    let Some((_, data)) = url.split_once(";base64,").filter(|_| url.starts_with("data:")) else {
        return Err(Refusal::bad("only data: URLs of images can be read here"));
    };
    base64(data)
}

/// Base64, padded or not, of either alphabet: Google's own client sends the URL-safe one.
pub fn base64(data: &str) -> Result<Bytes, Refusal> {
    let unpadded = data.trim_end_matches('=');
    base64_simd::STANDARD_NO_PAD
        .decode_to_vec(unpadded)
        .or_else(|_| base64_simd::URL_SAFE_NO_PAD.decode_to_vec(unpadded))
        .map(Bytes::from)
        .map_err(|_| Refusal::bad("an image's base64 does not decode"))
}

/// Cuts `text` before the first of `stops`, and to `limit` tokens; returns whether the limit cut.
pub fn cut(text: &mut String, stops: &[String], limit: Option<usize>) -> bool {
    let at = stops.iter().filter(|s| !s.is_empty()).filter_map(|s| text.find(s.as_str())).min();
    if let Some(at) = at {
        text.truncate(at);
    }
    let Some(limit) = limit.filter(|n| tokens(text) > *n) else { return false };
    let mut at = (limit * 4).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    text.truncate(at);
    true
}

/// Pieces of about `size` bytes, at character boundaries; for streams.
pub fn pieces(text: &str, size: usize) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut at = size.min(rest.len());
        while !rest.is_char_boundary(at) {
            at += 1;
        }
        let (piece, more) = rest.split_at(at);
        out.push(piece);
        rest = more;
    }
    out
}

/// A field as a list of strings: a string or an array of them.
pub fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => many.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}
