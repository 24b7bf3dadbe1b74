//! What a stage decided about a record, and on what evidence: a row of `RUN/stages/<stage>/`.

use crate::record::{CallKey, Check, Id, NanoUsd};
use serde::{Deserialize, Serialize};

/// The three fates of a record at a stage. in = passed + dropped + failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// Went on through `Decision::port`.
    Passed,
    /// Rejected, with a reason.
    Dropped,
    /// Quarantined by an error; retried on the next run.
    Failed,
}

impl Disposition {
    pub fn as_str(self) -> &'static str {
        match self {
            Disposition::Passed => "passed",
            Disposition::Dropped => "dropped",
            Disposition::Failed => "failed",
        }
    }
}

/// One answer of one model to one question, where a stage asks several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// What was asked: `vote_1`, `order_ab`, `draw_2`, …, or one of the names below.
    pub ask: String,
    /// The parsed answer: `satisfied`, `unsatisfied`, `first`, `second`, `tie`, `leak`, …; of a reply
    /// that could not be read, why (`unreadable`, `unanswered`, `contradiction`, a format error).
    pub answer: String,
    /// The call that gave it.
    pub call: Option<CallKey>,
}

impl Vote {
    /// A reply that could not be read; it was asked again.
    pub const UNREAD: &str = "unread";
    /// The reply to asking again.
    pub const AGAIN: &str = "asked_again";
    /// Of `AGAIN`: it could be read.
    pub const ANSWERED: &str = "answered";

    /// How many sentences were cut from what was said, as a number.
    pub const CUT: &str = "cut";
    /// Whether a hint is what it is taken for, before it is shown.
    pub const HINT: &str = "hint";

    /// Before the looks at one picture: the kinds of its questions, with commas between.
    pub const QUESTIONS: &str = "questions";
    /// The probability of the verdict that the looks come to; of an undecided one, that all holds.
    pub const POSTERIOR: &str = "posterior";
    /// The probability that all J claims is true.
    pub const CLAIMS: &str = "claims";

    /// What a canary's questions must be answered, as letters.
    pub const KEY: &str = "key";

    /// A canary's comparison of a picture with itself.
    pub const SAME: &str = "same_picture";

    /// Whether this is of looks that were added up: a number or letters, and no answer of its own.
    pub fn is_of_looks(&self) -> bool {
        matches!(self.ask.as_str(), Vote::QUESTIONS | Vote::POSTERIOR | Vote::CLAIMS | Vote::KEY)
            || self.ask.starts_with("look_")
    }

    /// Whether this tells of how a reply could be read, rather than of an answer.
    pub fn is_of_reading(&self) -> bool {
        Vote::tells_of_reading(&self.ask)
    }

    /// Of its `ask` alone.
    pub fn tells_of_reading(ask: &str) -> bool {
        matches!(ask, Vote::UNREAD | Vote::AGAIN | Vote::CUT)
    }
}

/// What a decision rests on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// One line for people: what was seen, quoting at most 300 characters of model text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// 0..=1 where the stage scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<Vote>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// The other record of a duplicate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Id>,
}

impl Evidence {
    /// Evidence that is a line of text.
    pub fn note(note: impl Into<String>) -> Evidence {
        Evidence { note: note.into(), ..Evidence::default() }
    }
}

/// A stage's decision on one record. Deterministic: no time, no host, no attempt count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    pub stage: String,
    pub id: Id,
    pub category: String,
    pub source: String,
    pub disposition: Disposition,
    /// The port it left by; empty when dropped or failed.
    pub port: String,
    /// A stable snake_case code; empty when passed without remark. For a failed record, the
    /// error's kind.
    pub reason: String,
    pub evidence: Evidence,
    /// Calls this stage used for this record, bought or replayed, in order.
    pub calls: Vec<CallKey>,
    /// What those calls cost when they were bought (shared calls count in each record).
    pub cost: NanoUsd,
    /// The prompt's first 200 characters, so that a table can be read alone.
    pub prompt: String,
    /// Characters of the whole prompt; 0 in tables of before they were counted.
    #[serde(default)]
    pub prompt_chars: u32,
}
