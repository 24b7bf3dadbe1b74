//! The source of an export: the shards of a RUN or of a dataset folder, wherever they lie.
//!
//! Not here: what becomes of the rows (`write`). The one idea: a RUN that has not come to its end
//! has no shards, but its journal says what they would be by now; so they are made, and the rest is
//! as with any dataset.

use crate::cli::Done;
use crate::cli::shared::tell;
use crate::deliver::rebuild::rebuild;
use crate::env::Env;
use crate::export::dataset;
use crate::export::table1::{self, Table1};
use crate::plan::{Home, Manifest, compile};
use crate::store::{Layout, Store, StoreError};
use anyhow::{Context, bail};
use std::path::Path;
use tempfile::TempDir;
use tokio::runtime::Handle;

/// A dataset's shards, in order.
pub struct Source {
    pub store: Store,
    pub shards: Vec<String>,
    /// The dataset's card.
    pub card: Option<String>,
    /// The judge's rules as the RUN had them: path and text.
    pub rules: Option<(String, String)>,
    /// Where the shards of an unfinished RUN were made; deleted when this is dropped.
    _scratch: Option<TempDir>,
}

/// Finds the shards of `uri`; of an unfinished RUN they are made first, in a folder of their own
/// beside `near` (a local path), or else where temporary files go.
pub async fn open(uri: &str, project: &Home, near: Option<&Path>) -> anyhow::Result<Source> {
    let store = Store::open(uri)?;
    let manifest = match store.get(Layout::MANIFEST).await {
        Ok(bytes) => {
            let place = || format!("`{uri}/{}`", Layout::MANIFEST);
            Some(serde_json::from_slice::<Manifest>(&bytes).with_context(place)?)
        }
        Err(StoreError::NotFound { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let folder = if manifest.is_some() { Layout::DATASET } else { "" };
    let rules = manifest.as_ref().and_then(rules);
    let shards = shards(&store, folder).await?;
    if !shards.is_empty() {
        let card = card(&store, folder).await;
        return Ok(Source { store, shards, card, rules, _scratch: None });
    }
    let Some(manifest) = manifest else {
        bail!(
            "no dataset shards in `{uri}`\n  give a RUN, or the folder that holds its \
             `train-00000.parquet`"
        );
    };
    let (store, scratch) = unfinished(&store, &manifest, uri, project, near).await?;
    let shards = self::shards(&store, Layout::DATASET).await?;
    let card = card(&store, Layout::DATASET).await;
    Ok(Source { store, shards, card, rules, _scratch: Some(scratch) })
}

/// The shards right inside `folder`, in order.
async fn shards(store: &Store, folder: &str) -> anyhow::Result<Vec<String>> {
    let names = store.list(folder).await?.into_iter().map(|(name, _)| name);
    let inside = |name: &String| {
        let rest = name.strip_prefix(folder).unwrap_or(name);
        name.ends_with(".parquet") && !rest.trim_start_matches('/').contains('/')
    };
    Ok(names.filter(inside).collect())
}

async fn card(store: &Store, folder: &str) -> Option<String> {
    let name = format!("{folder}/README.md");
    let bytes = store.get(name.trim_start_matches('/')).await.ok()?;
    String::from_utf8(bytes.to_vec()).ok()
}

/// The rules that the RUN's judge was shown.
fn rules(manifest: &Manifest) -> Option<(String, String)> {
    let judge = manifest.stages.iter().find(|stage| stage.kind == "judge")?;
    let name = judge.params.get("rules")?.trim_matches('"');
    let mut paths = [format!("data/{name}"), name.to_string()].into_iter();
    paths.find_map(|path| Some((path.clone(), manifest.files.get(&path)?.clone())))
}

/// The dataset of a RUN that has none yet, made from its journal.
async fn unfinished(
    run: &Store,
    manifest: &Manifest,
    uri: &str,
    project: &Home,
    near: Option<&Path>,
) -> anyhow::Result<(Store, TempDir)> {
    // As much room is needed for a moment as the export takes, so it is taken from the same disk.
    let near = near.and_then(|path| std::path::absolute(path).ok());
    let scratch = match near.as_deref().and_then(Path::parent).filter(|parent| parent.is_dir()) {
        Some(parent) => tempfile::Builder::new().prefix(".coldstart-").tempdir_in(parent)?,
        None => tempfile::tempdir()?,
    };
    let folder = scratch.path().to_string_lossy().into_owned();
    let compiled = compile(&manifest.project(Some(project)), &manifest.overrides());
    let Some(plan) = compiled.plan else {
        tell(&compiled.diagnostics);
        bail!(
            "the pipeline of `{uri}` cannot be compiled here\n  name the project's root by \
             `--project`"
        );
    };
    let rebuilt = rebuild(&Env::real(), run, manifest, plan, &folder, true).await?;
    let rows = rebuilt.report.dataset.rows;
    if rows == 0 {
        bail!(
            "`{uri}` has not written its dataset, and no record has come to its end yet\n  go on \
             with `coldstart run`, then export"
        );
    }
    let open = rebuilt.wanted();
    eprintln!(
        "note: the run has not come to its end ({open} calls are wanted next); this exports the \
         {rows} rows that its journal makes by now"
    );
    Ok((Store::open(&folder)?, scratch))
}

/// Calls `each` with all rows of all shards, without images.
pub fn light(
    source: &Source,
    handle: &Handle,
    mut each: impl FnMut(dataset::Light) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for shard in &source.shards {
        let ranges = handle.block_on(source.store.ranges(shard))?;
        let rows = dataset::light(ranges).with_context(|| format!("`{shard}`"))?;
        for row in rows {
            each(row.with_context(|| format!("`{shard}`"))?)?;
        }
    }
    Ok(())
}

/// Prints the diagnostics of Table 1.
pub async fn table1(uri: &str, project: &Home, json: bool) -> anyhow::Result<Done> {
    let source = open(uri, project, None).await?;
    let handle = Handle::current();
    let work = move || -> anyhow::Result<Table1> {
        let mut table = Table1::default();
        light(&source, &handle, |row| {
            table.add(&row.into_trajectory());
            Ok(())
        })?;
        Ok(table)
    };
    let lines = tokio::task::spawn_blocking(work).await??.lines();
    if json {
        return crate::cli::shared::print_json(&lines);
    }
    print!("{}", table1::text(&lines));
    Ok(Done::Well)
}
