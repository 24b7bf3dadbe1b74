//! The live ledger: decisions as they are made, so that a live or killed run can be read.
//!
//! Not durable row by row: what a crash loses is made again from the journal.

use crate::record::Decision;
use crate::store::{Layout, Store, StoreError};
use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

/// Buffered lines that are worth an object of their own.
const LARGE: usize = 1 << 20;

/// Appends rows to `ledger/00000001.jsonl.zst` and following under a store. Thread-safe.
pub struct Ledger {
    store: Store,
    lines: Mutex<Vec<u8>>,
    /// The next object's number; held while one is written, so that they stay in order.
    next: tokio::sync::Mutex<u64>,
}

impl Ledger {
    /// Goes on after the objects that are there.
    pub async fn open(store: &Store) -> Result<Ledger, StoreError> {
        let last = store.list(Layout::LEDGER).await?.iter().filter_map(|(n, _)| number(n)).max();
        Ok(Ledger {
            store: store.clone(),
            lines: Mutex::default(),
            next: tokio::sync::Mutex::new(last.unwrap_or(0) + 1),
        })
    }

    /// Buffers a row; true when the buffer is large enough that `flush` should be called now.
    pub fn push(&self, row: &Decision) -> bool {
        // A decision is plain data: writing it to memory as JSON does not fail.
        serde_json::to_vec(row).is_ok_and(|json| self.push_json(&json))
    }

    /// `push` of a row that is JSON already.
    pub fn push_json(&self, row: &[u8]) -> bool {
        let mut lines = self.lines();
        lines.extend_from_slice(row);
        lines.push(b'\n');
        lines.len() >= LARGE
    }

    /// Writes what is buffered as the next object; call at intervals (a second or so). After an
    /// error the rows stay buffered.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let mut next = self.next.lock().await;
        let lines = std::mem::take(&mut *self.lines());
        if lines.is_empty() {
            return Ok(());
        }
        let name = format!("{}/{:08}.jsonl.zst", Layout::LEDGER, *next);
        let written = match zstd::bulk::compress(&lines, 1) {
            Ok(bytes) => self.store.put(&name, Bytes::from(bytes)).await,
            Err(e) => Err(StoreError::of(name, e)),
        };
        match &written {
            Ok(()) => *next += 1,
            Err(_) => {
                self.lines().splice(0..0, lines);
            }
        }
        written
    }

    /// Writes what is buffered as the next object and then removes those before it: for rows that say
    /// again all that the ledger said. Whenever it is cut off, no row is lost.
    pub async fn replace(&self) -> Result<(), StoreError> {
        let before = *self.next.lock().await;
        self.flush().await?;
        if *self.next.lock().await == before {
            return Ok(());
        }
        for (name, _) in self.store.list(Layout::LEDGER).await? {
            if number(&name).is_some_and(|n| n < before) {
                self.store.delete(&name).await?;
            }
        }
        Ok(())
    }

    /// Removes the ledger: the stage tables have taken its place.
    pub async fn clear(&self) -> Result<(), StoreError> {
        let _held = self.next.lock().await;
        self.lines().clear();
        for (name, _) in self.store.list(Layout::LEDGER).await? {
            self.store.delete(&name).await?;
        }
        Ok(())
    }

    fn lines(&self) -> MutexGuard<'_, Vec<u8>> {
        self.lines.lock()
    }
}

fn number(name: &str) -> Option<u64> {
    name.rsplit_once('/')?.1.strip_suffix(".jsonl.zst")?.parse().ok()
}
