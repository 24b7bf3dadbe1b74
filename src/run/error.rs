//! Why a run ended early, one kind for each thing a user does about it.

use crate::call::Fatal;
use crate::journal::JournalError;
use crate::record::Report;
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
    #[error("stage `{stage}` cannot read its source: {what}")]
    Pool { stage: String, what: String },
    /// Something that stops every record; what was bought is kept.
    #[error("{what}")]
    Fatal { kind: Fatal, what: String, report: Box<Report> },
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
    /// The manifest cannot be read.
    #[error("`{place}` cannot be read as a manifest: {what}")]
    Manifest { place: String, what: String },
}
