//! `write_dataset`: Parquet shards with embedded images, and the dataset card.

mod shards;

use crate::diag::Diagnostic;
use crate::env::ahead::{self, Bounds, Receiver, channel};
use crate::env::joined;
use crate::export::card::{self, CardFacts};
use crate::export::conversation;
use crate::export::croissant::{self, Described};
use crate::export::dataset::{
    BATCH_BYTES, DatasetError, PreparedRow, PreparedRows, ROW_BYTES, ShardOptions, SpareBatches,
};
use crate::record::{Digest, Round, Trajectory};
use crate::stage::{
    Arity, Compile, Does, Facts, Kind, Param, Params, Port, Reason, Sealed, Sink, SinkCx, Stage,
    StageError, Ty,
};
use crate::store::{Layout, StoreError};
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use shards::Shards;
use std::pin::Pin;
use std::sync::Arc;
use tokio::task::JoinHandle;

pub const KIND: Kind = Kind {
    name: "write_dataset",
    about: "Writes the dataset: Parquet shards with embedded images, and a card.",
    docs: "Rows are shuffled by a keyed hash of their ids, so that shards are alike. A shard is \
           closed at `shard_mb`; row groups are bounded by bytes, so that memory is flat. Beside \
           the shards: README.md (the card, with funnel, strata, models, licences, and the \
           simulation's label where it is one), croissant.json (the same for machines, with \
           provenance) and samples.png.",
    does: Does::Write,
    accepts: &[],
    rejects: &[],
    arity: Arity::Some,
    ports: &[] as &[Port],
    reasons: &[Reason {
        code: "not_written",
        doc: "failed: a picture is missing or damaged, or the rounds make no whole conversation",
    }],
    params: &[
        Param {
            name: "shard_mb",
            ty: Ty::Int { min: 1, max: 10_000 },
            default: Some("400"),
            doc: "size at which a shard is closed, in MB",
        },
        Param { name: "split", ty: Ty::Text, default: Some("train"), doc: "the shards' name" },
        Param {
            name: "licence",
            ty: Ty::Text,
            default: Some(""),
            doc: "the dataset's licence on its card; absent: `other`, to be filled in",
        },
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(_: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    if facts.rounds == 0 {
        return Err("a round".into());
    }
    if facts.other_grammar {
        return Err("turns that rows are written in (grammar v1 or native; what `score` tells of \
                    others is in tables and on pages)"
            .into());
    }
    Ok(Vec::new())
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    let split = cx.params.text("split").to_owned();
    if split.is_empty() || !split.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(vec![cx.fault("split", "P04", "`split` is letters, digits and `_`".into())]);
    }
    let licence = Some(cx.params.text("licence").to_owned()).filter(|l| !l.is_empty());
    Ok(Stage::Sink(Box::new(WriteDataset {
        shard_bytes: cx.params.int("shard_mb") as u64 * 1_000_000,
        split,
        licence,
    })))
}

struct WriteDataset {
    shard_bytes: u64,
    split: String,
    licence: Option<String>,
}

/// Rows whose images are read at once, since a bucket takes tens of milliseconds each.
const AT_ONCE: usize = 8;

/// Batches on their way at once: one reads its images while others are made columns.
const AHEAD: usize = 3;

/// Batches that wait while those before them are encoded.
const WAITING: Bounds = Bounds { count: 2, bytes: 2 * BATCH_BYTES };

/// How many rows give pictures to the sample sheet.
const SAMPLES: usize = 12;

#[async_trait::async_trait]
impl Sink for WriteDataset {
    async fn write<'a>(
        &'a self,
        records: BoxStream<'a, Result<Trajectory, StageError>>,
        cx: &'a SinkCx,
    ) -> Result<Sealed, StageError> {
        clear(cx).await?;
        let (mut facts, mut sheet) = (self.facts(cx), Sheet::default());
        let mut records = records.peekable();
        // The first record says what kind of rows a dataset has: a pair among others has no column to be in.
        let first = Pin::new(&mut records).peek().await;
        let options = ShardOptions {
            pipeline: cx.pipeline_digest.clone(),
            pairs: first.is_some_and(|t| t.as_ref().is_ok_and(|t| t.rejected.is_some())),
            ..ShardOptions::default()
        };
        let shards = Shards::new(self.shard_bytes, &self.split, options.clone(), cx);
        let (sender, receiver) = channel(WAITING);
        let batches = ahead::groups(records, self.batch(), weight);
        let loading = async move {
            let making = Arc::new((options, SpareBatches::default()));
            let loaded = batches.map(|some| load(some, cx, making.clone())).buffered(AHEAD);
            let mut loaded = std::pin::pin!(loaded);
            while let Some(next) = loaded.next().await {
                let weight = next.as_ref().map_or(0, |loaded| loaded.weight);
                if sender.send(next, weight).await.is_err() {
                    // Writing has failed, and says why.
                    return;
                }
            }
        };
        let writing = write(shards, receiver, &mut facts, &mut sheet);
        let ((), sealed) = futures::join!(loading, writing);
        let mut sealed = sealed?;
        sealed.purity = facts.purity.purity();
        write_card(cx, &sealed, facts, sheet).await?;
        Ok(sealed)
    }
}

impl WriteDataset {
    /// What the card says before there are rows.
    fn facts(&self, cx: &SinkCx) -> CardFacts {
        CardFacts {
            title: cx.pipeline.clone(),
            pipeline: cx.pipeline_digest.clone(),
            licence: self.licence.clone(),
            split: self.split.clone(),
            roles: cx.models.clone(),
            ..CardFacts::default()
        }
    }

    /// Rows whose images are read together, which are then made columns together and written together. A shard is
    /// closed with a batch, so that a batch of more than a shard would make shards too large.
    fn batch(&self) -> Bounds {
        let shard = usize::try_from(self.shard_bytes).unwrap_or(usize::MAX);
        Bounds { count: BATCH_BYTES / ROW_BYTES, bytes: BATCH_BYTES.min(shard) }
    }
}

/// Writes the rows that come, in the order in which they do.
async fn write(
    mut shards: Shards<'_>,
    mut loaded: Receiver<Result<Loaded, StageError>>,
    facts: &mut CardFacts,
    sheet: &mut Sheet,
) -> Result<Sealed, StageError> {
    let mut failed = Vec::new();
    while let Some((next, _room)) = loaded.recv().await {
        let Loaded { rows, records, .. } = next?;
        shards.push(rows).await?;
        for Shown { trajectory, written, samples } in records {
            match written {
                Err(what) => failed.push((trajectory.prompt.id, what)),
                Ok(()) => {
                    facts.count(&trajectory);
                    sheet.offer(samples);
                }
            }
        }
    }
    Ok(Sealed { failed, ..shards.finish().await? })
}

/// Records whose turn comes, a batch.
struct Loaded {
    rows: PreparedRows,
    records: Vec<Shown>,
    /// What they hold, bytes.
    weight: usize,
}

/// One of them.
struct Shown {
    trajectory: Trajectory,
    /// Or why it has no row.
    written: Result<(), String>,
    /// Its pictures.
    samples: Vec<Bytes>,
}

/// Of a record's row, bytes: its images, as it names them, and its texts where these are long.
fn weight(record: &Result<Trajectory, StageError>) -> usize {
    let Ok(record) = record else { return ROW_BYTES };
    let images = conversation::images(record);
    let images: usize = images.iter().map(|image| image.bytes as usize).sum();
    let judged = |round: &Round| round.judgement.as_ref().map_or(0, |j| j.rationale.len());
    let texts = record.rounds.iter().map(|r| r.thinking.len() + r.refined.len() + judged(r));
    let rejected = record.rejected.as_ref().map_or(0, |rejected| rejected.turn.len());
    images + ROW_BYTES.max(record.prompt.text.len() + texts.sum::<usize>() + rejected)
}

/// Reads the images of some records, and makes columns of them on another thread.
async fn load(
    records: Vec<Result<Trajectory, StageError>>,
    cx: &SinkCx,
    making: Arc<(ShardOptions, SpareBatches)>,
) -> Result<Loaded, StageError> {
    let weight = records.iter().map(weight).sum();
    let pictured = futures::stream::iter(records).map(|trajectory| async {
        let trajectory = trajectory?;
        let images = images(&trajectory, cx).await?;
        Ok::<_, StageError>((trajectory, images))
    });
    let pictured: Vec<_> = pictured.buffered(AT_ONCE).try_collect().await?;
    let prepare = move || {
        let (options, spare) = &*making;
        let (mut rows, mut records) = (Vec::new(), Vec::new());
        for one in pictured {
            let (shown, row) = prepare(options, one)?;
            records.push(shown);
            rows.extend(row);
        }
        let rows = options.columns(rows, spare).map_err(parquet)?;
        Ok(Loaded { rows, records, weight })
    };
    joined(tokio::task::spawn_blocking(prepare).await).map_err(store)?
}

fn prepare(
    options: &ShardOptions,
    (trajectory, images): (Trajectory, Result<Vec<Proved>, String>),
) -> Result<(Shown, Option<PreparedRow>), StageError> {
    let images = match images {
        Ok(images) => images,
        Err(what) => {
            return Ok((Shown { trajectory, written: Err(what), samples: Vec::new() }, None));
        }
    };
    let (written, row) = match options.prepare(&trajectory, &images) {
        // This row's own affair; anything else is the dataset's.
        Err(
            e @ (DatasetError::Refused { .. }
            | DatasetError::Images { .. }
            | DatasetError::Altered { .. }),
        ) => (Err(e.to_string()), None),
        row => (Ok(()), Some(row.map_err(parquet)?)),
    };
    let samples = images.into_iter().map(|(bytes, _)| bytes).collect();
    Ok((Shown { trajectory, written, samples }, row))
}

/// The sheet of sample pictures, drawn on another thread once it has its rows.
#[derive(Default)]
struct Sheet {
    samples: Vec<Vec<Bytes>>,
    drawn: Option<JoinHandle<Option<Vec<u8>>>>,
}

impl Sheet {
    fn offer(&mut self, images: Vec<Bytes>) {
        if images.is_empty() || self.drawn.is_some() {
            return;
        }
        self.samples.push(images);
        if self.samples.len() == SAMPLES {
            self.draw();
        }
    }

    fn draw(&mut self) {
        let samples = std::mem::take(&mut self.samples);
        self.drawn =
            Some(tokio::task::spawn_blocking(move || crate::export::grid::grid(&samples, 4)));
    }

    /// None without pictures.
    async fn finish(mut self) -> Result<Option<Vec<u8>>, StageError> {
        if self.drawn.is_none() {
            self.draw();
        }
        match self.drawn {
            Some(drawn) => joined(drawn.await).map_err(store),
            None => Ok(None),
        }
    }
}

/// The card, the sheet of sample pictures that it shows, and the description for machines.
async fn write_card(
    cx: &SinkCx,
    sealed: &Sealed,
    mut facts: CardFacts,
    sheet: Sheet,
) -> Result<(), StageError> {
    if let Some(sheet) = sheet.finish().await? {
        put(cx, "samples.png", sheet.into()).await?;
        facts.grid = Some("samples.png".into());
    }
    let failed = sealed.failed.len() as u64;
    let about = card::sealed(cx.about.clone(), sealed.rows, failed, &sealed.digest);
    let splits = [(facts.split.clone(), format!("{}-*.parquet", facts.split))];
    let described = Described {
        rows: sealed.rows,
        simulated: about.simulated,
        splits: &splits,
        digest: &sealed.digest,
    };
    put(cx, croissant::FILE, croissant::render(&facts, described).into()).await?;
    put(cx, "README.md", card::render(&about, &facts).into()).await
}

/// Shards of an earlier dataset of this RUN: a smaller one must not leave the rest standing.
async fn clear(cx: &SinkCx) -> Result<(), StageError> {
    for (name, _) in cx.store.list(Layout::DATASET).await.map_err(store)? {
        cx.store.delete(&name).await.map_err(store)?;
    }
    Ok(())
}

async fn put(cx: &SinkCx, name: &str, bytes: Bytes) -> Result<(), StageError> {
    cx.store.put(&format!("{}/{name}", Layout::DATASET), bytes).await.map_err(store)
}

/// An image's bytes and what they hash to, which the blobs have proved.
type Proved = (Bytes, Digest);

/// The images that the conversation shows, in order (an open trajectory's last picture is not among
/// them); Err when one is missing or damaged.
async fn images(t: &Trajectory, cx: &SinkCx) -> Result<Result<Vec<Proved>, String>, StageError> {
    let mut out = Vec::new();
    for image in conversation::images(t) {
        match cx.blobs.get(image.digest).await {
            Ok(bytes) => out.push((bytes, image.digest)),
            Err(e @ (StoreError::NotFound { .. } | StoreError::Damaged { .. })) => {
                return Ok(Err(e.to_string()));
            }
            Err(e) => return Err(store(e)),
        }
    }
    Ok(Ok(out))
}

/// Of the whole dataset: writing it cannot go on.
fn store(error: impl std::error::Error + Send + Sync + 'static) -> StageError {
    StageError::Call(crate::call::CallError::Store(crate::record::Cause::new(error)))
}

fn parquet(error: impl std::fmt::Display) -> StageError {
    StageError::Record { code: "parquet", what: error.to_string() }
}

#[cfg(test)]
mod tests;
