//! What a run is doing now, for whoever draws it: counters only, no lock on a hot path.
//! `watch` looks at them again and again, `table` makes text of what it sees.

mod table;
mod watch;

pub use table::{Room, Snapshot, role_words};
pub use watch::Watch;

use crate::export::dataset::Face;
use crate::record::NanoUsd;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

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
    /// Records that wait inside have come as far as they can before the pipeline's end.
    pub last: bool,
    /// Nothing comes after it.
    pub end: bool,
    /// It is given copies of records that go on elsewhere: what ends in it is no record's end.
    pub aside: bool,
}

/// Shared between the engine (writes) and the drawer (reads).
#[derive(Default)]
pub struct Progress {
    stages: Mutex<Vec<std::sync::Arc<Cell>>>,
    /// Records expected from the sources whose size is known.
    expected: AtomicI64,
    /// Sources whose size is not.
    unsized_sources: AtomicI64,
    pub in_flight: AtomicU64,
    /// What the user should hear of the sources.
    said: Mutex<Vec<String>>,
    /// The rows of a dataset that was counted and not written.
    counted: Mutex<Vec<Face>>,
}

/// One stage's counters.
#[derive(Default)]
pub struct Cell {
    pub name: String,
    /// Records that ever came; decisions are counted apart.
    pub arrived: AtomicU64,
    pub inside: AtomicU64,
    pub passed: AtomicU64,
    pub dropped: AtomicU64,
    pub failed: AtomicU64,
    /// Nano-dollars.
    pub cost: AtomicU64,
    pub done: AtomicBool,
    pub last: AtomicBool,
    pub end: AtomicBool,
    pub aside: AtomicBool,
}

impl Progress {
    /// Records that the sources bring; None while one of them is not read to its end.
    pub fn expected(&self) -> Option<u64> {
        let known = self.unsized_sources.load(Ordering::Relaxed) == 0;
        known.then(|| u64::try_from(self.expected.load(Ordering::Relaxed)).unwrap_or(0))
    }

    /// So many records more (or fewer) will come.
    pub fn expect(&self, more: i64) {
        self.expected.fetch_add(more, Ordering::Relaxed);
    }

    /// So many more (or fewer) sources are of unknown size.
    pub fn expect_unsized(&self, more: i64) {
        self.unsized_sources.fetch_add(more, Ordering::Relaxed);
    }

    /// Something that the user should hear when the run is over.
    pub fn say(&self, what: String) {
        self.said.lock().push(what);
    }

    /// What was said, in order.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().clone()
    }

    /// A row that a dataset would have had.
    pub fn count_row(&self, face: Face) {
        self.counted.lock().push(face);
    }

    /// The rows of a dataset that was counted and not written.
    pub fn counted(&self) -> Vec<Face> {
        self.counted.lock().clone()
    }

    pub fn start(&self, names: impl Iterator<Item = String>) -> Vec<std::sync::Arc<Cell>> {
        let cells: Vec<_> =
            names.map(|name| std::sync::Arc::new(Cell { name, ..Cell::default() })).collect();
        *self.stages.lock() = cells.clone();
        cells
    }

    pub fn now(&self) -> Vec<StageNow> {
        let cells = self.stages.lock();
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
                last: cell.last.load(Ordering::Relaxed),
                end: cell.end.load(Ordering::Relaxed),
                aside: cell.aside.load(Ordering::Relaxed),
            })
            .collect()
    }
}
