//! How a run is to be done: where, with which models, how much of the pool.

use crate::call::Model;
use crate::record::{Id, NanoUsd};
use crate::run::progress::Progress;
use crate::store::{Blobs, Store};
use std::sync::Arc;
use std::time::Duration;

/// A part of the records, by a hash of their ids: shard `index` of `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    pub index: u32,
    pub of: u32,
}

impl Shard {
    pub fn holds(self, id: Id) -> bool {
        id.keyed("shard", 0) % u64::from(self.of) == u64::from(self.index)
    }
}

/// How to run.
pub struct RunOptions {
    pub store: Store,
    pub blobs: Blobs,
    /// Buys calls; the journal is put over it here.
    pub model: Arc<dyn Model>,
    /// Whether `model` is the simulated world, in all roles or (`mixed`) in some.
    pub simulated: bool,
    /// Simulated and real replies may stand side by side: the RUN counts as simulated.
    pub mixed: bool,
    pub max_in_flight: usize,
    pub limit: Option<u64>,
    pub shard: Option<Shard>,
    /// Without `shard`, go on although shards are missing, and buy what they left.
    pub buy_missing: bool,
    /// Go on although the RUN was made by another pipeline.
    pub into_changed_pipeline: bool,
    /// The longest a reply waits for company before its group is written (see `Journal::open`).
    pub commit_wait: Duration,
    /// Whether replies are journaled in `store`; without, `model` answers from the journal of another RUN,
    /// where they are kept already, and no live ledger is written.
    pub journaled: bool,
    /// Whether to write the dataset's shards; without, its records are only counted.
    pub write_dataset: bool,
    /// What all runs on it may spend together: the RUN keeps it for those to come. `model` holds to it.
    pub budget: Option<NanoUsd>,
    pub progress: Arc<Progress>,
}
