//! The funnel: what entered, passed, dropped and failed at each stage, why, and for how much;
//! over all records and per category and source.

use crate::archive::Shape;
use crate::audit::index::{HashedMap, HashedSet, Index, StageRows};
use crate::record::{CallKey, Disposition, NanoUsd};
use crate::stage::Does;
use serde::Serialize;
use std::collections::BTreeMap;

/// All counts of a RUN.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Funnel {
    pub records: u64,
    pub rows: u64,
    pub stages: Vec<StageFunnel>,
    /// Records entering each stage, by category; the columns are `stages`.
    pub by_category: Vec<Split>,
    pub by_source: Vec<Split>,
    /// Distinct calls over all stages.
    pub calls: u64,
    /// Uses of a call beyond its first: records with equal requests.
    pub shared_uses: u64,
    /// The sum of the stages' costs, counting a shared call once.
    pub cost_usd: f64,
    /// Records that passed the last stage.
    pub kept: u64,
    /// Calls and dollars of canaries, which are in `calls` and `cost_usd` and in no price of a kept record.
    pub canary_calls: u64,
    pub canary_usd: f64,
    pub cost_per_kept_usd: Option<f64>,
    pub calls_per_kept: Option<f64>,
}

/// What each journaled call cost, 1e-9 US dollars, as far as the journal was read.
pub type Costs = HashedMap<CallKey, u64>;

/// One stage's counts.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct StageFunnel {
    pub stage: String,
    pub kind: String,
    #[serde(rename = "in")]
    pub entered: u64,
    pub passed: u64,
    pub dropped: u64,
    pub failed: u64,
    /// Of dropped and failed rows.
    pub reasons: BTreeMap<String, u64>,
    /// Remarks on passed rows.
    pub remarks: BTreeMap<String, u64>,
    pub ports: BTreeMap<String, u64>,
    /// Distinct calls first used at this stage.
    pub calls: u64,
    pub cost_usd: f64,
}

impl StageFunnel {
    /// Passed share of what entered, 0..=1; 1 for an empty stage.
    pub fn kept_share(&self) -> f64 {
        if self.entered == 0 { 1.0 } else { self.passed as f64 / self.entered as f64 }
    }
}

/// The funnel of one category or source.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Split {
    pub name: String,
    pub records: u64,
    /// By stage, as are `dropped`.
    pub entered: Vec<u64>,
    pub dropped: Vec<u64>,
    /// Passed the last stage.
    pub kept: u64,
}

/// Counts everything. Linear in the rows. With `costs` of all calls the money is exact.
pub fn funnel(index: &Index, shape: &Shape, costs: &Costs) -> Funnel {
    let uses: usize = index.stages.iter().map(|s| s.calls.all().len()).sum();
    let mut seen = HashedSet::with_capacity_and_hasher(uses, Default::default());
    let mut out = Funnel {
        records: index.records.len() as u64,
        rows: index.rows() as u64,
        ..Funnel::default()
    };
    for rows in &index.stages {
        let mut stage = count(rows, index);
        stage.kind = shape.kind(&rows.stage).to_owned();
        let mut cost = NanoUsd(0);
        for row in 0..rows.len() {
            let calls = rows.calls.get(row);
            let (mut fresh, mut known) = (0, Some(0));
            for key in calls.iter().filter(|key| seen.insert(**key)) {
                fresh += 1;
                known = known.zip(costs.get(key)).map(|(sum, cost)| sum + cost);
            }
            stage.calls += fresh;
            cost += NanoUsd(cost_of(fresh, calls.len() as u64, rows.cost[row], known));
        }
        stage.cost_usd = cost.usd();
        out.cost_usd += stage.cost_usd;
        if shape.known(&rows.stage).is_some_and(|kind| kind.does == Does::Canary) {
            out.canary_calls += stage.calls;
            out.canary_usd += stage.cost_usd;
        }
        out.stages.push(stage);
    }
    out.calls = seen.len() as u64;
    out.shared_uses = uses as u64 - out.calls;
    out.by_category = split(index, &index.records.category);
    out.by_source = split(index, &index.records.source);
    out.kept = out.stages.last().map_or(0, |s| s.passed);
    let per_kept = |sum: f64| (out.kept > 0).then(|| sum / out.kept as f64);
    out.cost_per_kept_usd = per_kept(out.cost_usd - out.canary_usd);
    out.calls_per_kept = per_kept((out.calls - out.canary_calls) as f64);
    out
}

/// What the `fresh` calls of a row cost, those that no row before it used. The row's own cost is of
/// all its calls together: where some were counted before and it is not `known` what each cost, it
/// is shared out evenly.
fn cost_of(fresh: u64, calls: u64, row_cost: u64, known: Option<u64>) -> u64 {
    if fresh == calls { row_cost } else { known.unwrap_or(row_cost / calls * fresh) }
}

fn count(rows: &StageRows, index: &Index) -> StageFunnel {
    let mut out = StageFunnel {
        stage: rows.stage.clone(),
        entered: rows.len() as u64,
        ..StageFunnel::default()
    };
    let mut reasons = vec![0u64; index.names.len()];
    let mut remarks = vec![0u64; index.names.len()];
    let mut ports = vec![0u64; index.names.len()];
    for row in 0..rows.len() {
        let reason = rows.reason[row] as usize;
        match rows.disposition[row] {
            Disposition::Passed => {
                out.passed += 1;
                ports[rows.port[row] as usize] += 1;
                remarks[reason] += 1;
            }
            Disposition::Dropped => {
                out.dropped += 1;
                reasons[reason] += 1;
            }
            Disposition::Failed => {
                out.failed += 1;
                reasons[reason] += 1;
            }
        }
    }
    remarks[0] = 0; // passed without remark
    let named = |counts: Vec<u64>| -> BTreeMap<String, u64> {
        counts
            .into_iter()
            .enumerate()
            .filter(|(_, n)| *n > 0)
            .map(|(name, n)| (index.names.get(name as u32).to_owned(), n))
            .collect()
    };
    out.reasons = named(reasons);
    out.remarks = named(remarks);
    out.ports = named(ports);
    out
}

/// By a property of the record; most numerous first.
fn split(index: &Index, of: &[u32]) -> Vec<Split> {
    let stages = index.stages.len();
    let none = |name| Split {
        name: index.names.get(name as u32).to_owned(),
        records: 0,
        entered: vec![0; stages],
        dropped: vec![0; stages],
        kept: 0,
    };
    let mut out: Vec<Split> = (0..index.names.len()).map(none).collect();
    for name in of {
        out[*name as usize].records += 1;
    }
    for (s, rows) in index.stages.iter().enumerate() {
        for (record, disposition) in rows.record.iter().zip(&rows.disposition) {
            let split = &mut out[of[*record as usize] as usize];
            split.entered[s] += 1;
            split.dropped[s] += u64::from(*disposition == Disposition::Dropped);
            let last = s + 1 == stages && *disposition == Disposition::Passed;
            split.kept += u64::from(last);
        }
    }
    out.retain(|split| split.records > 0);
    out.sort_by(|a, b| b.records.cmp(&a.records).then_with(|| a.name.cmp(&b.name)));
    out
}
