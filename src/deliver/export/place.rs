//! The folder that an export goes to: what may be put there, what may be taken away, and when it is
//! whole.
//!
//! Only names that an export writes are ever deleted, so that checkpoints and notes beside the data
//! outlive a second export.

use crate::benchmark::of_source;
use crate::deliver::export::render::Job;
use crate::deliver::export::{ExportError, Request, Shards, carry};
use crate::export::formats;
use crate::export::report::ExportReport;
use crate::store::{Store, StoreError};
use bytes::Bytes;
use std::collections::BTreeSet;
use tokio::runtime::Handle;

/// The export's own account, written last: a folder without it is not whole.
pub const ACCOUNT: &str = "export.json";

/// Stands in a folder while an export is written: what is there is not whole.
const MARK: &str = "export.unfinished";

/// Writes all rows of `source` to `out` as `request` says. An earlier export there is written over
/// only if `replace` says so.
///
/// # Errors
/// `NothingLeft` and `NothingToTrain` hold the report of an export that was written and not sealed.
pub async fn write(
    request: Request,
    source: Shards,
    out: &Store,
    replace: bool,
) -> Result<ExportReport, ExportError> {
    request.check()?;
    let source = match request.train_on_benchmark {
        true => source,
        false => no_benchmark(source).await?,
    };
    let trained = request.shares.names().into_iter().next().unwrap_or_default();
    let job = Job::new(request, source)?;
    make_room(out, replace).await?;
    let (sender, receiver) = carry::channel();
    let handle = Handle::current();
    let render = tokio::task::spawn_blocking(move || job.run(&handle, &sender));
    let carried = carry::carry(out, receiver).await;
    let rendered = render.await?;
    // A full disk ends the carrying; that is the error to tell, not the closed channel.
    carried?;
    let report = rendered?;
    if report.rows() == 0 {
        return Err(ExportError::NothingLeft { report: Box::new(report) });
    }
    if report.splits.get(&trained).is_none_or(|split| split.rows == 0) {
        let report = Box::new(report);
        return Err(ExportError::NothingToTrain { split: trained, report });
    }
    seal(out, &report).await?;
    Ok(report)
}

/// The source, where none of its rows is of an evaluation set.
async fn no_benchmark(source: Shards) -> Result<Shards, ExportError> {
    let handle = Handle::current();
    let look = move || {
        let (mut rows, mut sets) = (0, BTreeSet::new());
        source.light(&handle, |row| {
            if let Some(set) = of_source(&row.source) {
                rows += 1;
                sets.insert(set.title);
            }
        })?;
        match rows {
            0 => Ok(source),
            _ => {
                let sets = sets.into_iter().collect::<Vec<_>>().join(", ");
                Err(ExportError::Benchmark { rows, sets })
            }
        }
    };
    tokio::task::spawn_blocking(look).await?
}

/// Makes room for an export: an empty folder is taken as it is, an unfinished export is begun
/// again, a finished one goes only if `replace` says so. The account goes first, so that what is
/// left by a crash is never taken for whole.
async fn make_room(out: &Store, replace: bool) -> Result<(), ExportError> {
    let there: Vec<String> = out.list("").await?.into_iter().map(|(name, _)| name).collect();
    let holds = |wanted: &str| there.iter().any(|name| name == wanted);
    if holds(ACCOUNT) && !replace {
        let old = serde_json::from_slice::<ExportReport>(&out.get(ACCOUNT).await?).ok();
        let old = old.map(|old| (old.rows(), old.format));
        return Err(ExportError::Taken { place: out.uri(), old });
    }
    if !there.is_empty() && !holds(ACCOUNT) && !holds(MARK) {
        return Err(ExportError::Foreign { place: out.uri() });
    }
    out.put(MARK, Bytes::from_static(b"an export is being written\n")).await?;
    out.delete(ACCOUNT).await?;
    for name in there.iter().filter(|name| formats::writes(name)) {
        out.delete(name).await?;
    }
    Ok(())
}

/// Every byte is written: puts the account in place and takes the mark away.
async fn seal(out: &Store, report: &ExportReport) -> Result<(), ExportError> {
    let text = serde_json::to_vec_pretty(report)
        .map_err(|source| ExportError::Account { place: out.uri(), source })?;
    out.put(ACCOUNT, text.into()).await?;
    out.delete(MARK).await.map_err(|error: StoreError| error.into())
}
