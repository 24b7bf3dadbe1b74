//! The endpoints of a command, read from a file.

use crate::call::endpoints::Endpoints;
use crate::cli::shared::tell;
use crate::diag::{Diagnostic, SourceFile};
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
