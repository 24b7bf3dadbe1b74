//! A row in few bytes: enough to tell whether it is the row of another run.

use crate::export::conversation::ConversationOptions;
use crate::export::dataset::DatasetRow;
use crate::record::{Digest, Id, Outcome, Trajectory};

/// Its id, how the trajectory ends, and a digest of all that the row says. Pictures count by their
/// digests; the pipeline's own digest does not count, since a changed parameter changes it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Face {
    pub id: Id,
    pub outcome: Option<Outcome>,
    pub digest: Digest,
}

impl Face {
    /// Of a row, with its messages or without: they follow from the rounds.
    pub fn of(mut row: DatasetRow) -> Face {
        row.messages.clear();
        row.provenance.pipeline.clear();
        let text = serde_json::to_vec(&row).unwrap_or_default();
        Face { id: row.id, outcome: row.outcome, digest: Digest::of(&text) }
    }

    /// Of a trajectory as a dataset would write it; None where it makes no conversation.
    pub fn of_trajectory(trajectory: &Trajectory) -> Option<Face> {
        Some(Face::of(DatasetRow::of(trajectory, &ConversationOptions::default(), "").ok()?))
    }
}
