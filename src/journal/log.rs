//! The segments: open, read, append by group commit, fence.

use crate::env::Env;
use crate::journal::Entry;
use crate::record::CallKey;
use crate::store::{Store, StoreError};
use std::time::Duration;

/// A part of the journal that could not be read; everything else is intact.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Damage {
    /// The segment's name.
    pub segment: String,
    pub offset: u64,
    pub what: String,
}

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process wrote to this RUN after we opened it.
    #[error("another coldstart process has taken over `{place}`")]
    Fenced { place: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The journal, for reading only: what `audit`, `view`, `export` and replays use. Never fences.
pub struct ReadJournal {}

impl ReadJournal {
    /// Reads the headers of every segment under `store` (a RUN's root): `journal/` and
    /// `shards/*/journal/`.
    pub async fn open(_store: &Store) -> Result<ReadJournal, StoreError> {
        unimplemented!()
    }

    pub fn len(&self) -> usize {
        unimplemented!()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn contains(&self, _key: &CallKey) -> bool {
        unimplemented!()
    }

    pub async fn get(&self, _key: &CallKey) -> Result<Option<Entry>, StoreError> {
        unimplemented!()
    }

    /// Every entry, segment by segment (segments read whole and one at a time); duplicates of a
    /// key after the first are given too, flagged true: calls that were paid twice.
    pub async fn scan(
        &self,
        _each: &mut (dyn FnMut(Entry, bool) + Send),
    ) -> Result<(), StoreError> {
        unimplemented!()
    }

    pub fn damage(&self) -> &[Damage] {
        unimplemented!()
    }
}

/// The journal opened for writing: fences every earlier writer of the RUN.
pub struct Journal {}

impl Journal {
    /// `root` is the RUN (for reading all shards' journals); `dir` where this process writes
    /// (`journal`, or `shards/0000-of-0002/journal`). `commit_wait` is the longest time a reply
    /// waits for company before its group is written.
    pub async fn open(
        _env: Env,
        _root: &Store,
        _dir: &str,
        _commit_wait: Duration,
    ) -> Result<Journal, JournalError> {
        unimplemented!()
    }

    pub fn len(&self) -> usize {
        unimplemented!()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub async fn get(&self, _key: &CallKey) -> Result<Option<Entry>, StoreError> {
        unimplemented!()
    }

    /// Durable when it returns.
    pub async fn append(&self, _entry: Entry) -> Result<(), JournalError> {
        unimplemented!()
    }

    pub fn damage(&self) -> &[Damage] {
        unimplemented!()
    }

    /// Commits what waits and compacts small segments; call once at the end of a run.
    pub async fn close(&self) -> Result<(), JournalError> {
        unimplemented!()
    }
}
