//! Why something cannot be made of a RUN, one kind for each different reaction of the caller.

use crate::archive::ArchiveError;
use crate::audit::AuditError;
use crate::diag::Diagnostic;
use crate::plan::ManifestError;
use crate::run::RunError;
use crate::stage::StageError;
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
    #[error("`{place}`: {source}")]
    Manifest { place: String, source: ManifestError },
    /// The pipeline that a RUN was made by, with the parameters asked for, is not valid here.
    #[error("the pipeline of `{place}` cannot be compiled here")]
    Pipeline { place: String, diagnostics: Vec<Diagnostic> },
    /// An audit of the RUN cannot be had, so nothing can be compared with it.
    #[error(transparent)]
    Audit(AuditError),
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
            ArchiveError::Manifest { place, source } => DeliverError::Manifest { place, source },
            ArchiveError::Store(error) => DeliverError::Store(error),
            other => DeliverError::Archive(other),
        }
    }
}

/// Why a run cannot be laid out for an evaluation set's own scripts.
#[derive(Debug, thiserror::Error)]
pub enum OfficialError {
    /// The RUN or its pipeline cannot be read.
    #[error(transparent)]
    Run(#[from] DeliverError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error("no stage of this RUN lets an agent play: there are no pictures to lay out")]
    NoRollouts,
    #[error("this is a run of {of}, which `{layout}` does not lay out")]
    OtherSet { of: &'static str, layout: &'static str },
    /// The pool holds none of the prompts that were run.
    #[error("the pool holds none of the prompts that were run")]
    OtherPool,
    #[error("the pool cannot be read: {0}")]
    Pool(#[source] StageError),
    /// Ours: the account could not be put into words.
    #[error("the account cannot be written: {0}")]
    Account(#[source] serde_json::Error),
    #[error("the picture of row {number} cannot be decoded, so it cannot be written as PNG")]
    Picture { number: u64 },
    #[error("`{place}` holds an export already")]
    Taken { place: String },
    #[error("`{place}` is not empty and holds no earlier export of this kind")]
    Foreign { place: String },
}

impl From<ArchiveError> for OfficialError {
    fn from(error: ArchiveError) -> OfficialError {
        OfficialError::Run(error.into())
    }
}

impl From<StoreError> for OfficialError {
    fn from(error: StoreError) -> OfficialError {
        OfficialError::Run(DeliverError::Store(error))
    }
}
