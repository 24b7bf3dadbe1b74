//! A Parquet object opened for a look at some of its pages.
//!
//! The one idea: a local file is read where its pages lie; an object of a bucket is fetched whole,
//! since a round trip costs more than the megabytes of a stage's part.

use crate::store::error::from_io;
use crate::store::reader::read_at;
use crate::store::{Store, StoreError};
use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// See `Store::part`. Cheap to clone.
#[derive(Clone)]
pub enum ParquetPart {
    Local(Arc<File>, u64),
    Memory(Bytes),
}

impl ParquetPart {
    pub(super) async fn open(store: &Store, name: &str) -> std::result::Result<Self, StoreError> {
        let Some(path) = store.local_path(name) else {
            return Ok(ParquetPart::Memory(store.get(name).await?));
        };
        let of_io = |e: std::io::Error| from_io(store.place(name), &e);
        let file = File::open(path).map_err(of_io)?;
        let len = file.metadata().map_err(of_io)?.len();
        Ok(ParquetPart::Local(Arc::new(file), len))
    }
}

impl Length for ParquetPart {
    fn len(&self) -> u64 {
        match self {
            ParquetPart::Local(_, len) => *len,
            ParquetPart::Memory(bytes) => bytes.len() as u64,
        }
    }
}

impl ChunkReader for ParquetPart {
    type T = Box<dyn Read + Send>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(match self {
            ParquetPart::Local(file, _) => {
                Box::new(BufReader::new(From { file: Arc::clone(file), at: start }))
            }
            ParquetPart::Memory(bytes) => Box::new(bytes.get_read(start)?),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        match self {
            // Checked first: a damaged footer may name any length.
            ParquetPart::Local(_, len) if start.saturating_add(length as u64) > *len => Err(
                ParquetError::EOF(format!("it ends at {len} before {length} bytes from {start}")),
            ),
            ParquetPart::Local(file, _) => Ok(read_at(file, start, length)?),
            ParquetPart::Memory(bytes) => bytes.get_bytes(start, length),
        }
    }
}

/// A file read on from a place of its own, whoever else reads it.
struct From {
    file: Arc<File>,
    at: u64,
}

impl Read for From {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
