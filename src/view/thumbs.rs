//! Thumbnails, made when first asked for and kept in memory.
//!
//! A page asks for fifty at once, and a large picture takes hundreds of megabytes to decode; so only
//! a few are made at a time.

use crate::media::thumbnail;
use crate::record::Digest;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::HashMap;
use tokio::sync::Semaphore;

/// Thumbnails kept, bytes.
const KEPT: usize = 64 << 20;

/// Pictures decoded at a time.
const AT_ONCE: usize = 2;

/// Thumbnails made so far. When full, all are let go: they cost a few milliseconds each.
pub struct Thumbs {
    made: Mutex<(HashMap<Digest, Bytes>, usize)>,
    permits: Semaphore,
}

impl Default for Thumbs {
    fn default() -> Thumbs {
        Thumbs { made: Mutex::default(), permits: Semaphore::new(AT_ONCE) }
    }
}

impl Thumbs {
    /// Makes the thumbnail of `bytes` and keeps it; None when they cannot be decoded.
    pub async fn make(&self, digest: Digest, bytes: Bytes) -> Option<Bytes> {
        // The semaphore is never closed; without a permit the picture is shown as it is.
        let _permit = self.permits.acquire().await.ok()?;
        let made = tokio::task::spawn_blocking(move || thumbnail(&bytes)).await.ok().flatten();
        let made = Bytes::from(made?);
        self.keep(digest, made.clone());
        Some(made)
    }

    pub fn get(&self, digest: &Digest) -> Option<Bytes> {
        self.made.lock().0.get(digest).cloned()
    }

    fn keep(&self, digest: Digest, thumb: Bytes) {
        let mut made = self.made.lock();
        if made.1 + thumb.len() > KEPT {
            *made = (HashMap::new(), 0);
        }
        made.1 += thumb.len();
        made.0.insert(digest, thumb);
    }
}
