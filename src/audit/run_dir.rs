//! A RUN opened for reading: its manifest, report, tables, journal, blobs and labels.
//!
//! Not here: what any of it means. The one idea: what is absent or damaged is part of the answer;
//! only a place that holds nothing of a RUN is an error.

use crate::audit::columns::Reading;
use crate::audit::error::AuditError;
use crate::audit::facts::Unreadable;
use crate::audit::labels::{self, Label};
use crate::audit::shape::Shape;
use crate::audit::tables::{self, Tables};
use crate::journal::ReadJournal;
use crate::record::{CallKey, Decision, Id, Report};
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

/// Images kept in memory.
const BLOB_CACHE: usize = 64 << 20;

impl RunDir {
    /// Opens a RUN by path or URI.
    pub async fn open(uri: &str) -> Result<RunDir, AuditError> {
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
                Err(err) => run.cannot_read(Layout::MANIFEST, &err),
            }
        }
        run.reload_report().await?;
        let stages = tables::stages(&run.store).await?;
        if !found && stages.is_empty() && !run.has_journal().await? {
            return Err(AuditError::NotARun {
                place: uri.to_owned(),
                what: "it has no manifest.json, no stages/ and no journal/".to_owned(),
            });
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
                let stage = crate::audit::shape::ShapeStage { name, ..Default::default() };
                self.shape.stages.push(stage);
            }
        }
    }

    async fn has_journal(&self) -> Result<bool, AuditError> {
        let mut names = self.store.list(Layout::JOURNAL).await?;
        names.extend(self.store.list("shards").await?);
        Ok(!names.is_empty())
    }

    fn cannot_read(&mut self, name: &str, err: &dyn std::fmt::Display) {
        self.unreadable.push(Unreadable { name: name.to_owned(), what: err.to_string() });
    }

    /// Reads the report again; a live run writes it at its end.
    pub async fn reload_report(&mut self) -> Result<(), AuditError> {
        let Some(bytes) = self.optional(Layout::REPORT).await? else { return Ok(()) };
        match serde_json::from_slice(&bytes) {
            Ok(report) => self.report = Some(report),
            Err(err) => self.cannot_read(Layout::REPORT, &err),
        }
        Ok(())
    }

    async fn optional(&self, name: &str) -> Result<Option<Bytes>, AuditError> {
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

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    pub async fn journal(&self) -> Result<ReadJournal, AuditError> {
        Ok(ReadJournal::open(&self.store).await?)
    }

    /// The journal as far as these calls go.
    pub async fn journal_of(&self, keys: &[CallKey]) -> Result<ReadJournal, AuditError> {
        Ok(ReadJournal::open_for(&self.store, keys).await?)
    }

    /// The stage's place in the pipeline; an error names what there is.
    pub fn stage(&self, name: &str) -> Result<usize, AuditError> {
        let at = self.shape.stages.iter().position(|s| s.name == name);
        at.ok_or_else(|| {
            let known: Vec<&str> = self.shape.stages.iter().map(|s| s.name.as_str()).collect();
            AuditError::unknown("stage", name, known)
        })
    }

    /// All stage tables as columns; `reading` says which texts.
    pub async fn tables(&self, reading: Reading) -> Result<Tables, AuditError> {
        tables::read(&self.store, &self.shape, reading).await
    }

    /// Every row of one stage, in order.
    pub async fn each(
        &self,
        stage: &str,
        each: &mut (dyn FnMut(Decision) + Send),
    ) -> Result<Vec<Unreadable>, AuditError> {
        tables::each(&self.store, stage, each).await
    }

    /// Every row of every stage; None when the run ended meanwhile, and all must be asked again.
    pub async fn every(
        &self,
        each: &mut (dyn FnMut(Decision) + Send),
    ) -> Result<Option<Vec<Unreadable>>, AuditError> {
        tables::every(&self.store, each).await
    }

    /// A record's rows over all stages, in the pipeline's order; and what could not be read.
    pub async fn rows_of(&self, id: &Id) -> Result<(Vec<Decision>, Vec<Unreadable>), AuditError> {
        tables::rows_of(&self.store, &self.shape, id).await
    }

    /// All labels under `labels/`, the last word of each person.
    pub async fn labels(&self) -> Result<Vec<Label>, AuditError> {
        let mut out = Vec::new();
        for (name, _) in self.store.list(Layout::LABELS).await? {
            let bytes = self.store.get(&name).await?;
            out.extend(labels::parse(&String::from_utf8_lossy(&bytes), &name)?.0);
        }
        out.sort_by_key(|label| label.at_ms);
        Ok(labels::latest(out))
    }
}
