//! The contract: the four shapes a stage can have, and what it answers.
//!
//! A rejection is not an error: it is a port or a drop with a reason and evidence. Errors are two:
//! this record (quarantined, retried on the next run) or the whole run.

use crate::call::CallError;
use crate::record::{DatasetReport, Evidence, Id, Outcome, Trajectory, Vote};
use crate::stage::Cx;
use crate::store::{Blobs, Store};
use futures::stream::BoxStream;
use std::sync::Arc;

/// A compiled stage.
pub enum Stage {
    /// Brings records in; `make`, if any, then works on each of them (with calls).
    Source { source: Box<dyn Source>, make: Option<Arc<dyn Each>> },
    /// One record at a time, any order, any number at once.
    Each(Arc<dyn Each>),
    /// Sees the whole stream before it answers; order-independent.
    Gather(Box<dyn Gather>),
    /// Takes what is left, in a keyed order.
    Sink(Box<dyn Sink>),
}

/// Where a record goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// Out by this port (one of the kind's).
    Port(&'static str),
    /// Rejected, with a stable reason code (one of the kind's).
    Drop(&'static str),
}

/// A stage's answer for one record.
#[derive(Debug, Clone)]
pub struct Step {
    pub trajectory: Trajectory,
    pub to: To,
    pub evidence: Evidence,
}

impl Step {
    pub fn out(trajectory: Trajectory, port: &'static str) -> Step {
        Step { trajectory, to: To::Port(port), evidence: Evidence::default() }
    }

    pub fn drop(trajectory: Trajectory, reason: &'static str, evidence: Evidence) -> Step {
        Step { trajectory, to: To::Drop(reason), evidence }
    }

    pub fn with(mut self, evidence: Evidence) -> Step {
        self.evidence = evidence;
        self
    }

    /// `done`, and in its evidence what had to be asked again before it (`Vote::UNREAD`, `Vote::AGAIN`),
    /// decided or not.
    pub fn told(done: Result<Step, StageError>, faults: Vec<Vote>) -> Result<Step, StageError> {
        match done {
            Ok(mut step) => {
                step.evidence.votes.extend(faults);
                Ok(step)
            }
            Err(StageError::Undecided(mut evidence)) => {
                evidence.votes.extend(faults);
                Err(StageError::Undecided(evidence))
            }
            Err(other) => Err(other),
        }
    }
}

/// Why a stage could not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StageError {
    /// Only this record: quarantined and listed; `code` is stable snake_case.
    #[error("{what}")]
    Record { code: &'static str, what: String },
    /// Only this record: a judge that was asked again gave no answer that can be read. Neither a yes
    /// nor a no; `undecided` in the tables, with what was heard as evidence.
    #[error("{}", .0.note)]
    Undecided(Box<Evidence>),
    /// From below: a record's, the run's, or a stop.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl StageError {
    /// The reason code of `Undecided`.
    pub const UNDECIDED: &str = "undecided";

    pub fn undecided(what: impl Into<String>, votes: Vec<Vote>) -> StageError {
        let note: String = what.into().chars().take(300).collect();
        StageError::Undecided(Box::new(Evidence { votes, ..Evidence::note(note) }))
    }
}

/// One record and `&Cx` to an answer. Idempotent and deterministic given the replies.
#[async_trait::async_trait]
pub trait Each: Send + Sync {
    async fn apply(&self, trajectory: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError>;
}

/// What a source yields.
pub enum SourceItem {
    /// A record, and what is to be said of how it came (that its image is missing).
    Record(Box<Trajectory>, Evidence),
    /// Something at `place` that is not a record (a row without a prompt, a damaged member).
    Bad { place: String, reason: &'static str, what: String },
    /// What the user should hear of the source as a whole: files that it left alone.
    Aside { what: String },
}

/// What a source may reach.
pub struct SourceCx {
    /// Where reference images are kept.
    pub blobs: Blobs,
    /// The run's seed.
    pub seed: u64,
    /// At most so many records (`--limit`).
    pub limit: Option<u64>,
}

/// Brings records in, in a fixed order, lazily (memory does not grow with the pool).
#[async_trait::async_trait]
pub trait Source: Send + Sync {
    /// A digest of what will be read, for the manifest; None when parameters say it all.
    async fn digest(&self) -> Result<Option<String>, StageError>;
    /// The number of records, when known without reading (for the ETA).
    fn size_hint(&self) -> Option<u64>;
    fn items<'a>(&'a self, cx: &'a SourceCx) -> BoxStream<'a, Result<SourceItem, StageError>>;
}

/// A gather's answer for one record.
#[derive(Debug, Clone)]
pub struct Ruling {
    pub id: Id,
    /// Tells apart records of one id that came by several edges; see `Gather::outcome`.
    pub outcome: Option<Outcome>,
    pub to: To,
    pub evidence: Evidence,
}

/// Sees the whole stream. It remembers only what it needs of a record; the engine keeps the
/// records themselves on disk.
pub trait Gather: Send {
    fn offer(&mut self, trajectory: &Trajectory);
    /// One ruling for each offered record, in any order.
    fn rule(&mut self) -> Vec<Ruling>;
    /// The kept record as it goes on (for instance with its outcome set).
    fn amend(&self, trajectory: Trajectory) -> Trajectory;
    /// The outcome that a ruling on this record names.
    fn outcome(&self, _: &Trajectory) -> Option<Outcome> {
        None
    }
    /// What to say of strata in the report.
    fn dataset_report(&self) -> Option<DatasetReport> {
        None
    }
}

/// What a sink may reach.
pub struct SinkCx {
    pub store: Store,
    pub blobs: Blobs,
    /// What the card says of the run: name, stages so far, models.
    pub about: crate::record::Report,
    pub pipeline: String,
    pub pipeline_digest: String,
    pub models: Vec<(String, String)>,
}

/// What a sink made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sealed {
    pub rows: u64,
    /// BLAKE3 over names and contents, hex.
    pub digest: String,
    /// How pure the rows say they are; see `DatasetReport`.
    pub purity: std::collections::BTreeMap<String, crate::record::Purity>,
    /// Records that could not be written (a blob is missing or damaged), with the reason.
    pub failed: Vec<(Id, String)>,
}

/// Takes the final records, in the order the engine gives (keyed by id and seed).
#[async_trait::async_trait]
pub trait Sink: Send + Sync {
    async fn write<'a>(
        &'a self,
        records: BoxStream<'a, Result<Trajectory, StageError>>,
        cx: &'a SinkCx,
    ) -> Result<Sealed, StageError>;
}
