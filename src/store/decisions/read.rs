//! The decisions of a RUN, wherever they lie: tables at the root, else each shard's tables or
//! ledger.

use crate::record::Decision;
use crate::store::decisions::ledger::{ledger_rows, ledger_stages};
use crate::store::decisions::{Slim, decode_decisions, scan_slim_part};
use crate::store::{Layout, Store, StoreError};
use std::collections::BTreeSet;

/// Stages that have decisions, sorted by name.
pub async fn decision_stages(store: &Store) -> Result<Vec<String>, StoreError> {
    let mut stages = BTreeSet::new();
    for root in roots(store).await? {
        let folder = join(&root, Layout::STAGES);
        for (name, _) in store.list(&folder).await? {
            let rest = name.strip_prefix(&folder).map(|rest| rest.trim_start_matches('/'));
            if let Some((stage, _)) = rest.and_then(|rest| rest.split_once('/')) {
                stages.insert(stage.to_string());
            }
        }
        stages.extend(ledger_stages(store, &root).await?);
    }
    Ok(stages.into_iter().collect())
}

/// Every decision of `stage`, in memory at once; `scan_decisions` needs less.
pub async fn read_decisions(store: &Store, stage: &str) -> Result<Vec<Decision>, StoreError> {
    let mut rows = Vec::new();
    scan_decisions(store, stage, &mut |row| rows.push(row)).await?;
    Ok(rows)
}

/// Every decision of `stage`, a part at a time.
pub async fn scan_decisions(
    store: &Store,
    stage: &str,
    each: &mut (dyn FnMut(Decision) + Send),
) -> Result<(), StoreError> {
    for source in sources(store, stage).await? {
        match source {
            Rows::Part(name) => decode_decisions(store.get(&name).await?, each)
                .map_err(|what| StoreError::damaged(store.place(&name), what))?,
            Rows::Ledger(rows) => rows.into_iter().for_each(&mut *each),
        }
    }
    Ok(())
}

/// Every decision of `stage`, only what a funnel needs of it.
pub async fn scan_slim(
    store: &Store,
    stage: &str,
    each: &mut (dyn FnMut(Slim<'_>) + Send),
) -> Result<(), StoreError> {
    for source in sources(store, stage).await? {
        match source {
            Rows::Part(name) => scan_slim_part(store.get(&name).await?, each)
                .map_err(|what| StoreError::damaged(store.place(&name), what))?,
            Rows::Ledger(rows) => rows.iter().for_each(|row| each(slim(row))),
        }
    }
    Ok(())
}

fn slim(row: &Decision) -> Slim<'_> {
    Slim {
        disposition: row.disposition,
        category: &row.category,
        source: &row.source,
        port: &row.port,
        reason: &row.reason,
        score: row.evidence.score,
        cost: row.cost,
    }
}

enum Rows {
    Part(String),
    Ledger(Vec<Decision>),
}

/// Where the decisions of `stage` lie. Parts are read one at a time, by whoever scans.
async fn sources(store: &Store, stage: &str) -> Result<Vec<Rows>, StoreError> {
    let mut sources = Vec::new();
    for root in roots(store).await? {
        let mut parts = parts(store, &root, stage).await?;
        if parts.is_empty() {
            let rows = ledger_rows(store, &root, stage).await?;
            // The run may have written its tables, then cleared its ledger, since we looked.
            if rows.is_empty() {
                parts = self::parts(store, &root, stage).await?;
            } else {
                sources.push(Rows::Ledger(rows));
            }
        }
        sources.extend(parts.into_iter().map(Rows::Part));
        // Tables at the root are of all shards.
        if root.is_empty() && matches!(sources.first(), Some(Rows::Part(..))) {
            break;
        }
    }
    Ok(sources)
}

async fn parts(store: &Store, root: &str, stage: &str) -> Result<Vec<String>, StoreError> {
    let folder = format!("{}/{stage}", join(root, Layout::STAGES));
    let names = store.list(&folder).await?.into_iter().map(|(name, _)| name);
    Ok(names.filter(|name| name.ends_with(".parquet")).collect())
}

/// The RUN's own root (empty), then its shards'.
async fn roots(store: &Store) -> Result<Vec<String>, StoreError> {
    let mut roots = BTreeSet::from([String::new()]);
    for (name, _) in store.list("shards").await? {
        if let Some(shard) = name.split('/').nth(1) {
            roots.insert(format!("shards/{shard}"));
        }
    }
    Ok(roots.into_iter().collect())
}

fn join(root: &str, folder: &str) -> String {
    if root.is_empty() { folder.to_string() } else { format!("{root}/{folder}") }
}
