//! Why something cannot be made of a RUN, one kind for each different reaction of the caller.

use crate::archive::ArchiveError;
use crate::diag::Diagnostic;
use crate::run::RunError;
use crate::store::StoreError;

/// Errors of everything in `deliver`; exports have further ones of their own.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The RUN cannot be read.
    #[error(transparent)]
    Archive(ArchiveError),
    /// The run that rebuilds did not come to its end.
    #[error(transparent)]
    Run(#[from] RunError),
    /// There is no RUN at `place`, or one that has lost its manifest.
    #[error("`{place}` is not there")]
    NoManifest { place: String },
    /// The manifest is damaged, or written by a later version.
    #[error("`{place}`: {what}")]
    Manifest { place: String, what: String },
    /// The pipeline that a RUN was made by, with the parameters asked for, is not valid here.
    #[error("the pipeline of `{place}` cannot be compiled here")]
    Pipeline { place: String, diagnostics: Vec<Diagnostic> },
    /// A dataset's rows cannot be read, so nothing can be compared with them.
    #[error("{what}")]
    Rows { what: String },
    /// A folder for what is only needed for a moment cannot be made.
    #[error("no temporary folder can be made")]
    Scratch(#[source] std::io::Error),
    /// A RUN from which no estimate follows.
    #[error("none of the {records} records of `{place}` was kept, so nothing follows from it")]
    NothingKept { place: String, records: usize },
}

impl From<ArchiveError> for DeliverError {
    fn from(error: ArchiveError) -> DeliverError {
        match error {
            ArchiveError::NoManifest { place } => DeliverError::NoManifest { place },
            ArchiveError::Manifest { place, what } => DeliverError::Manifest { place, what },
            ArchiveError::Store(error) => DeliverError::Store(error),
            other => DeliverError::Archive(other),
        }
    }
}
