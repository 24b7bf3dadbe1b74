//! What can go wrong with an audit, one kind for each different remedy.

use crate::archive::{ArchiveError, Unreadable};
use crate::record::Cause;
use crate::store::StoreError;

/// Errors of the auditing verbs. A defect *found* in a RUN is a `Finding`, not an error.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The RUN cannot be read, or does not hold what was asked for.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A query, an output, an id: the user can put it right.
    #[error("{what}")]
    Input { what: String },
    /// A statement that SQLite refuses.
    #[error("{source}; `coldstart audit --tables` lists tables and columns")]
    Query { source: rusqlite::Error },
    /// What was found cannot be written in the form that was asked for.
    #[error("this cannot be written so: {0}")]
    Output(#[source] Cause),
    #[error("cannot listen on 127.0.0.1:{port}: {source}; try `--port 0`")]
    Listen { port: u16, source: std::io::Error },
}

/// A part of the RUN that cannot be done without.
impl From<Unreadable> for AuditError {
    fn from(part: Unreadable) -> AuditError {
        AuditError::Archive(part.into())
    }
}

impl From<StoreError> for AuditError {
    fn from(error: StoreError) -> AuditError {
        AuditError::Archive(error.into())
    }
}

impl AuditError {
    /// `what` is not among `known`, with "did you mean" or the whole list.
    pub fn unknown<'a>(
        kind: &str,
        name: &str,
        known: impl IntoIterator<Item = &'a str> + Clone,
    ) -> AuditError {
        ArchiveError::unknown(kind, name, known).into()
    }

    pub fn input(what: impl Into<String>) -> AuditError {
        AuditError::Input { what: what.into() }
    }

    /// What was asked for is not there, or not to be had that way.
    pub fn is_not_there(&self) -> bool {
        matches!(self, Self::Archive(ArchiveError::Unknown { .. }) | Self::Input { .. })
    }
}
