//! What one record's walk from a producer to its end left behind it, as places in scratch files.
//!
//! Kept only where a shard leaves its walks for the run that assembles (`left`).

use crate::record::{CallKey, Decision, Disposition};
use crate::store::SpillRef;

/// One walk's; empty and free where nobody asks for it.
pub struct Trail(Option<Steps>);

/// See `Trail`.
#[derive(Debug, Default)]
pub struct Steps {
    /// Stages and their decisions' places in the ledger.
    pub decided: Vec<(usize, SpillRef)>,
    /// Barriers, and the record's places there.
    pub waits: Vec<(usize, SpillRef)>,
    /// The calls that were answered, each once.
    pub calls: Vec<CallKey>,
    /// A stage failed, which the next run tries again.
    pub failed: bool,
}

impl Trail {
    pub fn new(kept: bool) -> Trail {
        Trail(kept.then(Steps::default))
    }

    /// What `decision` used and how it ended; its place follows by `decided`.
    pub fn hear(&mut self, decision: &Decision) {
        let Some(steps) = &mut self.0 else { return };
        steps.failed |= decision.disposition == Disposition::Failed;
        for key in &decision.calls {
            if !steps.calls.contains(key) {
                steps.calls.push(*key);
            }
        }
    }

    pub fn decided(&mut self, at: usize, place: SpillRef) {
        if let Some(steps) = &mut self.0 {
            steps.decided.push((at, place));
        }
    }

    pub fn waits(&mut self, at: usize, place: SpillRef) {
        if let Some(steps) = &mut self.0 {
            steps.waits.push((at, place));
        }
    }

    /// None where it was not kept.
    pub fn into_steps(self) -> Option<Steps> {
        self.0
    }
}
