//! Stage tables read from a RUN: Parquet parts where a stage has them, else the ledger of a live
//! or killed run.
//!
//! Not here: the codec (`store::decisions`). The one idea: a part that cannot be read is named and
//! the others are still read; only the columns that are asked for are decoded.

use crate::audit::columns::Columns;
use crate::audit::error::AuditError;
use crate::audit::facts::Unreadable;
use crate::audit::run_dir::Tables;
use crate::audit::shape::Shape;
use crate::record::{CallKey, Decision, Disposition, Id};
use crate::store::{Layout, Store, StoreError, decision_batches, decode_decisions};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt64Type};
use arrow_array::{RecordBatch, StringArray};
use bytes::Bytes;
use futures::StreamExt;
use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;

/// What of the texts to read with the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Texts {
    /// Prompts: what an audit compares and shows.
    Prompts,
    /// Notes as well: what the viewer searches.
    Notes,
}

/// Parts decoded at a time.
const AT_ONCE: usize = 4;

/// Stage -> its parts, sorted. Tables at the root are of all shards; else the shards' are read.
async fn parts(store: &Store) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, _) in store.list(Layout::STAGES).await? {
        add_part(&mut out, &name, &name);
    }
    let mut shards: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, _) in store.list("shards").await? {
        // shards/<shard>/stages/<stage>/part-*.parquet
        if let Some(rest) = name.splitn(3, '/').nth(2) {
            add_part(&mut shards, rest, &name);
        }
    }
    for (stage, names) in shards {
        out.entry(stage).or_insert(names);
    }
    Ok(out)
}

fn add_part(to: &mut BTreeMap<String, Vec<String>>, path: &str, name: &str) {
    let mut parts = path.split('/');
    if let (Some(Layout::STAGES), Some(stage), Some(part), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
        && part.ends_with(".parquet")
    {
        to.entry(stage.to_owned()).or_default().push(name.to_owned());
    }
}

/// The ledger's objects, at the root and under shards, in order.
async fn ledger_objects(store: &Store) -> Result<Vec<String>, StoreError> {
    let mut out: Vec<String> = Vec::new();
    let root = store.list(Layout::LEDGER).await?;
    let shards = store.list("shards").await?;
    let in_ledger = |name: &str| name.split('/').nth(2) == Some(Layout::LEDGER);
    out.extend(root.into_iter().map(|(name, _)| name));
    out.extend(shards.into_iter().map(|(name, _)| name).filter(|name| in_ledger(name)));
    out.retain(|name| name.ends_with(".jsonl.zst"));
    Ok(out)
}

/// Names of stages that have tables, sorted.
pub async fn stages(store: &Store) -> Result<Vec<String>, AuditError> {
    Ok(parts(store).await?.into_keys().collect())
}

/// Every table, in the order of `shape`; stages without rows are empty.
pub async fn read(store: &Store, shape: &Shape, texts: Texts) -> Result<Tables, AuditError> {
    let mut parts = parts(store).await?;
    let mut out = Tables::default();
    let mut jobs: Vec<(usize, String)> = Vec::new();
    for (at, stage) in shape.stages.iter().enumerate() {
        out.columns.push(Columns::new(&stage.name));
        let names = parts.remove(&stage.name).unwrap_or_default();
        jobs.extend(names.into_iter().map(|name| (at, name)));
    }
    let done = |stage: usize| jobs.iter().any(|(at, _)| *at == stage);
    let live: Vec<usize> = (0..shape.stages.len()).filter(|stage| !done(*stage)).collect();
    let mut decoded = futures::stream::iter(jobs)
        .map(|(at, name)| async move { (at, part(store, &name, texts).await, name) })
        .buffered(AT_ONCE);
    while let Some((at, part, name)) = decoded.next().await {
        match part {
            Ok(part) => out.columns[at].append(part),
            Err(what) => out.unreadable.push(Unreadable { name, what }),
        }
    }
    drop(decoded);
    if !live.is_empty() {
        from_ledger(store, shape, &live, texts, &mut out).await?;
    }
    Ok(out)
}

async fn part(store: &Store, name: &str, texts: Texts) -> Result<Columns, String> {
    let bytes = store.get(name).await.map_err(|err| err.to_string())?;
    let work = tokio::task::spawn_blocking(move || columns(bytes, texts));
    work.await.map_err(|err| err.to_string())?
}

/// The last row of each record at the stages `live`, which have no table yet.
async fn from_ledger(
    store: &Store,
    shape: &Shape,
    live: &[usize],
    texts: Texts,
    out: &mut Tables,
) -> Result<(), AuditError> {
    let number: HashMap<&str, usize> =
        live.iter().map(|at| (shape.stages[*at].name.as_str(), *at)).collect();
    let mut rows: HashMap<(usize, Id), Decision> = HashMap::new();
    let damaged = ledger(store, &mut |row| {
        if let Some(at) = number.get(row.stage.as_str()) {
            rows.insert((*at, row.id), row);
        }
    })
    .await?;
    out.unreadable.extend(damaged);
    out.from_ledger = !rows.is_empty();
    let mut rows: Vec<((usize, Id), Decision)> = rows.into_iter().collect();
    rows.sort_by_key(|(key, _)| *key);
    for ((at, _), row) in rows {
        out.columns[at].push(&row, texts == Texts::Notes);
    }
    Ok(())
}

/// Every line of the ledger, in order; objects that cannot be read whole are named.
async fn ledger(
    store: &Store,
    each: &mut (dyn FnMut(Decision) + Send),
) -> Result<Vec<Unreadable>, AuditError> {
    let mut damaged = Vec::new();
    for name in ledger_objects(store).await? {
        let bytes = match store.get(&name).await {
            // The run ended meanwhile and put tables in its place.
            Err(StoreError::NotFound { .. }) => continue,
            other => other?,
        };
        if let Err(what) = ledger_lines(&bytes, each) {
            damaged.push(Unreadable { name, what });
        }
    }
    Ok(damaged)
}

fn ledger_lines(bytes: &[u8], each: &mut (dyn FnMut(Decision) + Send)) -> Result<(), String> {
    let decoder = zstd::stream::read::Decoder::new(bytes).map_err(|err| err.to_string())?;
    let mut reader = std::io::BufReader::new(decoder);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).map_err(|err| err.to_string())? > 0 {
        each(serde_json::from_slice(&line).map_err(|err| err.to_string())?);
        line.clear();
    }
    Ok(())
}

/// Every row of a stage, whole.
pub async fn each(
    store: &Store,
    stage: &str,
    each: &mut (dyn FnMut(Decision) + Send),
) -> Result<Vec<Unreadable>, AuditError> {
    let names = parts(store).await?.remove(stage).unwrap_or_default();
    if names.is_empty() {
        let mut rows: BTreeMap<Id, Decision> = BTreeMap::new();
        let damaged = ledger(store, &mut |row| {
            if row.stage == stage {
                rows.insert(row.id, row);
            }
        })
        .await?;
        rows.into_values().for_each(each);
        return Ok(damaged);
    }
    let mut damaged = Vec::new();
    for name in names {
        let read = match store.get(&name).await {
            Ok(bytes) => decode_decisions(bytes, each),
            Err(err) => Err(err.to_string()),
        };
        damaged.extend(read.err().map(|what| Unreadable { name, what }));
    }
    Ok(damaged)
}

/// A record's rows at every stage, in the order of `shape`.
pub async fn rows_of(store: &Store, shape: &Shape, id: &Id) -> Result<Vec<Decision>, AuditError> {
    let parts = parts(store).await?;
    let names: Vec<Vec<String>> = shape
        .stages
        .iter()
        .map(|stage| parts.get(&stage.name).cloned().unwrap_or_default())
        .collect();
    let lookups = names.into_iter().map(|names| rows_in(store.clone(), names, *id));
    let found: Vec<Vec<Decision>> =
        futures::stream::iter(lookups).buffered(AT_ONCE).collect().await;
    let live: Vec<&str> = shape
        .stages
        .iter()
        .map(|s| s.name.as_str())
        .filter(|name| !parts.contains_key(*name))
        .collect();
    let mut late: HashMap<String, Decision> = HashMap::new();
    if !live.is_empty() {
        ledger(store, &mut |row| {
            if row.id == *id && live.contains(&row.stage.as_str()) {
                late.insert(row.stage.clone(), row);
            }
        })
        .await?;
    }
    let rows = shape.stages.iter().zip(found).flat_map(|(stage, mut rows)| {
        rows.extend(late.remove(&stage.name));
        rows
    });
    Ok(rows.collect())
}

/// The rows of `id` in the given parts.
async fn rows_in(store: Store, names: Vec<String>, id: Id) -> Vec<Decision> {
    let mut rows = Vec::new();
    for name in names {
        let Ok(bytes) = store.get(&name).await else { continue };
        let found = tokio::task::spawn_blocking(move || crate::audit::lookup::rows(bytes, &id));
        // A damaged part is the audit's to report; the rest of the life is still shown.
        rows.extend(found.await.ok().and_then(Result::ok).unwrap_or_default());
    }
    rows
}

/// A part's rows as columns.
fn columns(part: Bytes, texts: Texts) -> Result<Columns, String> {
    const PLAIN: [&str; 10] = [
        "id",
        "category",
        "source",
        "disposition",
        "port",
        "reason",
        "score",
        "calls",
        "cost_nano_usd",
        "prompt",
    ];
    let mut names = PLAIN.to_vec();
    if texts == Texts::Notes {
        names.push("note");
    }
    let mut out = Columns::default();
    for batch in decision_batches(part, Some(&names))? {
        add_batch(&mut out, &batch?, texts)?;
    }
    Ok(out)
}

fn add_batch(out: &mut Columns, batch: &RecordBatch, texts: Texts) -> Result<(), String> {
    let text = |name: &str| -> Result<&StringArray, String> {
        let column = batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
        column.ok_or_else(|| format!("`{name}` is not text"))
    };
    for (name, to) in [
        ("category", &mut out.category),
        ("source", &mut out.source),
        ("port", &mut out.port),
        ("reason", &mut out.reason),
    ] {
        let mut last = ("", 0);
        for value in text(name)?.iter().map(Option::unwrap_or_default) {
            // Runs of one value are the rule.
            if value != last.0 || to.is_empty() {
                last = (value, out.names.intern(value));
            }
            to.push(last.1);
        }
    }
    for value in text("id")?.iter().map(Option::unwrap_or_default) {
        out.ids.push(value.parse().map_err(|err| format!("{err}"))?);
    }
    for value in text("disposition")?.iter().map(Option::unwrap_or_default) {
        out.disposition.push(match value {
            "passed" => Disposition::Passed,
            "dropped" => Disposition::Dropped,
            "failed" => Disposition::Failed,
            other => return Err(format!("`{other}` is no disposition")),
        });
    }
    let score = batch.column_by_name("score").and_then(|c| c.as_primitive_opt::<Float32Type>());
    let score = score.ok_or("`score` is not float32")?;
    out.score.extend(score.iter().map(|score| score.unwrap_or(f32::NAN)));
    let cost = batch.column_by_name("cost_nano_usd");
    let cost = cost.and_then(|c| c.as_primitive_opt::<UInt64Type>()).ok_or("no cost")?;
    out.cost.extend(cost.values().iter().copied());
    add_calls(out, batch)?;
    text("prompt")?.iter().for_each(|prompt| out.prompts.push(prompt.unwrap_or_default()));
    if texts == Texts::Notes {
        text("note")?.iter().for_each(|note| out.notes.push(note.unwrap_or_default()));
    }
    Ok(())
}

fn add_calls(out: &mut Columns, batch: &RecordBatch) -> Result<(), String> {
    let lists = batch.column_by_name("calls").and_then(|c| c.as_list_opt::<i32>());
    let lists = lists.ok_or("`calls` is not a list")?;
    let keys = lists.values().as_string_opt::<i32>().ok_or("`calls` does not hold text")?;
    for ends in lists.offsets().windows(2) {
        let of_row = (ends[0] as usize..ends[1] as usize).map(|at| keys.value(at).parse());
        let of_row: Result<Vec<CallKey>, _> = of_row.collect();
        out.calls.push(of_row.map_err(|err| format!("{err}"))?);
    }
    Ok(())
}
