//! What a frame holds: the request as it was sent, the reply, and when.

use crate::call::{Reply, Request, Usage};
use crate::journal::frame;
use crate::record::{CallKey, NanoUsd};
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

/// A line as a scan reads it, or the part of it that its caller wants.
pub(super) trait Scanned: for<'de> Deserialize<'de> + Send + 'static {
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

impl Scanned for Bought {
    fn key(&self) -> CallKey {
        self.key
    }
}

/// A line without its request: what a replay needs, at half the cost.
#[derive(Deserialize)]
pub(super) struct Replayed {
    pub reply: Reply,
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
pub(super) fn decode<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, String> {
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
    serde_json::from_slice(&line).map_err(|e| e.to_string())
}
