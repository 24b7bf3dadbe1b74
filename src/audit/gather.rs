//! Gathering the `Facts` of a RUN: tables, journal, blobs, dataset, report.
//!
//! The one idea: a default audit is quick on a RUN of any size. Beyond set bounds it reads a
//! uniform sample (the smallest keys: they are hashes) and says so; `full` reads everything.

use crate::audit::columns::Reading;
use crate::audit::error::AuditError;
use crate::audit::facts::Unreadable;
use crate::audit::facts::{
    BlobFacts, CallFact, DatasetFacts, DatasetRow, Facts, JournalFacts, Sessions,
};
use crate::audit::funnel::Costs;
use crate::audit::index::{HashedMap, Index};
use crate::audit::run_dir::RunDir;
use crate::audit::steps::shown;
use crate::call::Output;
use crate::export::dataset;
use crate::journal::{Entry, ReadJournal};
use crate::record::{CallKey, Digest, ImageRef, Session};
use crate::store::{Layout, Store};
use parquet::file::reader::ChunkReader;
use std::collections::BTreeMap;

/// Calls read when not everything is.
const SAMPLE_CALLS: usize = 5_000;
/// Journals up to this many calls are read whole.
const WHOLE_CALLS: usize = 50_000;
/// Bytes of blobs, and of shards, that are hashed when not everything is.
const SOME_BYTES: u64 = 256 << 20;

/// How much to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Bounded time: samples where there is much.
    Quick,
    /// Every call, every picture, every shard.
    Full,
}

/// Reads what the checks look at.
pub async fn gather(run: &RunDir, depth: Depth) -> Result<Facts, AuditError> {
    let tables = run.tables(Reading::Prompts).await?;
    let mut facts = Facts {
        shape: run.shape.clone(),
        index: Index::assemble(tables.columns),
        report: run.report.clone(),
        unreadable: run.unreadable.clone(),
        from_ledger: tables.from_ledger,
        ..Facts::default()
    };
    facts.unreadable.extend(tables.unreadable);
    let journal = run.journal().await?;
    read_journal(&journal, depth, &mut facts).await?;
    facts.dataset = read_dataset(run.store(), &journal, depth, &mut facts).await?;
    read_blobs(run, depth, &mut facts.blobs).await?;
    facts.sessions = read_sessions(run.store()).await?;
    Ok(facts)
}

async fn read_journal(
    journal: &ReadJournal,
    depth: Depth,
    facts: &mut Facts,
) -> Result<(), AuditError> {
    let mut out = JournalFacts { len: journal.len() as u64, ..JournalFacts::default() };
    for (s, rows) in facts.index.stages.iter().enumerate() {
        for row in 0..rows.len() {
            let gone = rows.calls.get(row).iter().filter(|key| !journal.contains(key));
            out.missing.extend(gone.map(|key| (*key, s, row)));
        }
    }
    let blobs = &mut facts.blobs;
    if depth == Depth::Full || journal.len() <= WHOLE_CALLS {
        journal
            .scan(&mut |entry, again| {
                if again {
                    out.twice.push(entry.key);
                    out.twice_cost += entry.reply.cost.0;
                } else {
                    note_call(&entry, &mut out, blobs);
                }
            })
            .await?;
    } else {
        for key in sample(&facts.index) {
            if let Some(entry) = journal.get(&key).await? {
                note_call(&entry, &mut out, blobs);
            }
        }
    }
    out.damage = journal.damage();
    facts.journal = out;
    Ok(())
}

/// What each call cost, where the journal is small enough to be read whole; else nothing.
pub async fn costs(journal: &ReadJournal) -> Result<Costs, AuditError> {
    let mut out = Costs::default();
    if journal.len() <= WHOLE_CALLS {
        journal
            .scan(&mut |entry, again| {
                if !again {
                    out.insert(entry.key, entry.reply.cost.0);
                }
            })
            .await?;
    }
    Ok(out)
}

/// The smallest distinct keys that rows name: uniform, since keys are hashes.
fn sample(index: &Index) -> Vec<CallKey> {
    let mut keys: Vec<CallKey> =
        index.stages.iter().flat_map(|s| s.calls.all().iter().copied()).collect();
    // About what is wanted, before the costly sort.
    let part = (SAMPLE_CALLS * 4) as f64 / keys.len().max(1) as f64;
    if part < 1.0 {
        let bound = (part * 65536.0).ceil() as u16;
        keys.retain(|key| u16::from_be_bytes([key.0[0], key.0[1]]) <= bound);
    }
    keys.sort_unstable();
    keys.dedup();
    keys.truncate(SAMPLE_CALLS);
    keys
}

fn note_call(entry: &Entry, journal: &mut JournalFacts, blobs: &mut BlobFacts) {
    let role = entry.request.role();
    let number = journal.roles.iter().position(|known| known == role).unwrap_or_else(|| {
        journal.roles.push(role.to_owned());
        journal.roles.len() - 1
    });
    let reply = &entry.reply;
    let image = match &reply.output {
        Output::Image { image, .. } => Some(*image),
        _ => None,
    };
    let short = || format!("{role} call {}", &entry.key.hex()[..12]);
    for need in image.into_iter().chain(shown(&entry.request)) {
        blobs.needed.entry(need.digest).or_insert_with(|| (need.bytes, short()));
    }
    let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let fact = CallFact {
        role: u16::try_from(number).unwrap_or(u16::MAX),
        attempts: reply.attempts,
        latency_ms: small(reply.latency_ms),
        cost: reply.cost.0,
        tokens_in: small(reply.usage.input),
        tokens_out: small(reply.usage.output + reply.usage.thinking),
        image: image.map(|image| image.digest),
        refused: matches!(reply.output, Output::Refused { .. }),
        key_holds: entry.request.key() == entry.key,
    };
    journal.calls.insert(entry.key, fact);
}

/// None when the RUN has no shards. Rows are always read; bytes are hashed when that is quick.
async fn read_dataset(
    store: &Store,
    journal: &ReadJournal,
    depth: Depth,
    facts: &mut Facts,
) -> Result<Option<DatasetFacts>, AuditError> {
    let mut shards = store.list(Layout::DATASET).await?;
    shards.retain(|(name, _)| name.ends_with(".parquet"));
    if shards.is_empty() {
        return Ok(None);
    }
    let bytes: u64 = shards.iter().map(|(_, size)| size).sum();
    let hash = depth == Depth::Full || bytes <= SOME_BYTES;
    let mut out = DatasetFacts { bytes, ..DatasetFacts::default() };
    let mut reading = Shards { journal, whole: hash, out: &mut out, blobs: &mut facts.blobs };
    for (name, _) in &shards {
        if let Err(what) = reading.shard(store, name).await {
            facts.unreadable.push(Unreadable { name: name.clone(), what });
        }
    }
    if hash {
        out.digest = Some(dataset_digest(store, &shards).await?);
    }
    Ok(Some(out))
}

/// As kind `write_dataset` makes it: over each shard's name and the digest of its bytes.
async fn dataset_digest(store: &Store, shards: &[(String, u64)]) -> Result<String, AuditError> {
    const PIECE: usize = 8 << 20;
    let mut all = blake3::Hasher::new_derive_key("coldstart 2026 dataset v1");
    for (name, size) in shards {
        let reader = store.reader(name).await?;
        let mut shard = blake3::Hasher::new();
        let mut at = 0;
        while at < *size {
            let len = PIECE.min((*size - at) as usize);
            shard.update(&reader.read_at(at, len).await?);
            at += len as u64;
        }
        all.update(name.as_bytes());
        all.update(shard.finalize().as_bytes());
    }
    Ok(Digest(*all.finalize().as_bytes()).hex())
}

/// Shards being read.
struct Shards<'a> {
    journal: &'a ReadJournal,
    /// Pictures too.
    whole: bool,
    out: &'a mut DatasetFacts,
    blobs: &'a mut BlobFacts,
}

impl Shards<'_> {
    /// A local shard is read from its file, piece by piece; one in a bucket is fetched whole.
    async fn shard(&mut self, store: &Store, name: &str) -> Result<(), String> {
        match store.local_path(name) {
            Some(path) => {
                let file = std::fs::File::open(path).map_err(|err| err.to_string())?;
                self.read(file)
            }
            None => self.read(store.get(name).await.map_err(|err| err.to_string())?),
        }
    }

    fn read<R: ChunkReader + 'static>(&mut self, shard: R) -> Result<(), String> {
        if !self.whole {
            for light in dataset::light(shard).map_err(|err| err.to_string())? {
                self.row(light.map_err(|err| err.to_string())?, 0);
            }
            return Ok(());
        }
        for item in dataset::read(shard).map_err(|err| err.to_string())? {
            let item = item.map_err(|err| err.to_string())?;
            let bad = item.altered().len() as u32;
            for round in item.row.clone().into_trajectory().rounds {
                let need = |image: ImageRef| (image.bytes, format!("dataset row {}", item.row.id));
                if let Some(image) = round.image {
                    self.blobs.needed.entry(image.digest).or_insert_with(|| need(image));
                }
            }
            self.row(item.row, bad);
        }
        Ok(())
    }

    fn row(&mut self, row: dataset::Row, bad_images: u32) {
        let missing = row.provenance.calls.iter().filter(|key| !self.journal.contains(key));
        self.out.rows.push(DatasetRow {
            id: Some(row.id),
            calls_missing: missing.count() as u32,
            prompt: row.prompt,
            category: row.category,
            outcome: row.outcome.map_or(String::new(), |o| o.as_str().to_owned()),
            bad_images,
        });
    }
}

/// By folder: a shard's processes follow each other, not those of other shards.
async fn read_sessions(store: &Store) -> Result<Sessions, AuditError> {
    let mut folders: BTreeMap<String, Vec<Session>> = BTreeMap::new();
    let mut names = store.list(Layout::SESSIONS).await?;
    names.extend(store.list("shards").await?);
    for (name, _) in names {
        let Some((folder, _)) = name.rsplit_once('/') else { continue };
        if folder.rsplit('/').next() != Some(Layout::SESSIONS) {
            continue;
        }
        // One that cannot be read is one whose end is not known.
        let read = store.get(&name).await.ok();
        let session = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        folders.entry(folder.to_owned()).or_default().push(session.unwrap_or_default());
    }
    let mut out = Sessions::default();
    folders.into_values().for_each(|sessions| out.add(Sessions::of(sessions)));
    Ok(out)
}

/// Lists all blobs; hashes them in the order of their names until the bound.
async fn read_blobs(run: &RunDir, depth: Depth, out: &mut BlobFacts) -> Result<(), AuditError> {
    let mut present: Vec<(Digest, u64)> = Vec::new();
    for (name, size) in run.store().list(Layout::BLOBS).await? {
        let digest = name.rsplit('/').next().and_then(|hex| hex.parse().ok());
        present.extend(digest.map(|digest| (digest, size)));
    }
    out.present = HashedMap::from_iter(present.iter().copied());
    let mut left = if depth == Depth::Full { u64::MAX } else { SOME_BYTES };
    for (digest, size) in present {
        if size > left {
            break;
        }
        left -= size;
        out.hashed += 1;
        match run.store().get(&crate::store::Blobs::name(digest)).await {
            Ok(bytes) if Digest::of(&bytes) != digest => {
                out.corrupt.push((digest, format!("its bytes hash to {}", Digest::of(&bytes))));
            }
            Ok(_) => {}
            Err(err) => out.corrupt.push((digest, err.to_string())),
        }
    }
    Ok(())
}
