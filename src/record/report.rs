//! The run's final report (the funnel), as `run --format json` prints it and `report.json` keeps it.

use crate::record::Ending;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What happened, from pool to dataset.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Report {
    pub stages: Vec<StageReport>,
    pub calls: CallsReport,
    /// What the run's journaled calls have cost, in this process and before.
    pub cost_usd: f64,
    pub dataset: DatasetReport,
    /// True when any reply came from the simulated world.
    pub simulated: bool,
    /// False when the run stopped before its end.
    pub complete: bool,
    /// Why it ended; absent in reports of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ending>,
}

impl Report {
    /// How a run with this report ended, when nothing stopped it. What is undecided does not come out
    /// otherwise for the same command.
    pub fn natural_ending(&self) -> Ending {
        match self.stages.iter().map(StageReport::to_try_again).sum() {
            0u64 => Ending::Done,
            _ => Ending::PartlyFailed,
        }
    }

    /// Records that judges left without an answer.
    pub fn undecided(&self) -> u64 {
        self.stages.iter().map(|stage| stage.undecided).sum()
    }
}

/// One stage's conservation law: in = passed + dropped + failed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StageReport {
    pub stage: String,
    #[serde(rename = "in")]
    pub entered: u64,
    pub passed: u64,
    pub dropped: u64,
    pub failed: u64,
    /// Of `failed`: a judge that was asked again gave no answer that can be read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub undecided: u64,
    /// Counts by reason code, of dropped and failed records.
    pub reasons: BTreeMap<String, u64>,
    /// Counts by port, of passed records.
    #[serde(default)]
    pub ports: BTreeMap<String, u64>,
    #[serde(default)]
    pub cost_usd: f64,
}

impl StageReport {
    /// Records that failed and may not the next time. What left a record undecided is journaled, and
    /// the same question gets the same answer.
    pub fn to_try_again(&self) -> u64 {
        self.failed - self.undecided.min(self.failed)
    }
}

/// Calls of this process.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CallsReport {
    pub made: u64,
    pub replayed: u64,
    /// Of walks that finished shards left, and that need not be gone again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub taken: u64,
    pub by_role: BTreeMap<String, RoleReport>,
    /// Paid replies that could not be journaled: another process had taken the RUN over.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub uncounted: u64,
    #[serde(default, skip_serializing_if = "is_free")]
    pub uncounted_usd: f64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

fn is_free(usd: &f64) -> bool {
    *usd == 0.0
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RoleReport {
    pub made: u64,
    pub replayed: u64,
    pub tokens_in: u64,
    pub tokens_out: u64,
    pub images: u64,
    pub cost_usd: f64,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DatasetReport {
    pub rows: u64,
    /// BLAKE3 over the shards' names and bytes; empty when none was written.
    pub digest: String,
    /// Records asked for (`--target`); fewer rows mean that the strata ran dry. 0: nothing balances.
    #[serde(default)]
    pub target: u64,
    /// `category/outcome` -> what was there, wanted and taken.
    pub strata: BTreeMap<String, Stratum>,
    /// `all`, `outcome/NAME`, `category/NAME` -> how pure its rows are, where looks were added up.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub purity: BTreeMap<String, Purity>,
}

/// What posteriors make of rows together: expected, not measured.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Purity {
    pub rows: u64,
    /// Expected share of rows of which every verdict is right, 0..=1, and what holds it in 19 of 20.
    pub expected: f64,
    pub low: f64,
    pub high: f64,
    /// Expected share of rows of which every J is true throughout.
    pub claims: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stratum {
    pub available: u64,
    /// What it may give, filled up by the others' shortfalls.
    pub quota: u64,
    /// What an even target would have of it, whatever is there. 0 in reports of earlier versions.
    #[serde(default)]
    pub wanted: u64,
    pub taken: u64,
}
