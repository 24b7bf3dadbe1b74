//! A RUN's audit as pages: all that they show is read here, `page` and `site` lay it out.

use crate::archive::RunDir;
use crate::audit::gather::{Depth, gather};
use crate::audit::rollouts::Truth;
use crate::audit::site::{INDEX, site};
use crate::audit::table::{read, tables};
use crate::audit::{AuditError, AuditReport, Page, Wanted, deep, page, samples};
use crate::stage::Does;

/// The pages of a RUN's audit.
pub struct Published {
    /// Names, relative to one folder, and texts; the first is the one that the others are reached from.
    pub files: Vec<(String, String)>,
    pub report: AuditReport,
}

/// The audit of `run` (called `name` in it) as one page, or where `wanted` says so as a page for each
/// trajectory besides. `truth` is who knows what a judge should have answered.
pub async fn publish(
    run: &RunDir,
    name: &str,
    depth: Depth,
    wanted: Wanted,
    truth: Truth,
) -> Result<Published, AuditError> {
    let facts = gather(run, depth).await?;
    let report = AuditReport::of(name, &facts);
    let journal = run.journal().await?;
    let (stages, _) = deep::all(run, &journal).await?;
    let samples = samples(run, &journal, &facts, wanted, Some(truth.clone())).await?;
    let plays = run.shape.stages.iter().any(|s| run.shape.does(&s.name) == Some(Does::RollOut));
    let tables = match plays {
        true => Some(tables(&[read(run, Some(truth)).await?])),
        false => None,
    };
    let made = Page {
        report: &report,
        shape: &run.shape,
        stages: &stages,
        samples: &samples,
        tables: tables.as_ref(),
        published: wanted.published,
    };
    let files = match wanted.published {
        true => site(&made),
        false => vec![(INDEX.to_owned(), page(&made))],
    };
    Ok(Published { files, report })
}
