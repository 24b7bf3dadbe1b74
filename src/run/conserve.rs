//! The law that no record is lost, held at the end of a run. `audit` holds the same law over a RUN's
//! tables and trusts no counter of ours.
//!
//! What arrived is counted by the walk, what was decided by the ledger, and what was sent by the
//! ports of the stages before; three counts by three hands must agree.

use crate::run::engine::{Engine, Node};
use std::sync::atomic::Ordering;

/// What breaks the law, a line each; empty when all is well. Only of a complete run without shards.
pub fn broken(engine: &Engine) -> Vec<String> {
    let reports = engine.ledger.reports();
    let mut out = Vec::new();
    for (index, (name, report)) in engine.names.iter().zip(&reports).enumerate() {
        let arrived = engine.ledger.cell(index).arrived.load(Ordering::Relaxed);
        if arrived != report.entered {
            out.push(format!("stage `{name}`: {arrived} records came, {} decided", report.entered));
        }
        if matches!(engine.nodes[index], Node::Source { .. }) {
            continue;
        }
        let sent: u64 = engine
            .edges
            .iter()
            .filter(|e| e.to == index)
            .map(|e| reports[e.from].ports.get(e.port).copied().unwrap_or(0))
            .sum();
        if sent != arrived {
            out.push(format!("stage `{name}`: {sent} records were sent, {arrived} came"));
        }
    }
    out
}
