//! A rollout: what an agent did of itself, every turn of it, well-formed or not (paper, section 4).

use crate::record::{ImageRef, Reward};
use serde::{Deserialize, Serialize};

/// How a rollout came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The agent said that it is done.
    Answer,
    /// It had its `n_max` pictures.
    Cut,
    /// A turn that nothing could be done with.
    Malformed,
    /// It spoke as often as it may and was not done.
    TurnLimit,
    /// The agent or the generator would not go on (safety, policy).
    Refused,
    /// The agent was not asked, or gave no picture: the raw prompt was drawn.
    Raw,
}

impl Ended {
    pub fn as_str(self) -> &'static str {
        match self {
            Ended::Answer => "answer",
            Ended::Cut => "cut",
            Ended::Malformed => "malformed",
            Ended::TurnLimit => "turn_limit",
            Ended::Refused => "refused",
            Ended::Raw => "raw",
        }
    }
}

/// One turn of the agent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RolloutTurn {
    /// From 1; the released client tries up to three times.
    pub attempt: u32,
    /// As it came, bounded; thinking that the server served apart stands in front in its tags.
    pub text: String,
    /// A stable code of what broke the grammar; empty when nothing did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fault: String,
    /// The fault in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub what: String,
    /// The caption of its call, if a call could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// It is the editing tool that is called: `caption` says how the last picture is to be changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub edits: bool,
    /// It says that it is done.
    #[serde(default)]
    pub answer: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judgement: Option<String>,
    /// What the call drew, where it was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<ImageRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// As the server counted them.
    #[serde(default)]
    pub tokens_in: u64,
    #[serde(default)]
    pub tokens_out: u64,
    /// Of the agent's reply.
    #[serde(default)]
    pub ms: u64,
    /// Of the picture.
    #[serde(default)]
    pub draw_ms: u64,
}

/// One run of an agent over a prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// Which of several for one prompt, from 0.
    pub draw: u32,
    pub turns: Vec<RolloutTurn>,
    /// What stands where the agent's turns gave no picture: the raw prompt's (a setting, or the
    /// released client's last resort), or one that an earlier attempt left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<ImageRef>,
    pub ended: Ended,
    /// Of each picture in turn, on the scale of who scored it; None: not scored, or no answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<Option<f32>>,
    /// None: not asked for, or it could not be computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reward: Option<Reward>,
    /// Of those of its prompt that were kept (paper, equation 5); None: not one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advantage: Option<f64>,
}

impl Rollout {
    /// Its pictures in order; one that stands instead of them is alone.
    pub fn pictures(&self) -> Vec<ImageRef> {
        let drawn = self.last_attempt().filter_map(|turn| turn.picture);
        drawn.chain(self.instead).collect()
    }

    /// Turns of the attempt that counts.
    pub fn last_attempt(&self) -> impl Iterator<Item = &RolloutTurn> {
        let last = self.turns.last().map_or(1, |turn| turn.attempt);
        // A fallback throws away what came before it.
        let counts = self.instead.is_none();
        self.turns.iter().filter(move |turn| counts && turn.attempt == last)
    }

    /// Whether the agent kept the grammar to the end: no turn broke it, and it did not run out of
    /// turns. A picture that could not be drawn is no fault of the agent's.
    pub fn keeps_grammar(&self) -> bool {
        let breaks = matches!(self.ended, Ended::Malformed | Ended::TurnLimit | Ended::Raw);
        !breaks && !self.turns.is_empty() && self.turns.iter().all(|turn| turn.fault.is_empty())
    }

    /// Whether every turn kept the grammar and the end was one of the grammar's.
    pub fn is_whole(&self) -> bool {
        let ends = matches!(self.ended, Ended::Answer | Ended::Cut);
        ends && !self.turns.is_empty() && self.turns.iter().all(|turn| turn.fault.is_empty())
    }
}
