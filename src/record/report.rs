//! The run's final report (the funnel), as `run --format json` prints it and `report.json` keeps it.

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
    /// Counts by reason code, of dropped and failed records.
    pub reasons: BTreeMap<String, u64>,
    /// Counts by port, of passed records.
    #[serde(default)]
    pub ports: BTreeMap<String, u64>,
    #[serde(default)]
    pub cost_usd: f64,
}

/// Calls of this process.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CallsReport {
    pub made: u64,
    pub replayed: u64,
    pub by_role: BTreeMap<String, RoleReport>,
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stratum {
    pub available: u64,
    pub quota: u64,
    pub taken: u64,
}
