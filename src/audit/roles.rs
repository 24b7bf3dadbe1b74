//! Cost, latency and retries per role, from the journal's entries (all, or a uniform sample).

use crate::audit::facts::{CallFact, JournalFacts};
use crate::audit::stats::{Spread, Tally};
use crate::record::NanoUsd;
use serde::Serialize;

/// One role's calls. Sums are of the entries that were read; `RoleAudit::of` says how many.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoleAudit {
    pub role: String,
    /// Entries read.
    pub calls: u64,
    pub refused: u64,
    pub cost_usd: f64,
    pub tokens_in: u64,
    pub tokens_out: u64,
    pub images: u64,
    /// Milliseconds of the try that succeeded.
    pub latency_ms: Option<Spread>,
    /// Calls that needed more than one try.
    pub retried: u64,
    /// Tries beyond the first, over all calls.
    pub retries: u64,
}

/// Most expensive first.
pub fn roles(journal: &JournalFacts) -> Vec<RoleAudit> {
    let mut by_role: Vec<Vec<&CallFact>> = vec![Vec::new(); journal.roles.len()];
    for call in journal.calls.values() {
        if let Some(calls) = by_role.get_mut(call.role as usize) {
            calls.push(call);
        }
    }
    let mut out: Vec<RoleAudit> = journal
        .roles
        .iter()
        .zip(by_role)
        .filter(|(_, calls)| !calls.is_empty())
        .map(|(role, calls)| one(role, &calls))
        .collect();
    out.sort_by(|a, b| b.cost_usd.total_cmp(&a.cost_usd).then_with(|| a.role.cmp(&b.role)));
    out
}

fn one(role: &str, calls: &[&CallFact]) -> RoleAudit {
    let latencies: Tally = calls.iter().map(|c| f64::from(c.latency_ms)).collect();
    let sum = |of: fn(&CallFact) -> u64| calls.iter().map(|c| of(c)).sum::<u64>();
    RoleAudit {
        role: role.to_owned(),
        calls: calls.len() as u64,
        refused: sum(|c| u64::from(c.refused)),
        cost_usd: NanoUsd(sum(|c| c.cost)).usd(),
        tokens_in: sum(|c| u64::from(c.tokens_in)),
        tokens_out: sum(|c| u64::from(c.tokens_out)),
        images: sum(|c| u64::from(c.image.is_some())),
        latency_ms: latencies.spread(),
        retried: sum(|c| u64::from(c.attempts > 1)),
        retries: sum(|c| u64::from(c.attempts.saturating_sub(1))),
    }
}
