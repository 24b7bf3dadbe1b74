//! A trajectory: a prompt with the rounds the agent took (think, call, look, judge).

use crate::record::{CallKey, Digest, Prompt, Rejected, Rollout};
use serde::{Deserialize, Serialize};

/// The formats an image may have in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mime {
    Png,
    Jpeg,
    Webp,
}

impl Mime {
    /// `image/png` and so on.
    pub fn as_str(self) -> &'static str {
        match self {
            Mime::Png => "image/png",
            Mime::Jpeg => "image/jpeg",
            Mime::Webp => "image/webp",
        }
    }

    /// The file extension, without a dot.
    pub fn ext(self) -> &'static str {
        match self {
            Mime::Png => "png",
            Mime::Jpeg => "jpg",
            Mime::Webp => "webp",
        }
    }
}

/// An image by content: the blob's digest and what decoding it said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageRef {
    pub digest: Digest,
    pub mime: Mime,
    pub width: u32,
    pub height: u32,
    /// Encoded size in bytes.
    pub bytes: u64,
}

/// What an atom asks about (practice: DSG and its heirs).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtomKind {
    Object,
    Count,
    Color,
    Attribute,
    Relation,
    Region,
    Size,
    Text,
    Style,
    Negation,
    Knowledge,
    Realism,
}

/// One yes/no question of a prompt's checklist, made once per prompt and shown to every judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Atom {
    /// `a1`, `a2`, … in the checklist's order.
    pub id: String,
    pub kind: AtomKind,
    pub question: String,
    /// What a right picture shows, in a few words.
    pub expected: String,
    /// Ids of the atoms without which this one is void.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<String>,
}

/// A judge's answer to one rule or atom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Yes,
    No,
    Unsure,
    /// A parent failed: counted neither as a pass nor as an own failure.
    Void,
}

impl Answer {
    /// One letter, as the evidence of looks has it.
    pub fn letter(self) -> char {
        match self {
            Answer::Yes => 'y',
            Answer::No => 'n',
            Answer::Unsure => 'u',
            Answer::Void => 'v',
        }
    }
}

/// Where a check comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckSource {
    Rule,
    Atom,
}

/// The verdict on one rule or atom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The rule's or atom's id.
    pub id: String,
    pub source: CheckSource,
    /// What the judge was asked: the rule's text, or the atom's question and the answer expected.
    /// Empty in runs of before checks carried it, and in datasets, which hold no rule.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub question: String,
    pub answer: Answer,
    /// What the judge says it saw; untrusted, bounded.
    pub evidence: String,
}

/// J: what the agent says of an image, and what code concluded from the judge's checks.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Judgement {
    /// J, the training text. Holds no rule.
    pub rationale: String,
    /// The overall verdict, computed by code from `checks`, never the model's own flag.
    pub satisfied: bool,
    /// Passed share of the non-void checks, 0..=1.
    pub score: f32,
    pub checks: Vec<Check>,
    /// The probability that `satisfied` is right, where looks were added up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posterior: Option<f32>,
    /// The probability that everything `rationale` claims is true, where looks were added up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<f32>,
}

/// One round: T, P, I, J.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// T, without tags.
    pub thinking: String,
    /// P, the tool call's `caption`.
    pub refined: String,
    /// I, once drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
    /// The generator's seed for I.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// J, once judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Judgement>,
}

/// A draw of the raw prompt by stage `hard`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub seed: u64,
    pub image: ImageRef,
    pub satisfied: bool,
}

/// Which of two images a judge preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preference {
    /// The earlier image (I1).
    First,
    /// The later image (I2).
    Second,
    Tie,
}

/// The outcome of a pairwise comparison of consecutive images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// One answer per order asked: [I1 shown as A, I1 shown as B].
    pub orders: [Preference; 2],
    /// Agreed winner; disagreement is a tie.
    pub winner: Preference,
}

/// How a trajectory ends (the paper's balancing axis).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// J1 accepts.
    OneRound,
    /// A later J accepts; ends with a.
    Closed,
    /// The last turn is not a.
    Open,
}

impl Outcome {
    pub const ALL: [Outcome; 3] = [Outcome::OneRound, Outcome::Closed, Outcome::Open];

    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::OneRound => "one_round",
            Outcome::Closed => "closed",
            Outcome::Open => "open",
        }
    }
}

/// A record on its way through the pipeline; complete once `outcome` is set by `balance`.
///
/// The conversation is determined by `rounds` alone: round k's model turn is the previous round's
/// judgement (if any) + think + call; an image gives an observation turn; a judgement on the last
/// round gives the closing turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trajectory {
    pub prompt: Prompt,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub atoms: Vec<Atom>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    pub rounds: Vec<Round>,
    /// One per pair of consecutive images that was compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comparisons: Vec<Comparison>,
    /// Set by `pointwise`: better than before but not good; may become `open`.
    #[serde(default)]
    pub improved: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// What an agent did with the prompt, where one was run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollouts: Vec<Rollout>,
    /// Of a preference pair: what stands against the last turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Rejected>,
    /// Every model call this record used, in the order of the stages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CallKey>,
    /// Models as their servers named them, sorted, without repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// True when any reply came from the simulated world.
    #[serde(default)]
    pub simulated: bool,
}

impl Trajectory {
    /// A fresh record: a prompt and nothing else.
    pub fn new(prompt: Prompt) -> Trajectory {
        Trajectory {
            prompt,
            atoms: Vec::new(),
            attempts: Vec::new(),
            rounds: Vec::new(),
            comparisons: Vec::new(),
            improved: false,
            outcome: None,
            rollouts: Vec::new(),
            rejected: None,
            calls: Vec::new(),
            models: Vec::new(),
            simulated: false,
        }
    }
}
