//! What a frame holds: the request as it was sent, the reply, and when.

use crate::call::{Reply, Request, Usage};
use crate::journal::frame;
use crate::record::{CallKey, NanoUsd};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;

/// One bought call: a line of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub key: CallKey,
    /// Unix milliseconds when it was journaled.
    pub at_ms: u64,
    pub request: Request,
    pub reply: Reply,
}

/// The same line from what its caller keeps.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Line<'a> {
    pub key: CallKey,
    pub at_ms: u64,
    pub request: &'a Request,
    pub reply: &'a Reply,
}

impl Entry {
    pub(super) fn line(&self) -> Line<'_> {
        let Entry { key, at_ms, request, reply } = self;
        Line { key: *key, at_ms: *at_ms, request, reply }
    }
}

/// A line, or the part of it that its caller wants.
pub(super) trait FromLine: DeserializeOwned {
    fn from_line(line: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }
}

impl FromLine for Entry {}

/// A line as a scan reads it.
pub(super) trait Scanned: FromLine + Send + 'static {
    fn key(&self) -> CallKey;
}

impl Scanned for Entry {
    fn key(&self) -> CallKey {
        self.key
    }
}

/// What a call was for and what it took: a line without what was said.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Bought {
    pub key: CallKey,
    pub request: BoughtRequest,
    pub reply: BoughtReply,
}

/// Of a `Request`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct BoughtRequest {
    pub role: String,
    pub model: String,
}

/// Of a `Reply`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct BoughtReply {
    pub usage: Usage,
    pub cost: NanoUsd,
    #[serde(default)]
    pub simulated: bool,
    #[serde(default)]
    pub latency_ms: u64,
}

impl FromLine for Bought {}

impl Scanned for Bought {
    fn key(&self) -> CallKey {
        self.key
    }
}

/// A line without its request: what a replay needs, at a part of the cost.
#[derive(Deserialize)]
pub(super) struct Replayed {
    pub reply: Reply,
}

/// What stands before a line's reply, which is the last thing in it. Within a string each quote would
/// have a backslash before it.
const BEFORE_REPLY: &[u8] = b",\"reply\":";

impl FromLine for Replayed {
    fn from_line(line: &[u8]) -> Result<Replayed, serde_json::Error> {
        let reply = memchr::memmem::find(line, BEFORE_REPLY)
            .and_then(|at| line[at + BEFORE_REPLY.len()..].strip_suffix(b"}\n"))
            .and_then(|reply| serde_json::from_slice(reply).ok());
        // A line that another wrote, with its fields in another order.
        reply.map_or_else(|| serde_json::from_slice(line), |reply| Ok(Replayed { reply }))
    }
}

/// Level 1: the journal may take 5 % of a run's CPU, and its bytes are few beside the images'. Level -1 takes
/// 20 us for 29 a line, and a third more room.
const LEVEL: i32 = 1;
/// Most lines are shorter, in bytes.
const ROOM: usize = 8 << 10;
/// No line is longer; bounds what a damaged length can make us allocate.
const MAX_LINE: usize = 1 << 30;

thread_local! {
    // A context is some 100 KB to set up: more work than a 3 KB line itself.
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> =
        const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> =
        const { RefCell::new(None) };
}

/// The frame of `bought`.
pub(super) fn encode(bought: Line<'_>) -> Result<Vec<u8>, String> {
    let mut line = Vec::with_capacity(ROOM);
    serde_json::to_writer(&mut line, &bought).map_err(|e| e.to_string())?;
    line.push(b'\n');
    let body = COMPRESSOR.with_borrow_mut(|slot| {
        let mut compressor = match slot.take() {
            Some(compressor) => compressor,
            None => zstd::bulk::Compressor::new(LEVEL)?,
        };
        let body = compressor.compress(&line);
        *slot = Some(compressor);
        body
    });
    let body = body.map_err(|e: std::io::Error| e.to_string())?;
    frame::frame(&bought.key, &body)
        .ok_or_else(|| format!("a reply of {} bytes is too large to journal", line.len()))
}

/// The line in a frame's body.
pub(super) fn decode<T: FromLine>(body: &[u8]) -> Result<T, String> {
    let size = match zstd::zstd_safe::get_frame_content_size(body) {
        Ok(Some(size)) if size <= MAX_LINE as u64 => size as usize,
        _ => return Err("a frame does not say a believable size".to_string()),
    };
    let line = DECOMPRESSOR.with_borrow_mut(|slot| {
        let mut decompressor = match slot.take() {
            Some(decompressor) => decompressor,
            None => zstd::bulk::Decompressor::new()?,
        };
        let line = decompressor.decompress(body, size);
        *slot = Some(decompressor);
        line
    });
    let line = line.map_err(|e: std::io::Error| e.to_string())?;
    T::from_line(&line).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::{FromLine, Replayed};

    /// Wherever the reply stands, and whatever the request says.
    #[test]
    fn a_reply_is_found_in_any_line() {
        let reply = r#"{"output":{"type":"refused","reason":"no"},"finish":"stop","usage":{},"served":"m","cost":7}"#;
        let request =
            r#"{"type":"chat","messages":[{"text":"say ,\"reply\":{} }"}],"reply":{"cost":1}}"#;
        for line in [
            format!("{{\"key\":\"0\",\"request\":{request},\"reply\":{reply}}}\n"),
            format!("{{\"reply\":{reply},\"request\":{request}}}\n"),
            format!("{{\"key\":\"0\",\"reply\":{reply}}}\n"),
        ] {
            let found = Replayed::from_line(line.as_bytes());
            assert_eq!(found.expect("a reply").reply.cost.0, 7, "{line}");
        }
        assert!(Replayed::from_line(b"{\"key\":\"0\",\"reply\":{\"cost\":7}\n").is_err());
    }
}
