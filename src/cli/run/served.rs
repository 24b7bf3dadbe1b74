//! The endpoints of a command: read from a file, and shared by shards.

use crate::call::endpoints::Endpoints;
use crate::cli::run::budget::closed;
use crate::cli::shared::tell;
use crate::diag::{Diagnostic, SourceFile};
use crate::run::Shard;
use crate::store::Store;
use std::sync::Arc;

/// The endpoints of a file, or its faults.
pub fn parse_endpoints(path: &str) -> anyhow::Result<Result<Endpoints, Vec<Diagnostic>>> {
    let text = std::fs::read_to_string(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => anyhow::anyhow!(
            "the path of the endpoints file is wrong: there is no file `{path}`\n  `coldstart endpoints \
             new` writes one, `coldstart endpoints example` prints one; `coldstart run` needs none"
        ),
        _ => anyhow::anyhow!("the endpoints file `{path}` cannot be read: {e}"),
    })?;
    Ok(Endpoints::parse(Arc::new(SourceFile { path: path.to_owned(), text })))
}

/// The endpoints of a file, or None after telling what is wrong with it.
pub fn read_endpoints(path: &str) -> anyhow::Result<Option<Endpoints>> {
    Ok(match parse_endpoints(path)? {
        Ok(endpoints) => {
            tell(endpoints.warnings());
            Some(endpoints)
        }
        Err(found) => {
            tell(&found);
            eprintln!("{}. Nothing was run; no model was called.", crate::diag::summary(&found));
            None
        }
    })
}

/// `endpoints` for one shard: an equal share of the quotas with those that are still at work. Those
/// that began earlier took no more.
pub async fn shared(
    shard: Option<Shard>,
    out: &str,
    endpoints: Endpoints,
) -> anyhow::Result<Endpoints> {
    let Some(shard) = shard else { return Ok(endpoints) };
    let closed = closed(&Store::open(out)?).await?;
    let others = closed.iter().filter(|index| **index != shard.index).count() as u32;
    Ok(endpoints.shared_by((shard.of - others.min(shard.of - 1)).max(1)))
}
