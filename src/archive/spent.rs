//! What the journaled calls of a RUN have cost: `--budget` is for all runs on it together.

use crate::archive::error::ArchiveError;
use crate::journal::ReadJournal;
use crate::record::{KeptBudget, NanoUsd};
use crate::store::{Layout, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};

/// By every process that ever worked on the RUN at `store`, which need not be there yet.
pub async fn spent(store: &Store) -> Result<NanoUsd, ArchiveError> {
    let mut cost = NanoUsd(0);
    let journal = ReadJournal::open(store).await?;
    journal.scan_bought(&mut |bought, _| cost += bought.reply.cost).await?;
    Ok(cost)
}

/// What all runs on the RUN at `store` may spend together, as the last command that bounded it said.
pub async fn budget(store: &Store) -> Result<Option<NanoUsd>, ArchiveError> {
    let bytes = match store.get(Layout::BUDGET).await {
        Err(StoreError::NotFound { .. }) => return Ok(None),
        bytes => bytes?,
    };
    let kept: Result<KeptBudget, _> = serde_json::from_slice(&bytes);
    let kept =
        kept.map_err(|source| ArchiveError::Budget { place: store.place(Layout::BUDGET), source })?;
    Ok(Some(NanoUsd(kept.nano_usd)))
}

/// By the processes of each shard, by the shard's folder (`Layout::shard`).
pub async fn spent_by_shard(store: &Store) -> Result<BTreeMap<String, NanoUsd>, ArchiveError> {
    let names = store.list(Layout::SHARDS).await?;
    let folder = |(name, _): &(String, u64)| match name.splitn(3, '/').collect::<Vec<_>>()[..] {
        [shards, shard, _] => Some(format!("{shards}/{shard}")),
        _ => None,
    };
    let folders: BTreeSet<String> = names.iter().filter_map(folder).collect();
    let mut out = BTreeMap::new();
    for folder in folders {
        let cost = spent(&store.under(&folder)).await?;
        out.insert(folder, cost);
    }
    Ok(out)
}
