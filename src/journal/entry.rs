//! What a frame holds: the request as it was sent, the reply, and when.

use crate::call::{Reply, Request};
use crate::record::CallKey;
use serde::{Deserialize, Serialize};

/// One bought call: a line of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub key: CallKey,
    /// Unix milliseconds when it was journaled.
    pub at_ms: u64,
    pub request: Request,
    pub reply: Reply,
}
