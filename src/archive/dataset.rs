//! The final shards of a RUN, or of a folder that holds nothing else: found, counted, read.
//!
//! Which shards are a RUN's dataset is told by `RunDir::dataset`. What their columns are is
//! `export::dataset`'s.

use crate::archive::error::ArchiveError;
use crate::export::dataset::{self, DatasetError, Light, PicturedRow};
use crate::record::{Cause, Digest};
use crate::store::{Layout, Store};

/// Sealed shards.
pub struct Dataset {
    store: Store,
    /// In order.
    pub shards: Vec<Shard>,
}

/// One shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// Relative to the store's root.
    pub name: String,
    pub bytes: u64,
}

/// The shards right inside `folder` of `store` (empty: its root), in order.
///
/// # Errors
/// As the store says.
pub async fn shards_in(store: &Store, folder: &str) -> Result<Vec<Shard>, ArchiveError> {
    let inside = |name: &str| {
        let rest = name.strip_prefix(folder).unwrap_or(name);
        name.ends_with(".parquet") && !rest.trim_start_matches('/').contains('/')
    };
    let all = store.list(folder).await?.into_iter();
    Ok(all.filter(|(n, _)| inside(n)).map(|(name, bytes)| Shard { name, bytes }).collect())
}

impl Dataset {
    /// The dataset in `folder` of `store`; None where there are no shards.
    pub(super) async fn find(store: &Store, folder: &str) -> Result<Option<Dataset>, ArchiveError> {
        let shards = shards_in(store, folder).await?;
        Ok((!shards.is_empty()).then(|| Dataset { store: store.clone(), shards }))
    }

    /// Bytes of all shards.
    pub fn bytes(&self) -> u64 {
        self.shards.iter().map(|shard| shard.bytes).sum()
    }

    /// The card (README.md), where it is there and text.
    pub async fn card(&self) -> Option<String> {
        let bytes = self.store.get(&format!("{}/README.md", Layout::DATASET)).await.ok()?;
        String::from_utf8(bytes.to_vec()).ok()
    }

    /// As kind `write_dataset` makes it: over each shard's name and the digest of its bytes.
    pub async fn digest(&self) -> Result<String, ArchiveError> {
        const PIECE: usize = 8 << 20;
        let mut all = blake3::Hasher::new_derive_key("coldstart 2026 dataset v1");
        for Shard { name, bytes } in &self.shards {
            let reader = self.store.reader(name).await?;
            let mut shard = blake3::Hasher::new();
            let mut at = 0;
            while at < *bytes {
                let len = PIECE.min((*bytes - at) as usize);
                shard.update(&reader.read_at(at, len).await?);
                at += len as u64;
            }
            all.update(name.as_bytes());
            all.update(shard.finalize().as_bytes());
        }
        Ok(Digest(*all.finalize().as_bytes()).hex())
    }

    /// Calls `each` with a shard's rows, in order, without images and messages.
    ///
    /// # Errors
    /// The cause for an `Unreadable`: the rows before the damage have been given.
    pub async fn light(
        &self,
        shard: &Shard,
        each: &mut (dyn FnMut(Light) + Send),
    ) -> Result<(), Cause> {
        match self.open(shard).await? {
            Opened::File(file) => give(dataset::light(file), each),
            Opened::Bytes(bytes) => give(dataset::light(bytes), each),
        }
    }

    /// Calls `each` with a shard's rows, in order, with their images.
    ///
    /// # Errors
    /// As `light`.
    pub async fn whole(
        &self,
        shard: &Shard,
        each: &mut (dyn FnMut(PicturedRow) + Send),
    ) -> Result<(), Cause> {
        match self.open(shard).await? {
            Opened::File(file) => give(dataset::read(file), each),
            Opened::Bytes(bytes) => give(dataset::read(bytes), each),
        }
    }

    /// A local shard is read from its file, piece by piece; one in a bucket is fetched whole.
    async fn open(&self, shard: &Shard) -> Result<Opened, Cause> {
        Ok(match self.store.local_path(&shard.name) {
            Some(path) => Opened::File(std::fs::File::open(path).map_err(Cause::new)?),
            None => Opened::Bytes(self.store.get(&shard.name).await.map_err(Cause::new)?),
        })
    }
}

enum Opened {
    File(std::fs::File),
    Bytes(bytes::Bytes),
}

fn give<T>(
    rows: Result<impl Iterator<Item = Result<T, DatasetError>>, DatasetError>,
    each: &mut (dyn FnMut(T) + Send),
) -> Result<(), Cause> {
    for row in rows.map_err(Cause::new)? {
        each(row.map_err(Cause::new)?);
    }
    Ok(())
}
