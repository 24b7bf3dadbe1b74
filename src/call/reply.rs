//! Replies as the journal keeps them.

use crate::record::{ImageRef, NanoUsd};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A model's complete answer, with what it cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    pub output: Output,
    /// The server's finish reason, as it said it (`stop`, `length`, `STOP`, …).
    #[serde(default)]
    pub finish: String,
    pub usage: Usage,
    /// The model's name or version as the server named it.
    pub served: String,
    /// By the prices in force when it was bought.
    pub cost: NanoUsd,
    /// The reply came from the simulated world.
    #[serde(default)]
    pub simulated: bool,
    /// Tries until this reply, at least 1.
    #[serde(default)]
    pub attempts: u32,
    /// Of the successful try.
    #[serde(default)]
    pub latency_ms: u64,
}

/// Finish reasons of an answer that ended as it should, was cut by its length, or was withheld. Lower
/// case; with others something went wrong that no table knows.
const USUAL: [&str; 22] = [
    "",
    "stop",
    "length",
    "tool_calls",
    "function_call",
    "eos",
    "eos_token",
    "end_turn",
    "stop_sequence",
    "max_tokens",
    "completed",
    "refused",
    "content_filter",
    "sensitive",
    "safety",
    "prohibited_content",
    "spii",
    "blocklist",
    "image_safety",
    "jailbreak",
    "model_armor",
    "refusal",
];

impl Reply {
    /// Why this reply should be asked for once more before it counts: an answer without text that
    /// was not cut by its length, or a finish reason that says neither. None for a settled one.
    pub fn unsettled(&self) -> Option<String> {
        let finish = self.finish.to_lowercase();
        match &self.output {
            Output::Image { .. } => None,
            Output::Text { text, .. }
                if text.trim().is_empty()
                    && !matches!(finish.as_str(), "length" | "max_tokens") =>
            {
                Some(format!("the answer is empty (it ended with `{}`)", self.finish))
            }
            _ if !USUAL.contains(&finish.as_str()) => {
                Some(format!("the answer ended with `{}`", self.finish))
            }
            _ => None,
        }
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", try_from = "RawOutput")]
pub enum Output {
    /// `text` is the answer; `reasoning` the thinking, wherever the server put it.
    Text { text: String, reasoning: String },
    /// A picture. `bytes` are there on a fresh reply below the journal, never on one it returns.
    Image {
        image: ImageRef,
        /// It is of one colour, as a filter or a failing server sends. Not said of pictures that were
        /// bought before this was looked at.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        blank: bool,
        #[serde(skip)]
        bytes: Option<Bytes>,
    },
    /// The server will not answer this request (safety, policy): final, and journaled.
    Refused { reason: String },
}

/// `Output` as it is read: serde's own reader of a tagged enum keeps all of it twice.
#[derive(Deserialize)]
struct RawOutput {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    reasoning: Option<String>,
    image: Option<ImageRef>,
    #[serde(default)]
    blank: bool,
    reason: Option<String>,
}

impl TryFrom<RawOutput> for Output {
    type Error = String;

    fn try_from(raw: RawOutput) -> Result<Output, String> {
        let missing = |field: &str| format!("missing field `{field}`");
        let RawOutput { kind, text, reasoning, image, blank, reason } = raw;
        Ok(match kind.as_str() {
            "text" => Output::Text {
                text: text.ok_or_else(|| missing("text"))?,
                reasoning: reasoning.ok_or_else(|| missing("reasoning"))?,
            },
            "image" => {
                let image = image.ok_or_else(|| missing("image"))?;
                Output::Image { image, blank, bytes: None }
            }
            "refused" => Output::Refused { reason: reason.ok_or_else(|| missing("reason"))? },
            other => return Err(format!("unknown variant `{other}` of a reply's output")),
        })
    }
}

/// Tokens and images, as the server counted them (0 where it said nothing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    #[serde(default)]
    pub input: u64,
    /// Of `input`, read from the server's cache.
    #[serde(default)]
    pub cached: u64,
    /// Without thinking.
    #[serde(default)]
    pub output: u64,
    #[serde(default)]
    pub thinking: u64,
    #[serde(default)]
    pub images: u64,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Usage) {
        self.input += other.input;
        self.cached += other.cached;
        self.output += other.output;
        self.thinking += other.thinking;
        self.images += other.images;
    }
}
