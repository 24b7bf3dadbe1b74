//! One process's work on a RUN, as `RUN/sessions/*.json` keeps it.

use crate::record::Ending;
use serde::{Deserialize, Serialize};

/// `RUN/budget.json`: what all runs on a RUN may spend together, so that a command that does not say it
/// again is bound by it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptBudget {
    pub nano_usd: u64,
}

/// What a process had in flight when it was last seen. A process that was killed cannot say how
/// many calls were on their way, and those are all that can be paid twice: so each says it while it
/// lives.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Session {
    /// Unix milliseconds.
    pub started_ms: u64,
    /// When this was written, Unix milliseconds.
    pub seen_ms: u64,
    /// Calls asked for and not yet journaled, then.
    pub in_flight: u64,
    /// The most there were at once until then.
    pub most_in_flight: u64,
    /// It ended of itself, with no call left behind.
    pub closed: bool,
    /// The machine and process, `host:pid`; empty in sessions of earlier versions.
    #[serde(default)]
    pub by: String,
    /// Why it ended; absent while it lives, and for ever when it was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ending>,
}
