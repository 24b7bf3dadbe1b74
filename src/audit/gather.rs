//! Gathering the `Facts` of a RUN: tables, journal, blobs, dataset, report.
//!
//! A default audit is quick on a RUN of any size. Beyond set bounds it reads a
//! uniform sample (the smallest keys: they are hashes) and says so; `full` reads everything.

use crate::archive::{Reading, RunDir, Unreadable};
use crate::audit::error::AuditError;
use crate::audit::facts::{BlobFacts, CallFact, DatasetFacts, DatasetRow, Facts, JournalFacts};
use crate::audit::funnel::Costs;
use crate::audit::index::{HashedMap, Index};
use crate::audit::steps::shown;
use crate::call::Output;
use crate::export::dataset::{self, PicturedRow};
use crate::journal::{Entry, ReadJournal};
use crate::record::{CallKey, ImageRef};

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
    let (index, seen) = Index::read(run, Reading::Replies).await?;
    let mut facts = Facts {
        shape: run.shape.clone(),
        index,
        report: run.report.clone(),
        unreadable: run.unreadable.clone(),
        from_ledger: seen.from_ledger,
        ..Facts::default()
    };
    facts.unreadable.extend(seen.unreadable);
    let journal = run.journal().await?;
    read_journal(&journal, depth, &mut facts).await?;
    facts.dataset = read_dataset(run, &journal, depth, &mut facts).await?;
    read_blobs(run, depth, &mut facts.blobs).await?;
    facts.sessions = run.sessions().await?;
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
            .scan_bought(&mut |bought, again| {
                if !again {
                    out.insert(bought.key, bought.reply.cost.0);
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
        blank: matches!(reply.output, Output::Image { blank: true, .. }),
        refused: matches!(reply.output, Output::Refused { .. }),
        key_holds: entry.request.key() == entry.key,
    };
    journal.calls.insert(entry.key, fact);
}

/// None when the RUN has no sealed dataset. Rows are always read; bytes are hashed when that is
/// quick.
async fn read_dataset(
    run: &RunDir,
    journal: &ReadJournal,
    depth: Depth,
    facts: &mut Facts,
) -> Result<Option<DatasetFacts>, AuditError> {
    let Some(dataset) = run.dataset().await? else { return Ok(None) };
    let bytes = dataset.bytes();
    let whole = depth == Depth::Full || bytes <= SOME_BYTES;
    let mut out = DatasetFacts { bytes, ..DatasetFacts::default() };
    for shard in &dataset.shards {
        let read = match whole {
            true => {
                let mut each = |item| note_item(item, journal, &mut out, &mut facts.blobs);
                dataset.whole(shard, &mut each).await
            }
            false => dataset.light(shard, &mut |row| note_row(row, 0, journal, &mut out)).await,
        };
        if let Err(what) = read {
            facts.unreadable.push(Unreadable { name: shard.name.clone(), what });
        }
    }
    if whole {
        out.digest = Some(dataset.digest().await?);
    }
    Ok(Some(out))
}

/// A row with its pictures.
fn note_item(
    item: PicturedRow,
    journal: &ReadJournal,
    out: &mut DatasetFacts,
    blobs: &mut BlobFacts,
) {
    let bad = item.altered().len() as u32;
    for round in item.row.clone().into_trajectory().rounds {
        let need = |image: ImageRef| (image.bytes, format!("dataset row {}", item.row.id));
        if let Some(image) = round.image {
            blobs.needed.entry(image.digest).or_insert_with(|| need(image));
        }
    }
    note_row(item.row, bad, journal, out);
}

fn note_row(
    row: dataset::DatasetRow,
    bad_images: u32,
    journal: &ReadJournal,
    out: &mut DatasetFacts,
) {
    out.acceptance.add(row.rounds.iter().map(dataset::RoundRow::accepts));
    let missing = row.provenance.calls.iter().filter(|key| !journal.contains(key));
    out.rows.push(DatasetRow {
        id: Some(row.id),
        calls_missing: missing.count() as u32,
        prompt: row.prompt,
        category: row.category,
        outcome: row.outcome.map_or(String::new(), |o| o.as_str().to_owned()),
        bad_images,
    });
}

/// Lists all blobs; hashes them in the order of their names until the bound.
async fn read_blobs(run: &RunDir, depth: Depth, out: &mut BlobFacts) -> Result<(), AuditError> {
    let present = run.pictures().await?;
    out.present = HashedMap::from_iter(present.iter().copied());
    let mut left = if depth == Depth::Full { u64::MAX } else { SOME_BYTES };
    for (digest, size) in present {
        if size > left {
            break;
        }
        left -= size;
        out.hashed += 1;
        out.corrupt.extend(run.picture_fault(digest).await.map(|what| (digest, what)));
    }
    Ok(())
}
