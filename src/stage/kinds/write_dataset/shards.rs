//! The shards of a dataset, one after the other: each batch is encoded on another thread while those after
//! it are loaded, and bytes are hashed as they are written.

use super::{parquet, store};
use crate::env::joined;
use crate::export::dataset::{PreparedRows, ShardOptions, ShardWriter};
use crate::record::Digest;
use crate::stage::{Sealed, SinkCx, StageError};
use crate::store::{Hashing, Layout, StoreWriter};

/// The shard being written, and the digest over all of them.
pub struct Shards<'a> {
    /// Size at which a shard is closed: with the batch that brings it there.
    limit: u64,
    split: &'a str,
    options: ShardOptions,
    cx: &'a SinkCx,
    open: Option<Open>,
    number: usize,
    rows: u64,
    digest: blake3::Hasher,
}

struct Open {
    shard: ShardWriter,
    writer: StoreWriter,
    name: String,
    hash: Hashing,
}

impl<'a> Shards<'a> {
    pub fn new(limit: u64, split: &'a str, options: ShardOptions, cx: &'a SinkCx) -> Shards<'a> {
        let digest = blake3::Hasher::new_derive_key("coldstart 2026 dataset v1");
        Shards { limit, split, options, cx, open: None, number: 0, rows: 0, digest }
    }

    /// Adds a batch of rows, which `options` made.
    pub async fn push(&mut self, rows: PreparedRows) -> Result<(), StageError> {
        if rows.is_empty() {
            return Ok(());
        }
        let open = match self.open.take() {
            Some(open) => open,
            None => self.begin().await?,
        };
        self.rows += rows.len() as u64;
        let open = open.write(rows).await?;
        let full = open.shard.bytes() >= self.limit;
        self.open = Some(open);
        if full { self.close().await } else { Ok(()) }
    }

    async fn begin(&mut self) -> Result<Open, StageError> {
        let name = Layout::dataset_shard(self.split, self.number);
        let shard = ShardWriter::new(self.options.clone()).map_err(parquet)?;
        let writer = self.cx.store.writer(&name).await.map_err(store)?;
        Ok(Open { shard, writer, name, hash: Hashing::start() })
    }

    async fn close(&mut self) -> Result<(), StageError> {
        let Some(Open { shard, mut writer, name, hash }) = self.open.take() else { return Ok(()) };
        for chunk in shard.finish().map_err(parquet)? {
            hash.update(chunk.clone()).await;
            writer.write(chunk).await.map_err(store)?;
        }
        writer.finish().await.map_err(store)?;
        let hashed = hash.finish().await.map_err(store)?;
        self.number += 1;
        self.digest.update(name.as_bytes());
        self.digest.update(&hashed.0);
        Ok(())
    }

    /// Closes the last one.
    pub async fn finish(mut self) -> Result<Sealed, StageError> {
        self.close().await?;
        let digest = Digest(*self.digest.finalize().as_bytes()).hex();
        Ok(Sealed { rows: self.rows, digest, ..Sealed::default() })
    }
}

impl Open {
    async fn write(self, rows: PreparedRows) -> Result<Open, StageError> {
        let Open { mut shard, mut writer, name, hash } = self;
        let encode = move || shard.write(&rows).map(|()| shard);
        let encoded = joined(tokio::task::spawn_blocking(encode).await).map_err(store)?;
        let mut shard = encoded.map_err(parquet)?;
        for chunk in shard.take() {
            hash.update(chunk.clone()).await;
            writer.write(chunk).await.map_err(store)?;
        }
        Ok(Open { shard, writer, name, hash })
    }
}
