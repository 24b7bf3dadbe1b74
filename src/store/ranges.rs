//! Ranges of one object as the Parquet reader asks for them: from a thread that may wait.
//!
//! Only the pages that are looked at are read, of a local file and of a bucket's object alike; what
//! a range costs is `reader`'s business.

use crate::store::{Reader, Store, StoreError};
use bytes::Bytes;
use parquet::file::reader::{ChunkReader, Length};
use std::sync::Arc;
use tokio::runtime::Handle;

/// See `Store::ranges`. Cheap to clone.
#[derive(Clone)]
pub struct Ranges {
    reader: Arc<Reader>,
    handle: Handle,
}

/// Bytes fetched at once by a sequential read (page headers).
const STEP: usize = 64 << 10;

impl Ranges {
    /// To be opened in a runtime.
    pub(super) async fn open(store: &Store, name: &str) -> Result<Ranges, StoreError> {
        let reader = Arc::new(Reader::open(store, name).await?);
        Ok(Ranges { reader, handle: Handle::current() })
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
