//! A rollout's reward in its parts (paper, section 3.3).

use serde::{Deserialize, Serialize};

/// `score = point + format + lambda * pair`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reward {
    pub score: f64,
    /// 0.7 where the last picture satisfies every condition, else 0.
    pub point: f64,
    /// -0.2 where a turn broke the grammar, else 0.
    pub format: f64,
    /// 0.3 where every picture is better than the one before, else 0.
    pub pair: f64,
    /// What `pair` weighs: 1, and 0.5 where `point` is 0.
    pub lambda: f64,
}

/// The worse half of a preference pair. The better half is the last turn of the trajectory, after
/// the same words and pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    /// The turn, as the agent's grammar writes it; as it came where it breaks the grammar.
    pub turn: String,
    /// The reward of the rollout it comes from.
    pub reward: f64,
    /// The reward of the better rollout.
    pub chosen_reward: f64,
}
