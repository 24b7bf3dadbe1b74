//! The journal as others see it: opened for reading, or for writing with every earlier writer
//! fenced off.

use crate::call::Reply;
use crate::env::Env;
use crate::journal::bytes::{self, Short};
use crate::journal::catalog::Catalog;
use crate::journal::compact;
use crate::journal::company::Company;
use crate::journal::entry::{self, Bought, Entry, Line, Replayed};
use crate::journal::error::{Damage, JournalError};
use crate::journal::wanted::Wanted;
use crate::journal::writer::{self, Writer};
use crate::record::CallKey;
use crate::store::{Store, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// The journal, for reading only: what `audit`, `view`, `export` and replays use. Never fences.
/// It knows what was there when it was opened, or last refreshed.
pub struct ReadJournal {
    catalog: Catalog,
}

impl ReadJournal {
    /// Reads the headers of every segment under `store` (a RUN's root): `journal/` and
    /// `shards/*/journal/`.
    pub async fn open(store: &Store) -> Result<ReadJournal, StoreError> {
        Ok(ReadJournal { catalog: Catalog::open(store, Wanted::ALL).await? })
    }

    /// As if nothing but `keys` had ever been called: a fifth of the time of `open` for who looks
    /// up one record.
    pub async fn open_for(store: &Store, keys: &[CallKey]) -> Result<ReadJournal, StoreError> {
        ReadJournal::open_for_short(store, keys.iter().map(bytes::short)).await
    }

    /// `open_for` of short keys.
    pub async fn open_for_short(
        store: &Store,
        keys: impl Iterator<Item = Short>,
    ) -> Result<ReadJournal, StoreError> {
        Ok(ReadJournal { catalog: Catalog::open(store, Wanted::these(keys)).await? })
    }

    /// Takes in what a live run has journaled since.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        self.catalog.refresh().await
    }

    /// Distinct calls.
    pub fn len(&self) -> usize {
        self.catalog.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn contains(&self, key: &CallKey) -> bool {
        self.catalog.contains(key)
    }

    pub async fn get(&self, key: &CallKey) -> Result<Option<Entry>, StoreError> {
        self.catalog.get(key).await
    }

    /// The reply alone: cheaper than `get`.
    pub async fn reply(&self, key: &CallKey) -> Result<Option<Reply>, StoreError> {
        Ok(self.catalog.get::<Replayed>(key).await?.map(|line| line.reply))
    }

    /// Every entry, segment by segment (segments read whole and one at a time); duplicates of a
    /// key after the first are given too, flagged true: calls that were paid twice. Of a journal that was
    /// opened for some keys, theirs.
    pub async fn scan(&self, each: &mut (dyn FnMut(Entry, bool) + Send)) -> Result<(), StoreError> {
        self.catalog.scan(each).await
    }

    /// `scan` for who wants to know what calls were for and what they took.
    pub async fn scan_bought(
        &self,
        each: &mut (dyn FnMut(Bought, bool) + Send),
    ) -> Result<(), StoreError> {
        self.catalog.scan(each).await
    }

    /// What could not be read so far: at opening, by `get`, or by a `scan` (which reads all that it was opened for).
    pub fn damage(&self) -> Vec<Damage> {
        self.catalog.damage()
    }
}

/// The journal opened for writing: fences every earlier writer of the RUN.
pub struct Journal {
    catalog: Arc<Catalog>,
    writer: Writer,
    company: Company,
}

impl Journal {
    /// `root` is the RUN (for reading all shards' journals); `dir` where this process writes
    /// (`journal`, or `shards/0000-of-0002/journal`). `commit_wait` is the longest time a reply
    /// waits for company before its group is written; at a bucket, five times that (a shard's ten times)
    /// where its group is a small part of the calls in flight.
    pub async fn open(
        env: Env,
        root: &Store,
        dir: &str,
        commit_wait: Duration,
    ) -> Result<Journal, JournalError> {
        // Fence first, list after: then nothing that the earlier writer was told is durable can
        // be missing from the list.
        let fence = writer::fence(&env, root, dir).await?;
        root.clean(dir, env.unix_ms().saturating_sub(Store::STALE_MS))?;
        let catalog = Arc::new(Catalog::open(root, Wanted::ALL).await?);
        compact::finish_earlier(&catalog, dir).await?;
        let company = Company::default();
        let writer = Writer::start(env, Arc::clone(&catalog), fence, commit_wait, company.clone());
        Ok(Journal { catalog, writer, company })
    }

    /// So many calls are in flight now.
    pub(super) fn in_flight(&self, calls: usize) {
        self.company.set(calls);
    }

    /// Distinct calls.
    pub fn len(&self) -> usize {
        self.catalog.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn contains(&self, key: &CallKey) -> bool {
        self.catalog.contains(key)
    }

    /// Whether `key` was bought and journaled once, so that there is no other reply to it.
    pub fn holds_once(&self, key: &CallKey) -> bool {
        self.catalog.holds_once(key)
    }

    pub async fn get(&self, key: &CallKey) -> Result<Option<Entry>, StoreError> {
        self.catalog.get(key).await
    }

    /// The reply alone: cheaper than `get`.
    pub async fn reply(&self, key: &CallKey) -> Result<Option<Reply>, StoreError> {
        Ok(self.catalog.get::<Replayed>(key).await?.map(|line| line.reply))
    }

    /// Of what was bought again, the next copy counts from now on; of what was not, none. For an
    /// entry whose image is lost.
    pub(super) fn pass_over(&self, key: &CallKey) {
        self.catalog.pass_over(key);
    }

    /// Durable when it returns.
    pub async fn append(&self, entry: Entry) -> Result<(), JournalError> {
        self.keep(entry.line()).await
    }

    /// `append` of what the caller keeps.
    pub(super) async fn keep(&self, line: Line<'_>) -> Result<(), JournalError> {
        let frame =
            entry::encode(line).map_err(|what| StoreError::other(self.writer.place(), what))?;
        self.writer.append(bytes::short(&line.key), frame).await
    }

    /// What could not be read so far.
    pub fn damage(&self) -> Vec<Damage> {
        self.catalog.damage()
    }

    /// Commits what waits and compacts small segments; call once at the end of a run.
    pub async fn close(&self) -> Result<(), JournalError> {
        self.writer.close().await
    }
}
