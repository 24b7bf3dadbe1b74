//! The folder that an export goes to: what may be put there, and what may be taken away.
//!
//! Not here: what is written (`write`). The one idea: only names that an export writes are ever
//! deleted, so that checkpoints and notes beside the data outlive a second export.

use crate::cli::export::write::ACCOUNT;
use crate::export::formats;
use crate::export::report::ExportReport;
use crate::store::Store;
use anyhow::bail;
use bytes::Bytes;

/// Stands in a folder while an export is written: what is there is not whole.
pub const MARK: &str = "export.unfinished";

/// Makes room for an export: an empty folder is taken as it is, an unfinished export is begun
/// again, a finished one goes only if `replace` says so. The account goes first, so that what is
/// left by a crash is never taken for whole.
pub async fn make_room(out: &Store, replace: bool) -> anyhow::Result<()> {
    let there: Vec<String> = out.list("").await?.into_iter().map(|(name, _)| name).collect();
    let holds = |wanted: &str| there.iter().any(|name| name == wanted);
    if holds(ACCOUNT) && !replace {
        let account = out.get(ACCOUNT).await?;
        let what = match serde_json::from_slice::<ExportReport>(&account) {
            Ok(old) => format!("an export already ({} rows of format {})", old.rows(), old.format),
            Err(_) => "an export already".to_string(),
        };
        bail!(
            "`{}` holds {what}\n  choose another folder by `--out`, or write over it by `--replace`",
            out.uri()
        );
    }
    if !there.is_empty() && !holds(ACCOUNT) && !holds(MARK) {
        bail!(
            "`{}` is not empty and holds no earlier export\n  choose an empty folder by `--out`",
            out.uri()
        );
    }
    out.put(MARK, Bytes::from_static(b"an export is being written\n")).await?;
    out.delete(ACCOUNT).await?;
    for name in there.iter().filter(|name| formats::writes(name)) {
        out.delete(name).await?;
    }
    Ok(())
}

/// Every byte is written: takes the mark away and puts the account in its place.
pub async fn seal(out: &Store, report: &ExportReport) -> anyhow::Result<()> {
    out.put(ACCOUNT, serde_json::to_vec_pretty(report)?.into()).await?;
    Ok(out.delete(MARK).await?)
}
