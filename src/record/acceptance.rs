//! Acceptance by round: how many judgements of the first, second, … picture accept and how many
//! reject, over the rows of a dataset or the rollouts of an agent.
//!
//! Why it is looked at: an agent that has seen no second judgement which rejects learns that the
//! second picture is always right.

use serde::{Deserialize, Serialize};

/// Counts by round; index 0 is J1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance(pub Vec<Judged>);

/// The judgements of one round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    pub accepts: u64,
    pub rejects: u64,
}

impl Judged {
    pub fn all(self) -> u64 {
        self.accepts + self.rejects
    }

    /// Accepting ones of all, 0..=1; None where there is none.
    pub fn share(self) -> Option<f64> {
        (self.all() > 0).then(|| self.accepts as f64 / self.all() as f64)
    }
}

impl Acceptance {
    /// Counts one trajectory: for each round whether J accepts, None where the round has no J.
    pub fn add(&mut self, verdicts: impl IntoIterator<Item = Option<bool>>) {
        for (round, verdict) in verdicts.into_iter().enumerate() {
            let Some(accepts) = verdict else { continue };
            if self.0.len() <= round {
                self.0.resize(round + 1, Judged::default());
            }
            match accepts {
                true => self.0[round].accepts += 1,
                false => self.0[round].rejects += 1,
            }
        }
    }

    /// `J1`, `J2`, … with their counts.
    pub fn rounds(&self) -> impl Iterator<Item = (String, Judged)> + '_ {
        self.0.iter().enumerate().map(|(round, judged)| (format!("J{}", round + 1), *judged))
    }
}
