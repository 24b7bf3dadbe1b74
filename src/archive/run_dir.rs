//! A RUN opened for reading: its manifest, report, decisions, calls, pictures, shards and labels.
//!
//! What is absent or damaged is part of the answer; only a place that holds nothing of a RUN is an
//! error.

use crate::archive::columns::{Columns, Reading};
use crate::archive::dataset::Dataset;
use crate::archive::error::{ArchiveError, Unreadable};
use crate::archive::labels::{self, Label};
use crate::archive::pictures;
use crate::archive::rows::{self, Seen};
use crate::archive::sessions::{self, Sessions};
use crate::archive::shape::{Shape, ShapeStage};
use crate::journal::{ReadJournal, Short};
use crate::plan::Manifest;
use crate::record::{CallKey, Cause, Decision, Digest, Id, Report};
use crate::store::{Blobs, Layout, Store, StoreError};
use bytes::Bytes;

/// See the module's header. Cheap to clone.
#[derive(Clone)]
pub struct RunDir {
    store: Store,
    blobs: Blobs,
    pub shape: Shape,
    /// The final report, once there is one.
    pub report: Option<Report>,
    /// Of manifest and report: files that are there and cannot be read.
    pub unreadable: Vec<Unreadable>,
}

/// The manifest of the RUN at `store`.
///
/// # Errors
/// `NoManifest` where there is none, `Manifest` where it is damaged or of a later version.
pub async fn manifest(store: &Store) -> Result<Manifest, ArchiveError> {
    let place = format!("{}/{}", store.uri().trim_end_matches('/'), Layout::MANIFEST);
    let bytes = match store.get(Layout::MANIFEST).await {
        Err(StoreError::NotFound { .. }) => return Err(ArchiveError::NoManifest { place }),
        bytes => bytes?,
    };
    Manifest::parse(&bytes).map_err(|source| ArchiveError::Manifest { place, source })
}

/// Images kept in memory.
const BLOB_CACHE: usize = 64 << 20;

impl RunDir {
    /// Opens a RUN by path or URI.
    ///
    /// # Errors
    /// `NotARun` where there is neither a manifest nor a table nor a journal.
    pub async fn open(uri: &str) -> Result<RunDir, ArchiveError> {
        let store = Store::open(uri)?;
        let mut run = RunDir {
            blobs: Blobs::new(store.clone(), BLOB_CACHE),
            store,
            shape: Shape::default(),
            report: None,
            unreadable: Vec::new(),
        };
        let manifest = run.optional(Layout::MANIFEST).await?;
        let found = manifest.is_some();
        if let Some(bytes) = manifest {
            match Shape::of_manifest(&bytes) {
                Ok(shape) => run.shape = shape,
                Err(err) => run.cannot_read(Layout::MANIFEST, err),
            }
        }
        run.reload_report().await?;
        let stages = rows::stages(&run.store).await?;
        if !found && stages.is_empty() && !run.has_journal().await? {
            let nothing = run.store.local_path("").is_some_and(|path| !path.exists());
            let what = match nothing {
                true => "there is nothing at that path",
                false => "it has no manifest.json, no stages/ and no journal/",
            };
            return Err(ArchiveError::NotARun { place: uri.to_owned(), what: what.to_owned() });
        }
        run.add_unplanned(stages);
        Ok(run)
    }

    /// Stages that have a table and no place in the manifest (or there is no manifest): in the
    /// report's order, which is the pipeline's, where that is known.
    fn add_unplanned(&mut self, mut stages: Vec<String>) {
        if let Some(report) = &self.report {
            let place = |name: &String| report.stages.iter().position(|s| s.stage == *name);
            stages.sort_by_key(|name| place(name).unwrap_or(usize::MAX));
        }
        for name in stages {
            if self.shape.stage(&name).is_none() {
                self.shape.stages.push(ShapeStage { name, ..Default::default() });
            }
        }
    }

    async fn has_journal(&self) -> Result<bool, ArchiveError> {
        let mut names = self.store.list(Layout::JOURNAL).await?;
        names.extend(self.store.list(Layout::SHARDS).await?);
        Ok(!names.is_empty())
    }

    fn cannot_read(&mut self, name: &str, err: impl std::error::Error + Send + Sync + 'static) {
        self.unreadable.push(Unreadable { name: name.to_owned(), what: Cause::new(err) });
    }

    /// Reads the report again; a live run writes it at its end.
    pub async fn reload_report(&mut self) -> Result<(), ArchiveError> {
        let Some(bytes) = self.optional(Layout::REPORT).await? else { return Ok(()) };
        match serde_json::from_slice(&bytes) {
            Ok(report) => self.report = Some(report),
            Err(err) => self.cannot_read(Layout::REPORT, err),
        }
        Ok(())
    }

    async fn optional(&self, name: &str) -> Result<Option<Bytes>, ArchiveError> {
        match self.store.get(name).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(err) => Err(err.into()),
        }
    }

    /// The RUN as the user would type it.
    pub fn name(&self) -> String {
        self.store.uri()
    }

    /// The last part of its address.
    pub fn short_name(&self) -> String {
        self.name().trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The pictures, by their digests.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// The whole manifest, which who runs the pipeline again needs. Readers that only look around
    /// have `shape`, which also comes from a damaged manifest's neighbours or another version's.
    ///
    /// # Errors
    /// As the function `manifest`.
    pub async fn manifest(&self) -> Result<Manifest, ArchiveError> {
        manifest(&self.store).await
    }

    /// The calls.
    pub async fn journal(&self) -> Result<ReadJournal, ArchiveError> {
        Ok(ReadJournal::open(&self.store).await?)
    }

    /// The journal as far as these calls go.
    pub async fn journal_of(&self, keys: &[CallKey]) -> Result<ReadJournal, ArchiveError> {
        Ok(ReadJournal::open_for(&self.store, keys).await?)
    }

    /// The same of calls by their short keys.
    pub async fn journal_of_short(
        &self,
        keys: impl Iterator<Item = Short>,
    ) -> Result<ReadJournal, ArchiveError> {
        Ok(ReadJournal::open_for_short(&self.store, keys).await?)
    }

    /// The stage's place in the pipeline; an error names what there is.
    pub fn stage(&self, name: &str) -> Result<usize, ArchiveError> {
        let at = self.shape.stages.iter().position(|s| s.name == name);
        at.ok_or_else(|| {
            let known: Vec<&str> = self.shape.stages.iter().map(|s| s.name.as_str()).collect();
            ArchiveError::unknown("stage", name, known)
        })
    }

    /// All stage tables as columns, rows by id, one after the other in the pipeline's order; `reading` says which
    /// texts.
    pub async fn each_table(
        &self,
        reading: Reading,
        each: &mut (dyn FnMut(Columns) + Send),
    ) -> Result<Seen, ArchiveError> {
        rows::each_table(&self.store, &self.shape, reading, each).await
    }

    /// Every row of one stage, by id.
    pub async fn each(
        &self,
        stage: &str,
        each: &mut (dyn FnMut(Decision) + Send),
    ) -> Result<Vec<Unreadable>, ArchiveError> {
        rows::each(&self.store, stage, each).await
    }

    /// Every row of every stage, in any order; None when the run ended meanwhile, and all must be
    /// asked again.
    pub async fn every(
        &self,
        each: &mut (dyn FnMut(Decision) + Send),
    ) -> Result<Option<Vec<Unreadable>>, ArchiveError> {
        rows::every(&self.store, each).await
    }

    /// A record's rows over all stages, in the pipeline's order; and what could not be read.
    pub async fn rows_of(&self, id: &Id) -> Result<(Vec<Decision>, Vec<Unreadable>), ArchiveError> {
        rows::rows_of(&self.store, &self.shape, id).await
    }

    /// The sealed dataset; None where the RUN has not come to one. By the rule in `archive`'s
    /// header.
    pub async fn dataset(&self) -> Result<Option<Dataset>, ArchiveError> {
        let reported =
            self.report.is_some() || self.unreadable.iter().any(|u| u.name == Layout::REPORT);
        if !reported && rows::are_in_ledger(&self.store).await? {
            return Ok(None);
        }
        Dataset::find(&self.store, Layout::DATASET).await
    }

    /// The processes that worked on the RUN.
    pub async fn sessions(&self) -> Result<Sessions, ArchiveError> {
        sessions::read(&self.store).await
    }

    /// Every picture that is there, with its bytes as listed; in the order of the digests.
    pub async fn pictures(&self) -> Result<Vec<(Digest, u64)>, ArchiveError> {
        pictures::list(&self.store).await
    }

    /// What is wrong with a picture's bytes; None when they hash to its name.
    pub async fn picture_fault(&self, digest: Digest) -> Option<String> {
        pictures::fault(&self.store, digest).await
    }

    /// Changes when what a run writes as it works does: a digest of its files' names and sizes.
    pub async fn version(&self) -> Result<String, ArchiveError> {
        let mut hasher = blake3::Hasher::new();
        for folder in [Layout::STAGES, Layout::LEDGER, Layout::DATASET] {
            for (name, size) in self.store.list(folder).await? {
                hasher.update(name.as_bytes());
                hasher.update(&size.to_le_bytes());
            }
        }
        let report = self.store.size(Layout::REPORT).await.unwrap_or(0);
        hasher.update(&report.to_le_bytes());
        Ok(hasher.finalize().to_hex()[..16].to_owned())
    }

    /// All labels under `labels/`, the last word of each person.
    pub async fn labels(&self) -> Result<Vec<Label>, ArchiveError> {
        let mut out = Vec::new();
        for (name, _) in self.store.list(Layout::LABELS).await? {
            let bytes = self.store.get(&name).await?;
            out.extend(labels::parse(&String::from_utf8_lossy(&bytes), &name)?.0);
        }
        out.sort_by_key(|label| label.at_ms);
        Ok(labels::latest(out))
    }
}
