//! Images by content: `blobs/ab/abcd…`, written once, never changed.

use crate::record::Digest;
use crate::store::{Store, StoreError};
use bytes::Bytes;

/// The blobs of a RUN, with a bounded cache of those read or written last.
#[derive(Clone)]
pub struct Blobs {
    _store: Store,
}

impl Blobs {
    /// `cache_bytes` bounds the bytes kept in memory.
    pub fn new(store: Store, _cache_bytes: usize) -> Blobs {
        Blobs { _store: store }
    }

    /// Durable when it returns; a blob that is there is not written again.
    pub async fn put(&self, _bytes: Bytes) -> Result<Digest, StoreError> {
        unimplemented!()
    }

    /// The blob's bytes, checked against the digest.
    pub async fn get(&self, _digest: Digest) -> Result<Bytes, StoreError> {
        unimplemented!()
    }

    /// `blobs/ab/abcd…`
    pub fn name(digest: Digest) -> String {
        let hex = digest.hex();
        format!("blobs/{}/{hex}", &hex[..2])
    }
}
