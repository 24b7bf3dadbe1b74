//! The audit as one value: what `audit` prints, `report` draws and `--format json` gives.

use crate::archive::Sessions;
use crate::audit::facts::Facts;
use crate::audit::findings::{Finding, Severity, findings};
use crate::audit::funnel::{Costs, Funnel, funnel};
use crate::audit::replies::{ReplyAudit, replies};
use crate::audit::roles::{RoleAudit, roles};
use crate::record::{Acceptance, Purity, Stratum};
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything `coldstart audit RUN` says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditReport {
    /// The RUN as the user named it.
    pub run: String,
    pub pipeline: String,
    pub seed: Option<u64>,
    pub simulated: bool,
    pub complete: bool,
    pub funnel: Funnel,
    /// `category/outcome` -> there, wanted, taken.
    pub strata: BTreeMap<String, Stratum>,
    /// How many judgements of the dataset's rows accept and reject: J1, J2, …
    pub acceptance: Acceptance,
    /// As the run's report has it.
    pub purity: BTreeMap<String, Purity>,
    pub roles: Vec<RoleAudit>,
    /// Roles whose replies could not all be read as they came.
    pub replies: Vec<ReplyAudit>,
    pub calls_journaled: u64,
    /// How many of them were read; fewer than all = a uniform sample.
    pub calls_read: u64,
    pub blobs: u64,
    /// How many of them were hashed.
    pub blobs_hashed: u64,
    /// Calls journaled more than once.
    pub paid_twice: u64,
    /// What was in flight when processes were killed: it may have been paid twice, too.
    pub sessions: Sessions,
    pub findings: Vec<Finding>,
}

impl AuditReport {
    pub fn of(run: &str, facts: &Facts) -> AuditReport {
        let report = facts.report.as_ref();
        let costs: Costs = facts.journal.calls.iter().map(|(key, c)| (*key, c.cost)).collect();
        AuditReport {
            run: run.to_owned(),
            pipeline: facts.shape.pipeline.clone(),
            seed: facts.shape.seed,
            simulated: facts.shape.simulated || report.is_some_and(|r| r.simulated),
            complete: report.is_some_and(|r| r.complete) && !facts.from_ledger,
            funnel: funnel(&facts.index, &facts.shape, &costs),
            strata: report.map(|r| r.dataset.strata.clone()).unwrap_or_default(),
            acceptance: facts.dataset.as_ref().map(|d| d.acceptance.clone()).unwrap_or_default(),
            purity: report.map(|r| r.dataset.purity.clone()).unwrap_or_default(),
            roles: roles(&facts.journal),
            replies: replies(&facts.index, &facts.shape, &facts.journal),
            calls_journaled: facts.journal.len,
            calls_read: facts.journal.calls.len() as u64,
            blobs: facts.blobs.present.len() as u64,
            blobs_hashed: facts.blobs.hashed,
            paid_twice: facts.journal.twice.len() as u64,
            sessions: facts.sessions,
            findings: findings(facts),
        }
    }

    /// Whether any finding is an error.
    pub fn broken(&self) -> bool {
        self.findings.iter().any(|f| f.severity == Severity::Error)
    }
}
