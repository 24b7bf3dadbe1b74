//! What a shard leaves of its walks, for the run that assembles: a walk is a function of the record
//! that set out, the pipeline and the replies, so that it need not be gone again.
//!
//! `shards/<shard>/left/00000.jsonl.zst` and following hold a line a walk: the record it began with
//! (by a digest), what its calls cost, its decisions, and the record as it waits at each barrier. The
//! shard's marker names them by their digests. Walks that failed are not among them: the next run
//! tries them again. `take` reads them.

use crate::call::Usage;
use crate::record::{CallKey, Digest, Evidence, NanoUsd, Trajectory};
use crate::run::engine::Engine;
use crate::run::tally::Tally;
use crate::run::trail::{Steps, Trail};
use crate::store::{Layout, Store, StoreError};
use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What a finished shard left, as its marker says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Left {
    /// Of the program: another may decide otherwise.
    pub version: String,
    /// The parts' digests, in order.
    pub parts: Vec<Digest>,
}

/// One walk, a line of a part.
#[derive(Debug, Serialize, Deserialize)]
pub struct Walk<'a> {
    /// First, so that it is found without reading the line.
    pub head: Digest,
    pub calls: Vec<Paid>,
    /// Stages, and their decisions.
    #[serde(borrow)]
    pub decided: Vec<(&'a str, &'a RawValue)>,
    /// Barriers, and the record as it waits there.
    #[serde(borrow)]
    pub waits: Vec<(&'a str, &'a RawValue)>,
}

/// A call that was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Paid {
    pub key: CallKey,
    pub role: String,
    pub spent: Spent,
}

/// What a call cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    pub usage: Usage,
    pub cost: NanoUsd,
    pub simulated: bool,
}

/// Bytes of lines that are worth a part of their own.
const PART: usize = 4 << 20;

/// The walks of this shard.
#[derive(Default)]
pub struct Leaving {
    /// Since the last `flush`.
    walks: Mutex<Vec<(Digest, Steps)>>,
    out: tokio::sync::Mutex<Out>,
}

#[derive(Default)]
struct Out {
    lines: Vec<u8>,
    parts: Vec<Digest>,
}

impl Leaving {
    /// A walk has come to its end.
    pub fn push(&self, head: Digest, trail: Trail) {
        if let Some(steps) = trail.into_steps().filter(|steps| !steps.failed) {
            self.walks.lock().push((head, steps));
        }
    }

    /// Makes lines of the walks since the last time, and writes the parts that are full to the shard's
    /// folder `side`.
    ///
    /// # Errors
    /// Of the store and of scratch files.
    pub async fn flush(
        &self,
        engine: &Engine,
        tally: &Tally,
        side: &Store,
    ) -> Result<(), StoreError> {
        let mut out = self.out.lock().await;
        let walks = std::mem::take(&mut *self.walks.lock());
        for (head, steps) in walks {
            let calls: Option<Vec<Paid>> = steps.calls.iter().map(|key| tally.paid(key)).collect();
            // Each was answered through this tally; one that is not known to it is walked again.
            let Some(calls) = calls else { continue };
            line(engine, head, calls, &steps, &mut out.lines)?;
            if out.lines.len() >= PART {
                out.put(side).await?;
            }
        }
        Ok(())
    }

    /// The rest, and what the marker says of it all.
    ///
    /// # Errors
    /// As `flush`.
    pub async fn finish(
        &self,
        engine: &Engine,
        tally: &Tally,
        side: &Store,
    ) -> Result<Left, StoreError> {
        self.flush(engine, tally, side).await?;
        let mut out = self.out.lock().await;
        if !out.lines.is_empty() {
            out.put(side).await?;
        }
        // Those of an earlier, longer leave.
        for (name, _) in side.list(Layout::SHARD_LEFT).await? {
            if !(0..out.parts.len()).any(|part| name == Layout::shard_left(part)) {
                side.delete(&name).await?;
            }
        }
        Ok(Left { version: env!("CARGO_PKG_VERSION").to_owned(), parts: out.parts.clone() })
    }
}

impl Out {
    async fn put(&mut self, side: &Store) -> Result<(), StoreError> {
        let name = Layout::shard_left(self.parts.len());
        let bytes = zstd::bulk::compress(&self.lines, 1).map_err(|e| StoreError::of(&name, e))?;
        let digest = Digest::of(&bytes);
        side.put(&name, Bytes::from(bytes)).await?;
        self.parts.push(digest);
        self.lines.clear();
        Ok(())
    }
}

fn line(
    engine: &Engine,
    head: Digest,
    calls: Vec<Paid>,
    steps: &Steps,
    lines: &mut Vec<u8>,
) -> Result<(), StoreError> {
    let unreadable = |e| StoreError::unreadable("scratch file", e);
    let mut texts = Vec::new();
    for &(at, place) in &steps.decided {
        texts.push((at, engine.ledger.json(place)?));
    }
    let decided = texts.len();
    for &(at, place) in &steps.waits {
        texts.push((at, engine.waiting(at, place)?));
    }
    let mut raw = Vec::with_capacity(texts.len());
    for (at, text) in &texts {
        let text: &RawValue = serde_json::from_slice(text).map_err(unreadable)?;
        raw.push((engine.names[*at].as_str(), text));
    }
    let waits = raw.split_off(decided);
    let walk = Walk { head, calls, decided: raw, waits };
    serde_json::to_writer(&mut *lines, &walk).map_err(unreadable)?;
    lines.push(b'\n');
    Ok(())
}

impl Engine {
    /// What names a walk: the record that sets out from a producer, and how. None where walks are
    /// neither left nor taken, or where each shard goes them all.
    pub(super) fn head(
        &self,
        from: usize,
        port: &str,
        t: &Trajectory,
        said: &Evidence,
    ) -> Option<Digest> {
        if !self.parted[from] || (self.leaving.is_none() && self.taken.is_none()) {
            return None;
        }
        let set_out = (self.names[from].as_str(), port, t, said);
        serde_json::to_vec(&set_out).ok().map(|json| Digest::of(&json))
    }

    /// The trail of a walk that sets out.
    pub(super) fn trail(&self) -> Trail {
        Trail::new(self.leaving.is_some())
    }

    /// A walk has come to its end.
    pub(super) fn walked(&self, head: Option<Digest>, trail: Trail) {
        if let (Some(leaving), Some(head)) = (&self.leaving, head) {
            leaving.push(head, trail);
        }
    }
}
