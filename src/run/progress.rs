//! What a run is doing now, for whoever draws it: counters only, no lock on a hot path.

use crate::record::NanoUsd;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A stage's counters at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageNow {
    pub stage: String,
    /// Records inside it.
    pub inside: u64,
    pub passed: u64,
    pub dropped: u64,
    pub failed: u64,
    /// Of its calls, replayed ones too.
    pub cost: NanoUsd,
    /// Nothing more will come.
    pub done: bool,
    /// Its records wait for the whole stream.
    pub barrier: bool,
}

/// Shared between the engine (writes) and the drawer (reads).
#[derive(Default)]
pub struct Progress {
    stages: Mutex<Vec<std::sync::Arc<Cell>>>,
    /// Records expected from the sources, 0 when unknown.
    pub expected: AtomicU64,
    pub in_flight: AtomicU64,
    sealed: Mutex<Option<crate::stage::Sealed>>,
}

/// One stage's counters.
#[derive(Default)]
pub struct Cell {
    pub name: String,
    pub inside: AtomicU64,
    pub passed: AtomicU64,
    pub dropped: AtomicU64,
    pub failed: AtomicU64,
    /// Nano-dollars.
    pub cost: AtomicU64,
    pub done: AtomicBool,
    pub barrier: AtomicBool,
}

impl Progress {
    pub fn set_sealed(&self, sealed: crate::stage::Sealed) {
        *self.sealed.lock().unwrap_or_else(PoisonError::into_inner) = Some(sealed);
    }

    /// What the sink made, once it has.
    pub fn sealed(&self) -> Option<crate::stage::Sealed> {
        self.sealed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn start(&self, names: impl Iterator<Item = String>) -> Vec<std::sync::Arc<Cell>> {
        let cells: Vec<_> =
            names.map(|name| std::sync::Arc::new(Cell { name, ..Cell::default() })).collect();
        *self.stages.lock().unwrap_or_else(PoisonError::into_inner) = cells.clone();
        cells
    }

    pub fn now(&self) -> Vec<StageNow> {
        let cells = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let get = |n: &AtomicU64| n.load(Ordering::Relaxed);
        cells
            .iter()
            .map(|cell| StageNow {
                stage: cell.name.clone(),
                inside: get(&cell.inside),
                passed: get(&cell.passed),
                dropped: get(&cell.dropped),
                failed: get(&cell.failed),
                cost: NanoUsd(get(&cell.cost)),
                done: cell.done.load(Ordering::Relaxed),
                barrier: cell.barrier.load(Ordering::Relaxed),
            })
            .collect()
    }
}
