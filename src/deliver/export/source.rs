//! The source of an export: the shards of a RUN or of a dataset folder, wherever they lie.
//!
//! A RUN that has not come to its end has no shards, but its journal says what they would be by now;
//! so they are made, and the rest is as with any dataset.

use crate::archive::{self, ArchiveError, RunDir, shards_in};
use crate::deliver::DeliverError;
use crate::deliver::export::ExportError;
use crate::deliver::rebuild::{self, Rebuilt, rebuild};
use crate::diag::{self, Diagnostic};
use crate::env::Env;
use crate::export::dataset::{self, DatasetError};
use crate::export::table1::{Table1, Table1Row};
use crate::plan::{Manifest, ProjectBase};
use crate::record::Report;
use crate::stage::{Does, Kinds};
use crate::store::{Layout, Store};
use std::path::Path;
use tempfile::TempDir;
use tokio::runtime::Handle;

/// A dataset's shards, in order.
pub struct Shards {
    pub(super) store: Store,
    pub(super) shards: Vec<String>,
    /// The dataset's card.
    pub(super) card: Option<String>,
    /// The judge's rules as the RUN had them.
    pub(super) rules: Option<diag::SourceFile>,
    /// How the shards of an unfinished RUN came out; None where they were there.
    pub rebuilt: Option<Rebuilt>,
    /// Of the pipeline by which they were made.
    pub warnings: Vec<Diagnostic>,
    /// Where the shards of an unfinished RUN were made; deleted when this is dropped.
    _scratch: Option<TempDir>,
}

impl Shards {
    /// Finds the shards of `uri`; of an unfinished RUN they are made first, in a folder of their own
    /// beside `near` (a local path), or else where temporary files go. `project` is where files are
    /// looked for that such a RUN names by digest only (fingerprints).
    pub async fn open(
        env: &Env,
        uri: &str,
        project: &ProjectBase,
        near: Option<&Path>,
    ) -> Result<Shards, ExportError> {
        let store = Store::open(uri)?;
        let manifest = match archive::manifest(&store).await {
            Ok(manifest) => Some(manifest),
            Err(ArchiveError::NoManifest { .. }) => None,
            Err(error) => return Err(DeliverError::from(error).into()),
        };
        let folder = if manifest.is_some() { Layout::DATASET } else { "" };
        let rules = manifest.as_ref().and_then(|manifest| rules(manifest, project.kinds));
        let there = Shards::of(store, folder, rules).await?;
        if !there.shards.is_empty() && (manifest.is_none() || sealed(uri).await?) {
            return Ok(there);
        }
        match manifest {
            Some(manifest) => there.rebuild(env, uri, &manifest, project, near).await,
            None => Err(ExportError::NoShards { place: uri.to_string() }),
        }
    }

    /// The shards right inside `folder`; there may be none.
    async fn of(
        store: Store,
        folder: &str,
        rules: Option<diag::SourceFile>,
    ) -> Result<Shards, DeliverError> {
        let shards = shards_in(&store, folder).await?.into_iter().map(|shard| shard.name).collect();
        let card = card(&store, folder).await;
        let (rebuilt, warnings) = (None, Vec::new());
        Ok(Shards { store, shards, card, rules, rebuilt, warnings, _scratch: None })
    }

    /// The dataset of a RUN that has none yet, made from its journal.
    async fn rebuild(
        self,
        env: &Env,
        uri: &str,
        manifest: &Manifest,
        project: &ProjectBase,
        near: Option<&Path>,
    ) -> Result<Shards, ExportError> {
        let scratch = scratch(near).map_err(DeliverError::Scratch)?;
        let folder = scratch.path().to_string_lossy().into_owned();
        let (plan, warnings) = rebuild::plan(&self.store, manifest, project, &[]).await?;
        let rebuilt = rebuild(env, &self.store, manifest, plan, &folder, true).await?;
        if rebuilt.report.dataset.rows == 0 {
            let place = uri.to_string();
            return Err(match lost(&rebuilt.report, project.kinds) {
                Some(lost) if rebuilt.wanted() == 0 => ExportError::AllLost { place, lost },
                _ => ExportError::NoRows { place },
            });
        }
        let made = Shards::of(Store::open(&folder)?, Layout::DATASET, self.rules).await?;
        Ok(Shards { rebuilt: Some(rebuilt), warnings, _scratch: Some(scratch), ..made })
    }

    /// Calls `each` with all rows of all shards, without images. On a blocking thread.
    pub(super) fn light(
        &self,
        handle: &Handle,
        mut each: impl FnMut(dataset::Light),
    ) -> Result<(), ExportError> {
        for name in &self.shards {
            let damaged = |source: DatasetError| ExportError::Shard { name: name.clone(), source };
            let ranges = handle.block_on(self.store.ranges(name))?;
            for row in dataset::light(ranges).map_err(damaged)? {
                each(row.map_err(damaged)?);
            }
        }
        Ok(())
    }
}

/// Whether the shards of a RUN are its dataset, and not half of one.
async fn sealed(uri: &str) -> Result<bool, DeliverError> {
    Ok(RunDir::open(uri).await?.dataset().await?.is_some())
}

/// The last stage that dropped or failed records, and its commonest reason in words.
fn lost(report: &Report, kinds: Kinds) -> Option<String> {
    let stage = report.stages.iter().rev().find(|stage| stage.dropped + stage.failed > 0)?;
    let (code, count) = stage.reasons.iter().max_by_key(|(_, count)| **count)?;
    let mut reasons = kinds.iter().flat_map(|kind| kind.reasons);
    let doc = reasons.find(|reason| reason.code == code);
    let doc = doc.map_or(String::new(), |reason| format!(" ({})", reason.doc));
    Some(format!("at `{}`, {count} of {} were `{code}`{doc}", stage.stage, stage.entered))
}

/// As much room is needed for a moment as the export takes, so it is taken from the same disk.
fn scratch(near: Option<&Path>) -> std::io::Result<TempDir> {
    let near = near.and_then(|path| std::path::absolute(path).ok());
    match near.as_deref().and_then(Path::parent).filter(|parent| parent.is_dir()) {
        Some(parent) => tempfile::Builder::new().prefix(".coldstart-").tempdir_in(parent),
        None => tempfile::tempdir(),
    }
}

async fn card(store: &Store, folder: &str) -> Option<String> {
    let name = format!("{folder}/README.md");
    let bytes = store.get(name.trim_start_matches('/')).await.ok()?;
    String::from_utf8(bytes.to_vec()).ok()
}

/// The rules that the RUN's judge was shown.
fn rules(manifest: &Manifest, kinds: Kinds) -> Option<diag::SourceFile> {
    let judge = manifest
        .stages
        .iter()
        .find(|stage| kinds.get(&stage.kind).is_some_and(|kind| kind.does == Does::Judge))?;
    let name = judge.params.get("rules")?.trim_matches('"');
    let mut paths = [format!("data/{name}"), name.to_string()].into_iter();
    paths.find_map(|path| {
        let text = manifest.files.get(&path)?.clone();
        Some(diag::SourceFile { path, text })
    })
}

/// The paper's Table 1 of a dataset, a line a category.
pub async fn table1(source: Shards) -> Result<Vec<Table1Row>, ExportError> {
    let handle = Handle::current();
    let work = move || -> Result<Vec<Table1Row>, ExportError> {
        let mut table = Table1::default();
        source.light(&handle, |row| table.add(&row.into_trajectory()))?;
        Ok(table.lines())
    };
    tokio::task::spawn_blocking(work).await?
}
