//! Images by content: `blobs/ab/abcd…`, written once, never changed.

use crate::record::Digest;
use crate::store::cache::ByteCache;
use crate::store::{Store, StoreError};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{OnceCell, Semaphore};

/// Blob writes under way at once: enough for fsyncs to overlap, few enough threads.
const WRITERS: usize = 32;

/// From this size on a blob is hashed on another thread: 30 us of work, beside 10 us to hand it on.
const ASIDE: usize = 128 << 10;

type Write = BoxFuture<'static, Result<(), StoreError>>;

/// The blobs of a RUN, with a bounded cache of those read or written last.
#[derive(Clone)]
pub struct Blobs {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    /// Every blob in it is durable.
    cache: Mutex<ByteCache<Digest>>,
    /// Writes under way, so that equal blobs are written once.
    writing: Mutex<HashMap<Digest, WeakShared<Write>>>,
    permits: Semaphore,
    /// A bucket's blobs when the first was asked for, with their sizes: one request for a thousand.
    listed: OnceCell<HashMap<Digest, u64>>,
}

impl Blobs {
    /// `cache_bytes` bounds the bytes kept in memory.
    pub fn new(store: Store, cache_bytes: usize) -> Blobs {
        Blobs {
            inner: Arc::new(Inner {
                store,
                cache: Mutex::new(ByteCache::new(cache_bytes)),
                writing: Mutex::new(HashMap::new()),
                permits: Semaphore::new(WRITERS),
                listed: OnceCell::new(),
            }),
        }
    }

    /// Durable when it returns; a blob that is there is not written again.
    pub async fn put(&self, bytes: Bytes) -> Result<Digest, StoreError> {
        let digest = Digest::of(&bytes);
        if self.inner.cache.lock().get(&digest).is_some() {
            return Ok(digest);
        }
        let write = self.join(digest, bytes);
        write.await?;
        Ok(digest)
    }

    /// The write of `digest` that is under way, or a new one.
    fn join(&self, digest: Digest, bytes: Bytes) -> Shared<Write> {
        let mut writing = self.inner.writing.lock();
        if let Some(write) = writing.get(&digest).and_then(WeakShared::upgrade) {
            return write;
        }
        let inner = Arc::clone(&self.inner);
        let write: Write = Box::pin(async move {
            let done = inner.write(digest, bytes.clone()).await;
            if done.is_ok() {
                inner.cache.lock().insert(digest, bytes);
            }
            inner.writing.lock().remove(&digest);
            done
        });
        let write = write.shared();
        if let Some(weak) = write.downgrade() {
            writing.insert(digest, weak);
        }
        write
    }

    /// The blob's bytes, checked against the digest.
    pub async fn get(&self, digest: Digest) -> Result<Bytes, StoreError> {
        if let Some(bytes) = self.inner.cache.lock().get(&digest) {
            return Ok(bytes);
        }
        let name = Self::name(digest);
        let bytes = self.inner.store.get(&name).await?;
        if hash(&bytes).await != digest {
            return Err(StoreError::damaged(
                self.inner.store.place(&name),
                "its content is not what its name says; delete it and run again",
            ));
        }
        self.inner.cache.lock().insert(digest, bytes.clone());
        Ok(bytes)
    }

    /// Whether the blob is there, `size` bytes long. Its content is checked when it is read.
    pub async fn holds(&self, digest: Digest, size: u64) -> Result<bool, StoreError> {
        if self.inner.cache.lock().get(&digest).is_some() {
            return Ok(true);
        }
        if self.inner.store.is_remote() {
            let listed = self.inner.listed.get_or_try_init(|| self.inner.list()).await?;
            if listed.get(&digest) == Some(&size) {
                return Ok(true);
            }
        }
        self.inner.holds(&Self::name(digest), size).await
    }

    /// `blobs/ab/abcd…`
    pub fn name(digest: Digest) -> String {
        let hex = digest.hex();
        format!("blobs/{}/{hex}", &hex[..2])
    }
}

impl Inner {
    async fn write(&self, digest: Digest, bytes: Bytes) -> Result<(), StoreError> {
        // Never closed; a closed semaphore would only mean no bound.
        let _permit = self.permits.acquire().await;
        let name = Blobs::name(digest);
        // Locally a look costs microseconds and saves an fsync; at a bucket it costs as much as
        // the write.
        if !self.store.is_remote() && self.holds(&name, bytes.len() as u64).await? {
            return Ok(());
        }
        self.store.put(&name, bytes).await
    }

    async fn list(&self) -> Result<HashMap<Digest, u64>, StoreError> {
        let found = self.store.list("blobs").await?;
        let digest = |name: &str| name.rsplit('/').next()?.parse::<Digest>().ok();
        Ok(found.into_iter().filter_map(|(name, size)| Some((digest(&name)?, size))).collect())
    }

    /// A wrong size is a blob that a power cut left behind: as good as none.
    async fn holds(&self, name: &str, size: u64) -> Result<bool, StoreError> {
        match self.store.size(name).await {
            Ok(there) => Ok(there == size),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(e) => Err(e),
        }
    }
}

/// The digest, taken on a thread beside the caller's own: a task that reads several blobs ahead
/// would else hash them one after the other, between its other work.
async fn hash(bytes: &Bytes) -> Digest {
    if bytes.len() < ASIDE {
        return Digest::of(bytes);
    }
    let there = bytes.clone();
    // A runtime that ends takes no such work any more; that says nothing about the bytes.
    let hashed = tokio::task::spawn_blocking(move || Digest::of(&there)).await;
    hashed.unwrap_or_else(|_| Digest::of(bytes))
}
