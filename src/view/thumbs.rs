//! Thumbnails, made when first asked for and kept in memory.

use crate::record::Digest;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Thumbnails kept, bytes.
const KEPT: usize = 64 << 20;

/// Thumbnails made so far. When full, all are let go: they cost a few milliseconds each.
#[derive(Default)]
pub struct Thumbs {
    made: Mutex<(HashMap<Digest, Bytes>, usize)>,
}

impl Thumbs {
    pub fn get(&self, digest: &Digest) -> Option<Bytes> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).0.get(digest).cloned()
    }

    pub fn keep(&self, digest: Digest, thumb: Bytes) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.1 + thumb.len() > KEPT {
            *made = (HashMap::new(), 0);
        }
        made.1 += thumb.len();
        made.0.insert(digest, thumb);
    }
}
