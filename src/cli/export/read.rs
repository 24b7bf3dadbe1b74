//! The source of an export: the shards of a RUN or of a dataset folder, wherever they lie.

use crate::cli::Done;
use crate::export::dataset;
use crate::export::table1::{self, Table1};
use crate::store::{Layout, Reader, Store};
use anyhow::{Context, bail};
use bytes::Bytes;
use parquet::file::reader::{ChunkReader, Length};
use std::sync::Arc;
use tokio::runtime::Handle;

/// A dataset's shards, in order.
pub struct Source {
    pub store: Store,
    pub shards: Vec<String>,
    /// The dataset's card.
    pub card: Option<String>,
    /// Whether a report says that the run came to its end; absent for a dataset folder.
    pub complete: Option<bool>,
}

/// Finds the shards of `uri`.
pub async fn open(uri: &str) -> anyhow::Result<Source> {
    let store = Store::open(uri)?;
    let run = store.exists(Layout::MANIFEST).await?;
    let folder = if run { Layout::DATASET } else { "" };
    let list = store.list(folder).await?;
    let shards: Vec<String> = list
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| {
            name.ends_with(".parquet")
                && !name[folder.len()..].trim_start_matches('/').contains('/')
        })
        .collect();
    if shards.is_empty() {
        let remedy = if run {
            "the run has not written its dataset yet; go on with `coldstart run`, then export"
        } else {
            "give a RUN, or the folder that holds its `train-00000.parquet`"
        };
        bail!("no dataset shards in `{uri}`\n  {remedy}");
    }
    let card = if run { format!("{folder}/README.md") } else { "README.md".to_string() };
    let card = match store.get(&card).await {
        Ok(bytes) => String::from_utf8(bytes.to_vec()).ok(),
        Err(_) => None,
    };
    let complete = match store.get(Layout::REPORT).await {
        Ok(bytes) => serde_json::from_slice(&bytes).ok().map(|r: crate::record::Report| r.complete),
        Err(_) => None,
    };
    Ok(Source { store, shards, card, complete })
}

/// Ranges of one object, for the Parquet reader; to be used on a blocking thread.
pub struct Ranges {
    reader: Arc<Reader>,
    handle: Handle,
}

/// Bytes fetched at once by a sequential read (page headers).
const STEP: usize = 64 << 10;

impl Ranges {
    /// Opens `name` of `store`.
    pub fn open(store: &Store, name: &str, handle: &Handle) -> anyhow::Result<Ranges> {
        let reader = handle.block_on(store.reader(name))?;
        Ok(Ranges { reader: Arc::new(reader), handle: handle.clone() })
    }
}

impl Length for Ranges {
    fn len(&self) -> u64 {
        self.reader.size()
    }
}

impl ChunkReader for Ranges {
    type T = Sequential;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Sequential> {
        let (reader, handle) = (self.reader.clone(), self.handle.clone());
        Ok(Sequential { reader, handle, at: start, held: Bytes::new() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let read = self.handle.block_on(self.reader.read_at(start, length));
        read.map_err(|e| parquet::errors::ParquetError::External(Box::new(e)))
    }
}

/// A read from an offset on.
pub struct Sequential {
    reader: Arc<Reader>,
    handle: Handle,
    at: u64,
    held: Bytes,
}

impl std::io::Read for Sequential {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.held.is_empty() {
            let left = self.reader.size().saturating_sub(self.at);
            let length = left.min(STEP as u64) as usize;
            let read = self.handle.block_on(self.reader.read_at(self.at, length));
            self.held = read.map_err(std::io::Error::other)?;
            self.at += length as u64;
        }
        let count = out.len().min(self.held.len());
        out[..count].copy_from_slice(&self.held.split_to(count));
        Ok(count)
    }
}

/// Calls `each` with all rows of all shards, without images.
pub fn light(
    source: &Source,
    handle: &Handle,
    mut each: impl FnMut(dataset::Light) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for shard in &source.shards {
        let ranges = Ranges::open(&source.store, shard, handle)?;
        let rows = dataset::light(ranges).with_context(|| format!("`{shard}`"))?;
        for row in rows {
            each(row.with_context(|| format!("`{shard}`"))?)?;
        }
    }
    Ok(())
}

/// Prints the diagnostics of Table 1.
pub async fn table1(uri: &str, json: bool) -> anyhow::Result<Done> {
    let source = open(uri).await?;
    let handle = Handle::current();
    let work = move || -> anyhow::Result<Table1> {
        let mut table = Table1::default();
        light(&source, &handle, |row| {
            table.add(&row.into_trajectory());
            Ok(())
        })?;
        Ok(table)
    };
    let lines = tokio::task::spawn_blocking(work).await??.lines();
    if json {
        return crate::cli::shared::print_json(&lines);
    }
    print!("{}", table1::text(&lines));
    Ok(Done::Well)
}
