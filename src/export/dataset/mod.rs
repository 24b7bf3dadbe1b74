//! The dataset of a RUN: Parquet shards whose rows hold a whole trajectory and its images, written
//! under a memory bound and read back as they were.
//!
//! A row is complete: the trajectory can be rebuilt from it, the conversation can be trained from it,
//! and the pictures travel inside.

mod face;
mod pieces;
mod read;
mod row;
mod schema;
mod table;
mod views;
mod write;

pub use face::Face;
pub use read::{Light, Pair, PicturedRow, is_shard, light, read, table};
pub use row::{DatasetRow, Provenance, RoundRow};
pub use schema::{HUGGINGFACE, pairs_schema, schema};
pub use table::{BATCH_BYTES, ImageTable, ROW_BYTES};
pub use write::{
    PreparedRow, PreparedRows, ShardOptions, ShardWriter, SpareBatches, image_name, properties,
};

use crate::export::columns::ColumnError;
use crate::export::conversation::Refusal;
use crate::record::{Cause, Digest, Id};

/// What went wrong with a row or a shard.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// This trajectory has no row; the others are not touched.
    #[error("record `{id}` has no conversation: {source}")]
    Refused { id: Id, source: Refusal },
    /// The caller brought other images than the conversation shows.
    #[error("record `{id}` needs {wanted} images, {given} were given")]
    Images { id: Id, wanted: usize, given: usize },
    /// Bytes that are not those the record names.
    #[error("record `{id}`: image `{wanted}` holds other bytes (`{found}`)")]
    Altered { id: Id, wanted: Digest, found: Digest },
    /// The shard is damaged, or no shard of ours.
    #[error("the shard cannot be read: {0}")]
    Damaged(#[source] Cause),
    /// Ours: a row does not fit the schema.
    #[error(transparent)]
    Column(#[from] ColumnError),
    /// Ours: the encoder refused.
    #[error("the shard cannot be encoded: {0}")]
    Encode(#[from] parquet::errors::ParquetError),
}

#[cfg(test)]
mod tests;
