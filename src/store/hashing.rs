//! What an object hashes to while it is written, on a thread beside the writing.
//!
//! Both need every byte, and neither has to wait for the other.

use crate::env::ahead::{Bounds, Sender, channel};
use crate::env::joined;
use crate::record::Digest;
use bytes::Bytes;
use tokio::task::JoinHandle;

/// Chunks on their way, which the writing holds as well.
const WAITING: Bounds = Bounds { count: 8, bytes: 32 << 20 };

/// See the module's header.
pub struct Hashing {
    chunks: Sender<Bytes>,
    digest: JoinHandle<Digest>,
}

impl Hashing {
    /// To be called in a runtime.
    pub fn start() -> Hashing {
        let (chunks, mut coming) = channel::<Bytes>(WAITING);
        let digest = tokio::task::spawn_blocking(move || {
            let mut hasher = blake3::Hasher::new();
            while let Some((chunk, _room)) = coming.recv_blocking() {
                hasher.update(&chunk);
            }
            Digest(*hasher.finalize().as_bytes())
        });
        Hashing { chunks, digest }
    }

    /// The next bytes.
    pub async fn update(&self, chunk: Bytes) {
        let bytes = chunk.len();
        // Its thread ends early only by a panic, which `finish` hands on.
        let _ = self.chunks.send(chunk, bytes).await;
    }

    /// The digest of all chunks in order. A panic of the hashing goes on here; Err when the runtime is being shut down.
    pub async fn finish(self) -> std::io::Result<Digest> {
        drop(self.chunks);
        joined(self.digest.await).map_err(std::io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn chunks_hash_to_what_the_whole_hashes_to() {
        let whole = vec![7; 100_000];
        let hashing = Hashing::start();
        for chunk in whole.chunks(999) {
            hashing.update(Bytes::copy_from_slice(chunk)).await;
        }
        assert_eq!(hashing.finish().await.unwrap(), Digest::of(&whole));
    }
}
