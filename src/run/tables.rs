//! The end of a run: stage tables, report, live ledger.

use crate::env::joined;
use crate::journal::Journaled;
use crate::record::{CallsReport, DatasetReport, Decision, Report, RoleReport};
use crate::run::engine::{Engine, Node};
use crate::run::tally::Tally;
use crate::store::{DecisionWriter, Layout, SpillRef, Store, StoreError};
use futures::{StreamExt, TryStreamExt};
use std::sync::Arc;
use tokio::task::JoinError;

/// The report so far.
pub fn report(engine: &Engine, journaled: &Journaled, tally: &Tally, complete: bool) -> Report {
    let mut by_role = tally.by_role();
    let mut calls = CallsReport::default();
    for (role, counts) in journaled.counts() {
        let entry: &mut RoleReport = by_role.entry(role).or_default();
        entry.made += counts.made;
        entry.replayed += counts.replayed;
        calls.made += counts.made;
        calls.replayed += counts.replayed;
    }
    calls.by_role = by_role;
    calls.taken = tally.taken();
    let (uncounted, cost) = journaled.uncounted();
    (calls.uncounted, calls.uncounted_usd) = (uncounted, cost.usd());
    Report {
        stages: engine.ledger.reports(),
        calls,
        cost_usd: tally.cost().usd(),
        dataset: strata(engine),
        simulated: tally.simulated(),
        complete,
        ended: None,
    }
}

fn strata(engine: &Engine) -> DatasetReport {
    engine
        .nodes
        .iter()
        .filter_map(|node| match node {
            Node::Gate(gate) => gate.with_gather(|g| g.dataset_report()).flatten(),
            _ => None,
        })
        .next()
        .unwrap_or_default()
}

/// Tables written at once: encoding keeps a core busy, and a writer holds tens of megabytes.
const TABLES: usize = 4;

/// The place that errors of the scratch file name.
pub(super) const SCRATCH: &str = "scratch file";

/// Rows read from the scratch file together on another thread, while those before them are encoded; and so
/// many times those at once.
const TOGETHER: usize = 1024;
const AHEAD: usize = 2;

/// Writes `stages/<stage>/part-*.parquet` of all stages, rows by id: the same bytes however the run went.
/// Tables of stages that the pipeline no longer has go.
pub async fn write_tables(engine: &Arc<Engine>, store: &Store) -> Result<(), StoreError> {
    futures::stream::iter(0..engine.names.len())
        .map(|index| engine.env.spawn(write_table(engine.clone(), index, store.clone())))
        .buffer_unordered(TABLES)
        .map(|work| done(Layout::STAGES, work))
        .try_collect::<()>()
        .await?;
    for (path, _) in store.list(Layout::STAGES).await? {
        let stage = path.split('/').nth(1).unwrap_or_default();
        if !engine.names.iter().any(|name| name == stage) {
            store.delete(&path).await?;
        }
    }
    Ok(())
}

async fn write_table(engine: Arc<Engine>, index: usize, store: Store) -> Result<(), StoreError> {
    let mut table = DecisionWriter::new(store, &engine.names[index]);
    let sorted = engine.ledger.sorted(index);
    let read = |some: &[SpillRef]| {
        let (engine, some) = (engine.clone(), some.to_vec());
        let read = move || some.into_iter().map(|at| engine.ledger.read(at)).collect();
        let read = tokio::task::spawn_blocking(read);
        async { done(SCRATCH, read.await) }
    };
    let mut ahead = futures::stream::iter(sorted.chunks(TOGETHER).map(read)).buffered(AHEAD);
    while let Some(rows) = ahead.next().await {
        let rows: Vec<Decision> = rows?;
        for row in rows {
            table.push(row).await?;
        }
    }
    drop(ahead);
    table.finish().await.map(|_| ())
}

/// `joined`, where work reads or writes.
pub(super) fn done<T>(
    place: &str,
    work: Result<Result<T, StoreError>, JoinError>,
) -> Result<T, StoreError> {
    joined(work).unwrap_or_else(|error| Err(StoreError::of(place, error)))
}

/// Writes `report.json`.
pub async fn write_report(report: &Report, store: &Store) -> Result<(), StoreError> {
    let text = serde_json::to_vec_pretty(report).map_err(|e| StoreError::of(Layout::REPORT, e))?;
    store.put(Layout::REPORT, text.into()).await
}
