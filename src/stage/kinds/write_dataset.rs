//! `write_dataset`: Parquet shards with embedded images, and the dataset card.

use crate::diag::Diagnostic;
use crate::env::ahead::{self, Bounds, Receiver, channel};
use crate::export::card::{self, CardFacts};
use crate::export::conversation;
use crate::export::croissant::{self, Described};
use crate::export::dataset::{DatasetError, PreparedRow, ShardOptions, ShardWriter};
use crate::record::{Digest, Trajectory};
use crate::stage::{
    Arity, Compile, Does, Facts, Kind, Param, Params, Port, Reason, Sealed, Sink, SinkCx, Stage,
    StageError, Ty,
};
use crate::store::{Hashing, Layout, StoreError, StoreWriter};
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
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

/// Rows whose images are read together, and which are then prepared together; counted by the bytes of their
/// images.
const TOGETHER: Bounds = Bounds { count: 64, bytes: 8 << 20 };

/// Rows whose images are read at once, since a bucket takes tens of milliseconds each.
const AT_ONCE: usize = 8;

/// So many times `TOGETHER` at once: one reads while another is prepared.
const AHEAD: usize = 2;

/// What waits while the rows before it are encoded; counted by `TOGETHER`.
const WAITING: Bounds = Bounds { count: 8, bytes: 8 << 20 };

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
        let mut facts = CardFacts {
            title: cx.pipeline.clone(),
            pipeline: cx.pipeline_digest.clone(),
            licence: self.licence.clone(),
            split: self.split.clone(),
            roles: cx.models.clone(),
            ..CardFacts::default()
        };
        let mut sheet = Sheet::default();
        let (sender, receiver) = channel(WAITING);
        let loading = async move {
            let groups = ahead::groups(records, TOGETHER, images_bytes);
            let loaded = groups.map(|some| load(some, cx)).buffered(AHEAD);
            let mut loaded = std::pin::pin!(loaded);
            while let Some(next) = loaded.next().await {
                let weight = next.iter().flatten().map(Loaded::weight).sum();
                if sender.send(next, weight).await.is_err() {
                    // Writing has failed, and says why.
                    return;
                }
            }
        };
        let writing = self.rows(receiver, &mut facts, &mut sheet, cx);
        let ((), sealed) = futures::join!(loading, writing);
        let mut sealed = sealed?;
        sealed.purity = facts.purity.purity();
        write_card(cx, &sealed, facts, sheet).await?;
        Ok(sealed)
    }
}

impl WriteDataset {
    /// Writes the rows that come, in the order in which they do.
    async fn rows(
        &self,
        mut loaded: Receiver<Result<Vec<Loaded>, StageError>>,
        facts: &mut CardFacts,
        sheet: &mut Sheet,
        cx: &SinkCx,
    ) -> Result<Sealed, StageError> {
        let mut shards = Shards::new(self, cx);
        let mut failed = Vec::new();
        while let Some((next, _room)) = loaded.recv().await {
            for Loaded { trajectory, row, samples } in next? {
                match row {
                    Err(what) => failed.push((trajectory.prompt.id, what)),
                    Ok(row) => {
                        shards.push(trajectory.rejected.is_some(), row).await?;
                        facts.count(&trajectory);
                        sheet.offer(samples);
                    }
                }
            }
        }
        Ok(Sealed { failed, ..shards.finish().await? })
    }
}

/// A record whose turn comes.
struct Loaded {
    trajectory: Trajectory,
    /// Or why it has none.
    row: Result<PreparedRow, String>,
    /// Its pictures.
    samples: Vec<Bytes>,
}

impl Loaded {
    /// Bytes, of what counts.
    fn weight(&self) -> usize {
        self.row.as_ref().map_or(0, PreparedRow::weight)
    }
}

/// Of the images that a row embeds, as its record names them.
fn images_bytes(record: &Result<Trajectory, StageError>) -> usize {
    let images = record.as_ref().map(conversation::images).unwrap_or_default();
    images.iter().map(|image| image.bytes as usize).sum()
}

/// Reads the images of some records, and prepares their rows on another thread.
async fn load(
    records: Vec<Result<Trajectory, StageError>>,
    cx: &SinkCx,
) -> Result<Vec<Loaded>, StageError> {
    let pictured = futures::stream::iter(records).map(|trajectory| async {
        let trajectory = trajectory?;
        let images = images(&trajectory, cx).await?;
        Ok::<_, StageError>((trajectory, images))
    });
    let pictured: Vec<_> = pictured.buffered(AT_ONCE).try_collect().await?;
    let options = options(cx);
    let prepare = move || pictured.into_iter().map(|one| prepare(&options, one)).collect();
    tokio::task::spawn_blocking(prepare).await.map_err(store)?
}

fn prepare(
    options: &ShardOptions,
    (trajectory, images): (Trajectory, Result<Vec<Proved>, String>),
) -> Result<Loaded, StageError> {
    let images = match images {
        Ok(images) => images,
        Err(what) => return Ok(Loaded { trajectory, row: Err(what), samples: Vec::new() }),
    };
    let row = match options.prepare(&trajectory, &images) {
        // This row's own affair; anything else is the dataset's.
        Err(
            e @ (DatasetError::Refused { .. }
            | DatasetError::Images { .. }
            | DatasetError::Altered { .. }),
        ) => Err(e.to_string()),
        row => Ok(row.map_err(parquet)?),
    };
    Ok(Loaded { trajectory, row, samples: images.into_iter().map(|(bytes, _)| bytes).collect() })
}

fn options(cx: &SinkCx) -> ShardOptions {
    ShardOptions { pipeline: cx.pipeline_digest.clone(), ..ShardOptions::default() }
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
            Some(drawn) => drawn.await.map_err(store),
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

/// The shard being written, and the digest over all of them.
struct Shards<'a> {
    stage: &'a WriteDataset,
    cx: &'a SinkCx,
    open: Option<(ShardWriter, StoreWriter, String, Hashing)>,
    number: usize,
    rows: u64,
    digest: blake3::Hasher,
}

impl<'a> Shards<'a> {
    fn new(stage: &'a WriteDataset, cx: &'a SinkCx) -> Shards<'a> {
        let digest = blake3::Hasher::new_derive_key("coldstart 2026 dataset v1");
        Shards { stage, cx, open: None, number: 0, rows: 0, digest }
    }

    /// `pairs`: the row is a preference pair, and so are all of its shard.
    async fn push(&mut self, pairs: bool, row: PreparedRow) -> Result<(), StageError> {
        if self.open.is_none() {
            let options = ShardOptions { pairs, ..options(self.cx) };
            let name = Layout::dataset_shard(&self.stage.split, self.number);
            let shard = ShardWriter::new(options).map_err(parquet)?;
            let writer = self.cx.store.writer(&name).await.map_err(store)?;
            self.open = Some((shard, writer, name, Hashing::start()));
        }
        let Some((shard, mut writer, name, hash)) = self.open.take() else { return Ok(()) };
        let mut shard = add(shard, row).await?;
        self.rows += 1;
        for chunk in shard.take() {
            hash.update(chunk.clone()).await;
            writer.write(chunk).await.map_err(store)?;
        }
        let full = shard.bytes() >= self.stage.shard_bytes;
        self.open = Some((shard, writer, name, hash));
        if full { self.close().await } else { Ok(()) }
    }

    async fn close(&mut self) -> Result<(), StageError> {
        let Some((shard, mut writer, name, hash)) = self.open.take() else { return Ok(()) };
        for chunk in shard.finish().map_err(parquet)? {
            hash.update(chunk.clone()).await;
            writer.write(chunk).await.map_err(store)?;
        }
        writer.finish().await.map_err(store)?;
        let hashed = hash.finish().await.map_err(store)?;
        self.number += 1;
        self.digest.update(name.as_bytes());
        self.digest.update(&hashed.0);
        Ok(())
    }

    async fn finish(mut self) -> Result<Sealed, StageError> {
        self.close().await?;
        let digest = Digest(*self.digest.finalize().as_bytes()).hex();
        Ok(Sealed { rows: self.rows, digest, ..Sealed::default() })
    }
}

/// `shard` with the row; a batch that is full is encoded on another thread, while the next rows are
/// loaded.
async fn add(mut shard: ShardWriter, row: PreparedRow) -> Result<ShardWriter, StageError> {
    if !shard.is_last(&row) {
        shard.push_prepared(row).map_err(parquet)?;
        return Ok(shard);
    }
    let encode = move || shard.push_prepared(row).map(|()| shard);
    tokio::task::spawn_blocking(encode).await.map_err(store)?.map_err(parquet)
}

/// Of the whole dataset: writing it cannot go on.
fn store(error: impl std::error::Error + Send + Sync + 'static) -> StageError {
    StageError::Call(crate::call::CallError::Store(crate::record::Cause::new(error)))
}

fn parquet(error: impl std::fmt::Display) -> StageError {
    StageError::Record { code: "parquet", what: error.to_string() }
}
