//! Stage tables read from a RUN: Parquet parts, or the ledger of a run that is live or was stopped.
//!
//! The rule which of them counts (this module's parent says it) is `find`, and every reading of
//! rows begins there. A part that cannot be read is named, and the others are still read.

use crate::archive::columns::{Columns, Reading};
use crate::archive::decode::columns;
use crate::archive::error::{ArchiveError, Unreadable};
use crate::archive::ledger::{self, Only};
use crate::archive::lookup;
use crate::archive::shape::Shape;
use crate::record::{Cause, Decision, Id};
use crate::store::{Layout, Store, StoreError, decode_decisions};
use futures::StreamExt;
use std::collections::{BTreeMap, HashMap};

/// What is to be said of tables that were read.
#[derive(Debug, Default)]
pub struct Seen {
    pub unreadable: Vec<Unreadable>,
    /// The rows come from the ledger of a live or stopped run.
    pub from_ledger: bool,
}

impl Seen {
    /// For who would draw wrong conclusions from a part of the tables.
    ///
    /// # Errors
    /// `Damaged` where a part could not be read.
    pub fn whole(self) -> Result<(), ArchiveError> {
        self.unreadable.into_iter().next().map_or(Ok(()), |part| Err(part.into()))
    }
}

/// Where the rows that count lie.
enum Rows {
    /// Stage -> its parts, sorted.
    Parts(BTreeMap<String, Vec<String>>),
    /// The ledger's objects, oldest first.
    Ledger(Vec<String>),
}

/// Parts decoded at a time.
const AT_ONCE: usize = 4;
/// How often a run may end while its ledger is read.
const LOOKS: usize = 4;

/// The rule of the parent's header.
async fn find(store: &Store) -> Result<Rows, StoreError> {
    let of_the_run = ledger::objects(store, Layout::LEDGER).await?;
    if !of_the_run.is_empty() {
        return Ok(Rows::Ledger(of_the_run));
    }
    let parts = parts(store).await?;
    if !parts.is_empty() {
        return Ok(Rows::Parts(parts));
    }
    Ok(Rows::Ledger(ledger::objects(store, Layout::SHARDS).await?))
}

async fn parts(store: &Store) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, _) in store.list(Layout::STAGES).await? {
        let mut path = name.split('/');
        if let (Some(_), Some(stage), Some(part), None) =
            (path.next(), path.next(), path.next(), path.next())
            && part.ends_with(".parquet")
        {
            out.entry(stage.to_owned()).or_default().push(name.clone());
        }
    }
    Ok(out)
}

fn restless(store: &Store) -> ArchiveError {
    ArchiveError::Restless { place: store.uri() }
}

/// Whether the rows that count are those of a ledger.
pub async fn are_in_ledger(store: &Store) -> Result<bool, ArchiveError> {
    Ok(matches!(find(store).await?, Rows::Ledger(objects) if !objects.is_empty()))
}

/// Names of the stages that have rows; those of a ledger in the order they first appear.
pub async fn stages(store: &Store) -> Result<Vec<String>, ArchiveError> {
    Ok(match find(store).await? {
        Rows::Parts(parts) => parts.into_keys().collect(),
        Rows::Ledger(names) => ledger::stages(store, &names).await?,
    })
}

/// Every table, in the order of `shape`; stages without rows are empty. One after the other, since all of them take
/// hundreds of megabytes with a million rows.
pub async fn each_table(
    store: &Store,
    shape: &Shape,
    reading: Reading,
    each: &mut (dyn FnMut(Columns) + Send),
) -> Result<Seen, ArchiveError> {
    for _ in 0..LOOKS {
        let names = match find(store).await? {
            Rows::Parts(parts) => return Ok(from_parts(store, shape, parts, reading, each).await),
            Rows::Ledger(names) => names,
        };
        if let Some((tables, seen)) = from_ledger(store, shape, &names, reading).await? {
            tables.into_iter().for_each(each);
            return Ok(seen);
        }
    }
    Err(restless(store))
}

async fn from_parts(
    store: &Store,
    shape: &Shape,
    mut parts: BTreeMap<String, Vec<String>>,
    reading: Reading,
    each: &mut (dyn FnMut(Columns) + Send),
) -> Seen {
    let mut seen = Seen::default();
    let mut jobs: Vec<(usize, String)> = Vec::new();
    for (at, stage) in shape.stages.iter().enumerate() {
        let names = parts.remove(&stage.name).unwrap_or_default();
        jobs.extend(names.into_iter().map(|name| (at, name)));
    }
    let mut decoded = futures::stream::iter(jobs)
        .map(|(at, name)| async move { (at, part(store, &name, reading).await, name) })
        .buffered(AT_ONCE);
    let mut tables: Vec<Columns> = shape.stages.iter().map(|s| Columns::new(&s.name)).collect();
    let mut given = 0;
    while let Some((at, part, name)) = decoded.next().await {
        tables[given..at].iter_mut().for_each(|table| each(std::mem::take(table)));
        given = at;
        match part {
            Ok(part) => tables[at].append(part),
            Err(what) => seen.unreadable.push(Unreadable { name, what }),
        }
    }
    drop(decoded);
    tables.drain(given..).for_each(each);
    seen
}

async fn part(store: &Store, name: &str, reading: Reading) -> Result<Columns, Cause> {
    let bytes = store.get(name).await.map_err(Cause::new)?;
    let work = tokio::task::spawn_blocking(move || columns(bytes, reading));
    work.await.map_err(Cause::new)?
}

/// None when the run ended meanwhile.
async fn from_ledger(
    store: &Store,
    shape: &Shape,
    names: &[String],
    reading: Reading,
) -> Result<Option<(Vec<Columns>, Seen)>, ArchiveError> {
    let mut all: Vec<Columns> = shape.stages.iter().map(|s| Columns::new(&s.name)).collect();
    let number: HashMap<&str, usize> =
        shape.stages.iter().enumerate().map(|(at, s)| (s.name.as_str(), at)).collect();
    let damaged = ledger::last_rows(store, names, Only::default(), &mut |row| {
        if let Some(at) = number.get(row.stage.as_str()) {
            all[*at].push(&row, reading);
        }
    })
    .await?;
    Ok(damaged.map(|unreadable| {
        let from_ledger = all.iter().any(|columns| !columns.is_empty());
        (all.into_iter().map(Columns::by_id).collect(), Seen { unreadable, from_ledger })
    }))
}

/// Every row of a stage, whole.
pub async fn each(
    store: &Store,
    stage: &str,
    each: &mut (dyn FnMut(Decision) + Send),
) -> Result<Vec<Unreadable>, ArchiveError> {
    for _ in 0..LOOKS {
        let names = match find(store).await? {
            Rows::Parts(mut parts) => {
                let names = parts.remove(stage).unwrap_or_default();
                return Ok(each_of_parts(store, names, each).await);
            }
            Rows::Ledger(names) => names,
        };
        let mut rows = Vec::new();
        let only = Only { stage: Some(stage), id: None };
        let read = ledger::last_rows(store, &names, only, &mut |row| rows.push(row)).await?;
        if let Some(damaged) = read {
            rows.sort_by_key(|row| row.id);
            rows.into_iter().for_each(each);
            return Ok(damaged);
        }
    }
    Err(restless(store))
}

/// Every row of a stage, in memory at once.
///
/// # Errors
/// Also where a part cannot be read: who counts rows would count too few.
pub async fn decisions(store: &Store, stage: &str) -> Result<Vec<Decision>, ArchiveError> {
    let mut rows = Vec::new();
    let damaged = each(store, stage, &mut |row| rows.push(row)).await?;
    match damaged.into_iter().next() {
        Some(part) => Err(part.into()),
        None => Ok(rows),
    }
}

/// Every row of every stage. None when the run ended meanwhile: what came so far is to be
/// forgotten, and all asked for again.
pub async fn every(
    store: &Store,
    each: &mut (dyn FnMut(Decision) + Send),
) -> Result<Option<Vec<Unreadable>>, ArchiveError> {
    match find(store).await? {
        Rows::Ledger(names) => ledger::last_rows(store, &names, Only::default(), each).await,
        Rows::Parts(parts) => {
            let names = parts.into_values().flatten().collect();
            Ok(Some(each_of_parts(store, names, each).await))
        }
    }
}

async fn each_of_parts(
    store: &Store,
    names: Vec<String>,
    each: &mut (dyn FnMut(Decision) + Send),
) -> Vec<Unreadable> {
    let mut damaged = Vec::new();
    for name in names {
        let read = match store.get(&name).await {
            Ok(bytes) => decode_decisions(bytes, each),
            Err(err) => Err(Cause::new(err)),
        };
        damaged.extend(read.err().map(|what| Unreadable { name, what }));
    }
    damaged
}

/// A record's rows at every stage, in the order of `shape`, and the parts that could not be read.
pub async fn rows_of(
    store: &Store,
    shape: &Shape,
    id: &Id,
) -> Result<(Vec<Decision>, Vec<Unreadable>), ArchiveError> {
    for _ in 0..LOOKS {
        let names = match find(store).await? {
            Rows::Parts(parts) => return Ok(rows_in_parts(store, shape, parts, id).await),
            Rows::Ledger(names) => names,
        };
        let mut rows: Vec<Decision> = Vec::new();
        let only = Only { stage: None, id: Some(*id) };
        let read = ledger::last_rows(store, &names, only, &mut |row| rows.push(row)).await?;
        if let Some(damaged) = read {
            let place = |row: &Decision| shape.stages.iter().position(|s| s.name == row.stage);
            rows.sort_by_key(place);
            return Ok((rows, damaged));
        }
    }
    Err(restless(store))
}

async fn rows_in_parts(
    store: &Store,
    shape: &Shape,
    mut parts: BTreeMap<String, Vec<String>>,
    id: &Id,
) -> (Vec<Decision>, Vec<Unreadable>) {
    let names = shape.stages.iter().flat_map(|s| parts.remove(&s.name).unwrap_or_default());
    let jobs: Vec<String> = names.collect();
    let mut found = futures::stream::iter(jobs)
        .map(|name| async move { (rows_in_part(store, &name, *id).await, name) })
        .buffered(AT_ONCE);
    let (mut rows, mut damaged) = (Vec::new(), Vec::new());
    while let Some((part, name)) = found.next().await {
        match part {
            Ok(part) => rows.extend(part),
            Err(what) => damaged.push(Unreadable { name, what }),
        }
    }
    (rows, damaged)
}

async fn rows_in_part(store: &Store, name: &str, id: Id) -> Result<Vec<Decision>, Cause> {
    let part = store.ranges(name).await.map_err(Cause::new)?;
    let work = tokio::task::spawn_blocking(move || lookup::rows(&part, &id));
    work.await.map_err(Cause::new)?
}
