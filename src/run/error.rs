//! Why a run ended early, one kind for each thing a user does about it.

use crate::call::Fatal;
use crate::journal::JournalError;
use crate::plan::ManifestError;
use crate::record::{Cause, Ending, Report};
use crate::stage::StageError;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The RUN was made by another pipeline, seed or pool. Nothing was done.
    #[error("`{place}` was made by a different pipeline")]
    Changed { place: String, differences: Vec<String> },
    /// Simulated and real replies must not meet in one RUN. Nothing was done.
    #[error("`{place}` holds {holds} replies, and the endpoints are {are}")]
    Simulated { place: String, holds: &'static str, are: &'static str },
    /// A source cannot be read at all. Nothing was done.
    #[error("stage `{stage}` cannot read its source")]
    Pool { stage: String, source: StageError },
    /// Something that stops every record; what was bought is kept.
    #[error("{what}")]
    Fatal {
        kind: Fatal,
        what: String,
        report: Box<Report>,
        #[source]
        cause: Option<Cause>,
    },
    /// Ctrl-C; what was bought is kept.
    #[error("stopped")]
    Stopped { report: Box<Report> },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Our own defect: the counts of a complete run do not agree.
    #[error("records were lost: {}", .0.join("; "))]
    Lost(Vec<String>),
    /// The RUN was begun with another number of shards. Nothing was done.
    #[error("`{place}` has {of} shards, and {asked} were asked for")]
    OtherShards { place: String, of: u32, asked: u32 },
    /// Asked to assemble while shards are missing. Nothing was done.
    #[error("{} of {of} shards of `{place}` are not finished", missing.len())]
    ShardsMissing { place: String, of: u32, missing: Vec<u32> },
    /// The manifest cannot be read.
    #[error("`{place}` cannot be read as a manifest: {source}")]
    Manifest { place: String, source: ManifestError },
}

impl RunError {
    /// The one word for it that a scheduler acts on.
    pub fn ending(&self) -> Ending {
        match self {
            RunError::Changed { .. }
            | RunError::Simulated { .. }
            | RunError::Pool { .. }
            | RunError::OtherShards { .. }
            | RunError::ShardsMissing { .. }
            | RunError::Manifest { .. } => Ending::Yours,
            RunError::Fatal { kind, .. } => match kind {
                Fatal::Key | Fatal::Model | Fatal::Address => Ending::Yours,
                Fatal::Money => Ending::OutOfBudget,
                Fatal::Quota | Fatal::Endpoint | Fatal::Store => Ending::Unavailable,
                Fatal::Fenced => Ending::Fenced,
            },
            RunError::Stopped { .. } => Ending::Stopped,
            RunError::Journal(JournalError::Fenced { .. }) => Ending::Fenced,
            RunError::Store(StoreError::Location { .. }) => Ending::Yours,
            RunError::Store(_) | RunError::Journal(_) => Ending::Unavailable,
            RunError::Lost(_) => Ending::Defect,
        }
    }

    /// The report that came with it, if it came that far.
    pub fn report(&self) -> Option<&Report> {
        match self {
            RunError::Fatal { report, .. } | RunError::Stopped { report } => Some(report),
            _ => None,
        }
    }

    pub(super) fn report_mut(&mut self) -> Option<&mut Report> {
        match self {
            RunError::Fatal { report, .. } | RunError::Stopped { report } => Some(report),
            _ => None,
        }
    }
}
