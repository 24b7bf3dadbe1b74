//! What finished shards left (`left`), taken by the run that assembles in place of walking again.
//!
//! A walk is taken only where going it again would come to the same: the same record sets out, each
//! of its calls is in the journals once (of one that two shards bought, a replay may choose the
//! other's reply), and the pictures of the records that wait are there. All else is walked, and the
//! journals answer.

use crate::export::conversation;
use crate::journal::Journal;
use crate::record::{Digest, Trajectory};
use crate::run::engine::Engine;
use crate::run::ledger::Counted;
use crate::run::left::{Left, Walk};
use crate::run::shards;
use crate::run::tally::Tally;
use crate::store::{Blobs, Layout, Spill, SpillRef, Store, StoreError};
use futures::StreamExt;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io::BufRead;
use std::sync::Arc;

/// Parts read at once.
const AT_ONCE: usize = 4;

/// The walks that finished shards left. Memory holds some tens of bytes a walk.
pub struct Taken {
    spill: Spill,
    /// By what set out; equal records that set out twice have a line each.
    walks: Mutex<HashMap<Digest, Vec<SpillRef>>>,
    journal: Arc<Journal>,
    blobs: Blobs,
    tally: Arc<Tally>,
}

/// A line, and what is made of it.
struct Found {
    decided: Vec<(usize, Vec<u8>, Counted)>,
    waits: Vec<(usize, Trajectory)>,
}

impl Taken {
    /// What the finished shards of the RUN at `store` left for the pipeline of this digest, and what
    /// is to be said of leaves that cannot be used; None where there is nothing to take.
    ///
    /// # Errors
    /// Of the store. What is missing or damaged is no error: its calls are replayed.
    pub async fn read(
        store: &Store,
        pipeline: &str,
        journal: Arc<Journal>,
        blobs: Blobs,
        tally: Arc<Tally>,
    ) -> Result<Option<(Taken, Vec<String>)>, StoreError> {
        let mut parts = Vec::new();
        for (folder, left) in shards::left(store, pipeline).await? {
            let Left { version, parts: digests } = left;
            if version == env!("CARGO_PKG_VERSION") {
                let name = |part| format!("{folder}/{}", Layout::shard_left(part));
                parts.extend(digests.into_iter().enumerate().map(|(n, digest)| (name(n), digest)));
            }
        }
        if parts.is_empty() {
            return Ok(None);
        }
        let walks = Mutex::default();
        let taken = Taken { spill: Spill::new()?, walks, journal, blobs, tally };
        let mut said = Vec::new();
        let mut read = futures::stream::iter(parts)
            .map(|(name, digest)| async move { (part(store, &name, digest).await, name) })
            .buffered(AT_ONCE);
        while let Some((lines, name)) = read.next().await {
            match lines? {
                Ok(lines) => taken.hold(&lines)?,
                Err(what) => {
                    said.push(format!("{name} {what}: the calls of its walks are replayed"))
                }
            }
        }
        drop(read);
        Ok(Some((taken, said)))
    }

    fn hold(&self, lines: &[Vec<u8>]) -> Result<(), StoreError> {
        let mut walks = self.walks.lock();
        for line in lines {
            // `{"head":"…64 digits…"`
            let head = line.get(9..73).and_then(|hex| std::str::from_utf8(hex).ok()?.parse().ok());
            if let Some(head) = head {
                walks.entry(head).or_default().push(self.spill.push(line)?);
            }
        }
        Ok(())
    }

    fn line(&self, head: Digest) -> Option<Vec<u8>> {
        let place = self.walks.lock().get_mut(&head)?.pop()?;
        self.spill.read(place).ok()
    }

    /// The walk of what set out, where it was left and still stands.
    async fn find(&self, head: Digest, engine: &Engine) -> Option<Found> {
        let line = self.line(head)?;
        let walk: Walk<'_> = serde_json::from_slice(&line).ok()?;
        if !walk.calls.iter().all(|call| self.journal.holds_once(&call.key)) {
            return None;
        }
        let at = |name: &str| engine.names.iter().position(|known| known == name);
        let mut found = Found { decided: Vec::new(), waits: Vec::new() };
        for (stage, json) in &walk.decided {
            let counted = serde_json::from_str(json.get()).ok()?;
            found.decided.push((at(stage)?, json.get().as_bytes().to_vec(), counted));
        }
        for (gate, json) in &walk.waits {
            let t: Trajectory = serde_json::from_str(json.get()).ok()?;
            for image in conversation::images(&t) {
                if !self.blobs.holds(image.digest, image.bytes).await.ok()? {
                    return None;
                }
            }
            found.waits.push((at(gate)?, t));
        }
        for call in &walk.calls {
            self.tally.take(call);
        }
        Some(found)
    }
}

/// The lines of a part; Err says what is wrong with it.
async fn part(
    store: &Store,
    name: &str,
    digest: Digest,
) -> Result<Result<Vec<Vec<u8>>, String>, StoreError> {
    let bytes = match store.get(name).await {
        Ok(bytes) => bytes,
        Err(StoreError::NotFound { .. }) => return Ok(Err("is gone".to_owned())),
        Err(error) => return Err(error),
    };
    let read = move || {
        if Digest::of(&bytes) != digest {
            return Err("is not what its shard left".to_owned());
        }
        let decoder = zstd::stream::read::Decoder::new(&bytes[..]).map_err(|e| e.to_string())?;
        let lines = std::io::BufReader::new(decoder).split(b'\n');
        lines.collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())
    };
    tokio::task::spawn_blocking(read).await.map_err(|e| StoreError::of(name, e))
}

impl Engine {
    /// Whether a finished shard's walk of what sets out could be taken; then it has been.
    pub(super) async fn took(&self, head: Digest) -> bool {
        let Some(taken) = &self.taken else { return false };
        let Some(Found { decided, waits }) = taken.find(head, self).await else { return false };
        for (at, json, counted) in decided {
            self.arrive(at);
            if let Err(error) = self.ledger.take(at, json, &counted) {
                self.store_failed(&error);
            }
            self.leave(at);
        }
        for (at, t) in waits {
            self.arrive(at);
            if let Err(error) = self.wait(at, &t) {
                self.store_failed(&error);
            }
        }
        true
    }
}
