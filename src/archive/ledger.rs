//! The ledger of a live or stopped run, read.
//!
//! Of a record's rows at one stage the last counts; so objects are read newest first, and what was
//! seen is passed over: no row is held for longer than its object.

use crate::archive::error::{ArchiveError, Unreadable};
use crate::record::{Cause, Decision, Id};
use crate::store::{Layout, Store, StoreError};
use bytes::Bytes;
use std::collections::{HashMap, HashSet};
use std::io::BufRead;

/// Which rows are wanted. The others are passed over by the beginning of their line, which is
/// cheaper than decoding them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Only<'a> {
    pub stage: Option<&'a str>,
    pub id: Option<Id>,
}

/// Objects of the ledgers under `folder`, oldest first.
pub async fn objects(store: &Store, folder: &str) -> Result<Vec<String>, StoreError> {
    let names = store.list(folder).await?.into_iter().map(|(name, _)| name);
    let in_ledger = |name: &String| {
        name.ends_with(".jsonl.zst") && name.rsplit('/').nth(1) == Some(Layout::LEDGER)
    };
    Ok(names.filter(in_ledger).collect())
}

/// The last row of each record at each stage, newest first, and the objects that could not be read
/// whole. None when an object is gone: the run has ended and put tables in the ledger's place.
pub async fn last_rows(
    store: &Store,
    objects: &[String],
    only: Only<'_>,
    each: &mut (dyn FnMut(Decision) + Send),
) -> Result<Option<Vec<Unreadable>>, ArchiveError> {
    let mut numbers: HashMap<String, u16> = HashMap::new();
    let mut seen: HashSet<(u16, Id)> = HashSet::new();
    let mut damaged = Vec::new();
    for name in objects.iter().rev() {
        let Some(bytes) = object(store, name).await? else { return Ok(None) };
        let marks = marks(only);
        let work = tokio::task::spawn_blocking(move || lines(&bytes, &marks));
        let (rows, fault) =
            work.await.map_err(|source| ArchiveError::BrokeOff { place: name.clone(), source })?;
        damaged.extend(fault.map(|what| Unreadable { name: name.clone(), what }));
        for row in rows.into_iter().rev() {
            let stage = match numbers.get(&row.stage) {
                Some(number) => *number,
                None => {
                    let number = numbers.len() as u16;
                    *numbers.entry(row.stage.clone()).or_insert(number)
                }
            };
            if seen.insert((stage, row.id)) {
                each(row);
            }
        }
    }
    Ok(Some(damaged))
}

/// The stages that the objects speak of, in the order they first appear.
pub async fn stages(store: &Store, objects: &[String]) -> Result<Vec<String>, ArchiveError> {
    let mut out: Vec<String> = Vec::new();
    for name in objects {
        let Some(bytes) = object(store, name).await? else { continue };
        for row in lines(&bytes, &[]).0 {
            if !out.contains(&row.stage) {
                out.push(row.stage);
            }
        }
    }
    Ok(out)
}

async fn object(store: &Store, name: &str) -> Result<Option<Bytes>, ArchiveError> {
    match store.get(name).await {
        Err(StoreError::NotFound { .. }) => Ok(None),
        other => Ok(Some(other?)),
    }
}

/// What must stand in the beginning of a wanted line: `stage` and `id` are a row's first fields.
fn marks(only: Only) -> Vec<String> {
    let stage = only.stage.map(|stage| format!("\"stage\":{},", serde_json::Value::from(stage)));
    let id = only.id.map(|id| format!("\"id\":\"{id}\","));
    stage.into_iter().chain(id).collect()
}

/// The rows of an object's lines, up to where it is damaged.
fn lines(bytes: &[u8], marks: &[String]) -> (Vec<Decision>, Option<Cause>) {
    /// Longer than any stage's name and an id.
    const BEGINNING: usize = 256;
    let mut rows = Vec::new();
    let mut read = || -> Result<(), Cause> {
        let decoder = zstd::stream::read::Decoder::new(bytes).map_err(Cause::new)?;
        let mut reader = std::io::BufReader::new(decoder);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).map_err(Cause::new)? > 0 {
            let start = &line[..line.len().min(BEGINNING)];
            let holds = |mark: &String| start.windows(mark.len()).any(|w| w == mark.as_bytes());
            if marks.iter().all(holds) {
                rows.push(serde_json::from_slice(&line).map_err(Cause::new)?);
            }
            line.clear();
        }
        Ok(())
    };
    let fault = read().err();
    (rows, fault)
}
