//! What a dataset would be with other parameters, answered from the journal alone, as a difference.

use crate::archive::{Reading, RunDir};
use crate::audit::{AuditError, Diff, Index, Side, diff, faces, row_diff};
use crate::deliver::DeliverError;
use crate::deliver::forecast::{Forecast, History, awaiting, forecast};
use crate::deliver::rebuild::{Rebuilt, plan, rebuild};
use crate::diag::Diagnostic;
use crate::env::Env;
use crate::plan::{Manifest, ProjectBase};
use tempfile::TempDir;

/// What a replay found.
#[derive(Debug, Clone)]
pub struct Replay {
    /// What the changed pipeline made, and the calls it would have to buy.
    pub rebuilt: Rebuilt,
    /// The RUN (A) against the replay (B).
    pub diff: Diff,
    /// What buying the missing calls, and what follows from them, would take; None where none is missing.
    pub unbought: Option<Forecast>,
    /// Warnings of the pipeline as it was replayed.
    pub warnings: Vec<Diagnostic>,
}

/// What the pipeline of a RUN makes with other parameters, in a folder that is deleted when this is
/// dropped. Its calls and pictures lie in the RUN.
pub struct Again {
    pub run: RunDir,
    pub rebuilt: Rebuilt,
    /// Of the changed pipeline.
    pub manifest: Manifest,
    /// Warnings of the pipeline as it was replayed.
    pub warnings: Vec<Diagnostic>,
    pub folder: TempDir,
}

/// Runs the pipeline of `before` again with `set` (stage, parameter, value) over what it had, answered
/// by its journal.
pub async fn again(
    env: &Env,
    before: &RunDir,
    project: &ProjectBase,
    set: &[(String, String, String)],
) -> Result<Again, DeliverError> {
    let manifest = before.manifest().await?;
    let (plan, warnings) = plan(before.store(), &manifest, project, set).await?;
    let changed = Manifest::of(&plan, manifest.simulated, Default::default(), manifest.limit);
    let folder = tempfile::tempdir().map_err(DeliverError::Scratch)?;
    let scratch = folder.path().to_string_lossy().into_owned();
    let rebuilt = rebuild(env, before.store(), &manifest, plan, &scratch, false).await?;
    let mut run = RunDir::open(&scratch).await?;
    run.shape.kinds = project.kinds;
    Ok(Again { run, rebuilt, manifest: changed, warnings, folder })
}

/// Runs the pipeline of the RUN at `uri` again with `set` (stage, parameter, value) over what it had.
/// Nothing is called and nothing is written to the RUN.
pub async fn replay(
    env: &Env,
    uri: &str,
    project: &ProjectBase,
    set: &[(String, String, String)],
) -> Result<Replay, DeliverError> {
    // Says what is wrong with a place that is no RUN.
    let mut before = RunDir::open(uri).await?;
    before.shape.kinds = project.kinds;
    let Again { run: after, rebuilt, manifest: manifest_after, warnings, folder: _folder } =
        again(env, &before, project, set).await?;
    let read = |run| Index::read(run, Reading::Prompts);
    let ((old, _), (new, _)) = tokio::try_join!(read(&before), read(&after))?;
    let a = Side { name: uri.to_owned(), shape: &before.shape, index: &old, replayed: false };
    let b = Side { name: "replay".to_owned(), shape: &after.shape, index: &new, replayed: true };
    let mut diff = diff(&a, &b);
    // Rows of a replay that lacks calls are not those that a run would have.
    if rebuilt.wanted() == 0
        && let Some(rows) = faces(&before).await.map_err(audit)?
    {
        diff.rows = Some(row_diff(&rows, &rebuilt.rows));
    }
    // A million rows of either are a hundred megabytes.
    drop((old, new));
    let unbought = match rebuilt.wanted() {
        0 => None,
        _ => {
            let stages = awaiting(&manifest_after, &rebuilt.report);
            let history = History::of(&before, None, Some(&stages)).await?;
            let mut found = forecast(&manifest_after, &rebuilt.report, &history);
            // What led to the shares may be simulated where the calls asked about are not.
            found.simulated |= rebuilt.report.simulated;
            Some(found)
        }
    };
    Ok(Replay { rebuilt, diff, warnings, unbought })
}

fn audit(error: AuditError) -> DeliverError {
    match error {
        AuditError::Archive(error) => error.into(),
        other => DeliverError::Audit(other),
    }
}
