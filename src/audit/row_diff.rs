//! The rows of two datasets against each other: two runs may decide all the same and still end in other
//! rows (an outcome cut otherwise, a text that differs).

use crate::archive::{RunDir, Unreadable};
use crate::audit::error::AuditError;
use crate::export::dataset::Face;
use crate::record::{Id, Outcome};
use serde::Serialize;
use std::collections::BTreeMap;

/// What differs between the rows of A and B.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowsDiff {
    /// Rows that are the same to the last byte of their columns.
    pub same: u64,
    /// Rows of one record that differ, by how.
    pub changes: Vec<RowChange>,
    pub only_in_a: u64,
    pub only_in_b: u64,
}

/// Rows that differ in one way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowChange {
    /// `outcome open -> closed`, or `content` where the outcome is the same.
    pub what: String,
    pub count: u64,
    /// The first few.
    pub examples: Vec<Id>,
}

const EXAMPLES: usize = 5;

/// The rows of a RUN's dataset; None where it has none.
///
/// # Errors
/// Also where a shard cannot be read: half a comparison would read as a difference.
pub async fn faces(run: &RunDir) -> Result<Option<Vec<Face>>, AuditError> {
    let Some(dataset) = run.dataset().await? else { return Ok(None) };
    let mut out = Vec::new();
    for shard in &dataset.shards {
        let read = dataset.light(shard, &mut |row| out.push(Face::of(row))).await;
        read.map_err(|what| Unreadable { name: shard.name.clone(), what })?;
    }
    Ok(Some(out))
}

/// Compares rows by record.
pub fn row_diff(a: &[Face], b: &[Face]) -> RowsDiff {
    let by_id = |faces: &[Face]| -> BTreeMap<Id, Face> {
        faces.iter().map(|face| (face.id, face.clone())).collect()
    };
    let (a, b) = (by_id(a), by_id(b));
    let mut changes: BTreeMap<String, Vec<Id>> = BTreeMap::new();
    let mut out = RowsDiff { same: 0, changes: Vec::new(), only_in_a: 0, only_in_b: 0 };
    for (id, ours) in &a {
        match b.get(id) {
            None => out.only_in_a += 1,
            Some(theirs) if ours.digest == theirs.digest => out.same += 1,
            Some(theirs) if ours.outcome == theirs.outcome => {
                changes.entry("content".to_owned()).or_default().push(*id);
            }
            Some(theirs) => {
                let name = |outcome: Option<Outcome>| outcome.map_or("none", Outcome::as_str);
                let what = format!("outcome {} -> {}", name(ours.outcome), name(theirs.outcome));
                changes.entry(what).or_default().push(*id);
            }
        }
    }
    out.only_in_b = b.keys().filter(|id| !a.contains_key(id)).count() as u64;
    out.changes = changes
        .into_iter()
        .map(|(what, ids)| RowChange {
            what,
            count: ids.len() as u64,
            examples: ids.into_iter().take(EXAMPLES).collect(),
        })
        .collect();
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Digest;

    #[test]
    fn rows_differ_by_outcome_by_content_and_by_being_there() {
        let face = |n: u32, outcome, text: &str| Face {
            id: Id::of("s", &n.to_string(), ""),
            outcome: Some(outcome),
            digest: Digest::of(text.as_bytes()),
        };
        let a = [
            face(1, Outcome::Open, "a"),
            face(2, Outcome::Closed, "b"),
            face(3, Outcome::Closed, "c"),
            face(4, Outcome::Closed, "d"),
        ];
        let b = [
            face(1, Outcome::Closed, "x"),
            face(2, Outcome::Closed, "y"),
            face(3, Outcome::Closed, "c"),
        ];
        let diff = row_diff(&a, &b);
        assert_eq!((diff.same, diff.only_in_a, diff.only_in_b), (1, 1, 0));
        let what: Vec<(&str, u64)> =
            diff.changes.iter().map(|change| (change.what.as_str(), change.count)).collect();
        assert_eq!(what, [("content", 1), ("outcome open -> closed", 1)]);
    }
}
