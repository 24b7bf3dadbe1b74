//! The ledger: every decision, counted at once and kept for the stage tables.
//!
//! Rows wait in a scratch file (28 bytes of memory each) until the end, when they are sorted by id
//! and written as Parquet; meanwhile the live ledger in the RUN tells readers what happened.

use crate::record::{Decision, Disposition, Id, NanoUsd, StageReport};
use crate::run::progress::Cell;
use crate::stage::StageError;
use crate::store::{Spill, SpillRef, StoreError};
use parking_lot::Mutex;
use serde::Deserialize;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Decisions of all stages.
pub struct Ledger {
    spill: Spill,
    stages: Vec<Mutex<StageLedger>>,
    cells: Vec<Arc<Cell>>,
    /// Lines for the live ledger: a decision is written as JSON once.
    live: Mutex<Vec<Vec<u8>>>,
}

#[derive(Default)]
struct StageLedger {
    rows: Vec<(Id, SpillRef)>,
    report: StageReport,
    cost: NanoUsd,
}

/// What is counted of a decision.
#[derive(Debug, Deserialize)]
pub struct Counted {
    id: Id,
    disposition: Disposition,
    port: String,
    reason: String,
    cost: NanoUsd,
}

impl Ledger {
    pub fn new(cells: Vec<Arc<Cell>>) -> Result<Ledger, StoreError> {
        let stages = cells
            .iter()
            .map(|cell| {
                let report = StageReport { stage: cell.name.clone(), ..StageReport::default() };
                Mutex::new(StageLedger { report, ..StageLedger::default() })
            })
            .collect();
        Ok(Ledger { spill: Spill::new()?, stages, cells, live: Mutex::default() })
    }

    /// Counts and keeps one decision of stage `index`.
    pub fn record(&self, index: usize, decision: Decision) -> Result<SpillRef, StoreError> {
        let bytes =
            serde_json::to_vec(&decision).map_err(|e| StoreError::unreadable("ledger", e))?;
        let Decision { id, disposition, port, reason, cost, .. } = decision;
        self.take(index, bytes, &Counted { id, disposition, port, reason, cost })
    }

    /// `record` of a decision that is JSON already.
    pub fn take(
        &self,
        index: usize,
        json: Vec<u8>,
        counted: &Counted,
    ) -> Result<SpillRef, StoreError> {
        let at = self.spill.push(&json)?;
        {
            let mut stage = self.stages[index].lock();
            stage.rows.push((counted.id, at));
            stage.count(counted);
        }
        let cell = &self.cells[index];
        let counter = match counted.disposition {
            Disposition::Passed => &cell.passed,
            Disposition::Dropped => &cell.dropped,
            Disposition::Failed => &cell.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        cell.cost.fetch_add(counted.cost.0, Ordering::Relaxed);
        self.live.lock().push(json);
        Ok(at)
    }

    /// The decision at `at`, as JSON.
    pub fn json(&self, at: SpillRef) -> Result<Vec<u8>, StoreError> {
        self.spill.read(at)
    }

    /// The decisions since the last call, as JSON, for the live ledger.
    pub fn drain_live(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.live.lock())
    }

    pub fn cell(&self, index: usize) -> &Cell {
        &self.cells[index]
    }

    pub fn reports(&self) -> Vec<StageReport> {
        self.stages
            .iter()
            .map(|stage| {
                let stage = stage.lock();
                StageReport { cost_usd: stage.cost.usd(), ..stage.report.clone() }
            })
            .collect()
    }

    /// The rows of stage `index`, sorted by id; equal ids by content, so that the order is total.
    pub fn sorted(&self, index: usize) -> Vec<SpillRef> {
        let stage = self.stages[index].lock();
        let mut rows = stage.rows.clone();
        drop(stage);
        rows.sort_by(|a, b| {
            a.0.cmp(&b.0).then_with(|| {
                let read = |at| self.spill.read(at).unwrap_or_default();
                read(a.1).cmp(&read(b.1))
            })
        });
        rows.into_iter().map(|(_, at)| at).collect()
    }

    pub fn read(&self, at: SpillRef) -> Result<Decision, StoreError> {
        serde_json::from_slice(&self.spill.read(at)?)
            .map_err(|e| StoreError::unreadable("scratch file", e))
    }
}

impl StageLedger {
    fn count(&mut self, decision: &Counted) {
        let report = &mut self.report;
        report.entered += 1;
        self.cost += decision.cost;
        match decision.disposition {
            Disposition::Passed => {
                report.passed += 1;
                *report.ports.entry(decision.port.clone()).or_default() += 1;
            }
            Disposition::Dropped | Disposition::Failed => {
                if decision.disposition == Disposition::Dropped {
                    report.dropped += 1;
                } else {
                    report.failed += 1;
                    report.undecided += u64::from(decision.reason == StageError::UNDECIDED);
                }
                *report.reasons.entry(decision.reason.clone()).or_default() += 1;
            }
        }
    }
}
