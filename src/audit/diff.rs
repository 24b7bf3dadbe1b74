//! Two runs, or a run and what it would have been: which records changed decision, at which stage,
//! for what reason; funnels side by side; what differs in the texts that made them.
//!
//! Records are matched by id. A record has changed where its first differing decision is, since
//! everything after follows from that.

use crate::archive::{Reading, RunDir, Shape, Unreadable};
use crate::audit::error::AuditError;
use crate::audit::index::{Index, Record};
use crate::audit::pairing::{Pairs, pairs};
use crate::audit::row_diff::{RowsDiff, faces, row_diff};
use crate::audit::textdiff::{TextDiff, text_diffs};
use crate::record::{Disposition, Id};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One side: a RUN read from disk, or rows computed by a replay.
pub struct Side<'a> {
    /// How the output names it.
    pub name: String,
    pub shape: &'a Shape,
    pub index: &'a Index,
    /// Made from another's journal: what failed here is not known, since a call is missing.
    pub replayed: bool,
}

/// What differs between A and B.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    pub a: String,
    pub b: String,
    /// Pipeline, seed, pool, models, stages, parameters: (what, in A, in B) where they differ; empty
    /// = not there.
    pub settings: Vec<(String, String, String)>,
    pub texts: Vec<TextDiff>,
    pub funnel: Vec<StageDiff>,
    /// Records in both with a differing decision, grouped by their first one, most numerous first.
    pub changes: Vec<Change>,
    pub same: u64,
    pub changed: u64,
    pub only_in_a: u64,
    pub only_in_b: u64,
    /// Records of which a replay cannot say what would become of them: a call is not in the journal.
    pub unknown: u64,
    /// Records that passed the last stage in A only, in B only, in both; unknown ones are in none.
    pub kept: [u64; 3],
    /// The datasets' rows; absent where one of the two has none.
    pub rows: Option<RowsDiff>,
}

/// One stage in both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageDiff {
    pub stage: String,
    /// in, passed, dropped, failed; absent where there is no such stage.
    pub a: Option<[u64; 4]>,
    pub b: Option<[u64; 4]>,
}

/// Records whose first differing decision is the same pair.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    pub stage: String,
    /// `passed satisfied`, `dropped leak`, `not there`.
    pub from: String,
    pub to: String,
    pub count: u64,
    pub examples: Vec<ChangedRecord>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangedRecord {
    pub id: Id,
    pub category: String,
    pub prompt: String,
}

const EXAMPLES: usize = 5;

/// Compares. Linear in the rows.
pub fn diff(a: &Side, b: &Side) -> Diff {
    diff_of(&pairs(a, b), a, b)
}

/// Compares two whole RUNs, their rows too, and says which parts of either cannot be read.
pub async fn diff_runs(a: &str, b: &str) -> Result<(Diff, Vec<Unreadable>), AuditError> {
    let (run_a, run_b) = (RunDir::open(a).await?, RunDir::open(b).await?);
    let (index_a, in_a) = Index::read(&run_a, Reading::Prompts).await?;
    let (index_b, in_b) = Index::read(&run_b, Reading::Prompts).await?;
    let unreadable = [in_a.unreadable, in_b.unreadable].concat();
    let side =
        |name: &str, shape, index| Side { name: name.to_owned(), shape, index, replayed: false };
    let mut found = diff(&side(a, &run_a.shape, &index_a), &side(b, &run_b.shape, &index_b));
    if let (Some(a), Some(b)) = (faces(&run_a).await?, faces(&run_b).await?) {
        found.rows = Some(row_diff(&a, &b));
    }
    Ok((found, unreadable))
}

/// What differs between two sides whose records have been matched.
pub fn diff_of(pairs: &Pairs, a: &Side, b: &Side) -> Diff {
    let mut out = Diff {
        a: a.name.clone(),
        b: b.name.clone(),
        settings: settings(a.shape, b.shape),
        texts: text_diffs(&a.shape.texts, &b.shape.texts),
        funnel: pairs.stages.iter().map(|stage| stage_diff(stage, a, b)).collect(),
        changes: Vec::new(),
        same: 0,
        changed: 0,
        only_in_a: 0,
        only_in_b: 0,
        unknown: 0,
        kept: [0; 3],
        rows: None,
    };
    let mut unknown: BTreeSet<Id> = BTreeSet::new();
    let mut groups: BTreeMap<(usize, String, String), Vec<Record>> = BTreeMap::new();
    for pair in &pairs.pairs {
        match (pair.a, pair.b, pair.decided.first()) {
            (None, ..) => out.only_in_b += 1,
            (_, None, _) => out.only_in_a += 1,
            (.., None) => out.same += 1,
            _ if pair.unknown => drop(unknown.insert(pair.id)),
            (Some(record), _, Some(&stage)) => {
                out.changed += 1;
                let (from, to) = pairs.words(usize::from(stage), pair, a, b);
                groups.entry((usize::from(stage), from, to)).or_default().push(record);
            }
        }
    }
    out.unknown = unknown.len() as u64;
    out.kept = kept(a.index, b.index, &unknown);
    out.changes = groups
        .into_iter()
        .map(|((stage, from, to), records)| Change {
            stage: pairs.stages[stage].clone(),
            from,
            to,
            count: records.len() as u64,
            examples: records.iter().take(EXAMPLES).map(|r| shown(a.index, *r)).collect(),
        })
        .collect();
    out.changes.sort_by_key(|c| std::cmp::Reverse(c.count));
    out
}

fn shown(index: &Index, record: Record) -> ChangedRecord {
    let r = record as usize;
    ChangedRecord {
        id: index.records.id[r],
        category: index.names.get(index.records.category[r]).to_owned(),
        prompt: index.records.prompt.get(r).to_owned(),
    }
}

fn stage_diff(stage: &str, a: &Side, b: &Side) -> StageDiff {
    let counts = |side: &Side| {
        let (_, rows) = side.index.stage(stage)?;
        let mut out = [rows.len() as u64, 0, 0, 0];
        rows.disposition.iter().for_each(|d| out[1 + *d as usize] += 1);
        Some(out)
    };
    StageDiff { stage: stage.to_owned(), a: counts(a), b: counts(b) }
}

/// What made the runs, where it differs: seed, pool, version, models, and of stages their kind,
/// edges and parameters. A stage that only one side has is one line.
fn settings(a: &Shape, b: &Shape) -> Vec<(String, String, String)> {
    let (of_a, of_b) = (said_of(a, b), said_of(b, a));
    let mut keys: Vec<&String> = of_a.keys().chain(of_b.keys()).collect();
    keys.sort();
    keys.dedup();
    let get = |of: &BTreeMap<String, String>, key| of.get(key).cloned().unwrap_or_default();
    keys.into_iter()
        .map(|key| (key.clone(), get(&of_a, key), get(&of_b, key)))
        .filter(|(_, a, b)| a != b)
        .collect()
}

fn said_of(shape: &Shape, other: &Shape) -> BTreeMap<String, String> {
    let seed = shape.seed.map_or(String::new(), |s| s.to_string());
    let mut out = BTreeMap::from([
        ("pipeline".to_owned(), shape.pipeline.clone()),
        ("seed".to_owned(), seed),
        ("pool".to_owned(), shape.pool_digest.clone()),
        ("version".to_owned(), shape.version.clone()),
    ]);
    out.extend(shape.models.iter().map(|(role, model)| (format!("model {role}"), model.clone())));
    for stage in &shape.stages {
        let name = &stage.name;
        out.insert(format!("stage {name}"), stage.kind.clone());
        if other.stage(name).is_none() {
            continue;
        }
        let from: Vec<String> =
            stage.from.iter().map(|e| format!("{}.{}", e.stage, e.port)).collect();
        out.insert(format!("{name}.from"), from.join(", "));
        let params = stage.params.iter();
        out.extend(params.map(|(param, value)| (format!("{name}.{param}"), value.clone())));
    }
    out
}

fn kept(a: &Index, b: &Index, unknown: &BTreeSet<Id>) -> [u64; 3] {
    let passed = |index: &Index| -> Vec<Id> {
        let Some(rows) = index.stages.last() else { return Vec::new() };
        let mut ids: Vec<Id> = (0..rows.len())
            .filter(|row| rows.disposition[*row] == Disposition::Passed)
            .map(|row| index.records.id[rows.record[row] as usize])
            .filter(|id| !unknown.contains(id))
            .collect();
        ids.sort();
        ids.dedup();
        ids
    };
    let (a, b) = (passed(a), passed(b));
    let both = a.iter().filter(|id| b.binary_search(id).is_ok()).count();
    [(a.len() - both) as u64, (b.len() - both) as u64, both as u64]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::ShapeStage;
    use crate::archive::{Columns, Reading};
    use crate::record::{Decision, Evidence, NanoUsd};

    fn columns(stage: &str, rows: &[(u32, Disposition, &str, &str)]) -> Columns {
        let mut out = Columns::new(stage);
        for (n, disposition, port, reason) in rows {
            out.push(
                &Decision {
                    stage: stage.to_owned(),
                    id: Id::of("s", &n.to_string(), ""),
                    category: "count".to_owned(),
                    source: "s".to_owned(),
                    disposition: *disposition,
                    port: port.to_string(),
                    reason: reason.to_string(),
                    evidence: Evidence::default(),
                    calls: Vec::new(),
                    cost: NanoUsd(0),
                    prompt: format!("prompt {n}"),
                    prompt_chars: 0,
                },
                Reading::Prompts,
            );
        }
        out
    }

    #[test]
    fn the_first_differing_decision_is_the_change() {
        use Disposition::{Dropped, Passed};
        let pool = || columns("pool", &[(1, Passed, "out", ""), (2, Passed, "out", "")]);
        let judged_a = columns("judged", &[(1, Passed, "satisfied", ""), (2, Dropped, "", "bad")]);
        let judged_b =
            columns("judged", &[(1, Passed, "unsatisfied", ""), (2, Dropped, "", "bad")]);
        let end_a = columns("end", &[(1, Passed, "out", "")]);
        let end_b = columns("end", &[]);
        let (a, b) = (
            Index::assemble(vec![pool(), judged_a, end_a]),
            Index::assemble(vec![pool(), judged_b, end_b]),
        );
        let shape = Shape::default();
        let side = |name: &str, index| Side {
            name: name.to_owned(),
            shape: &shape,
            index,
            replayed: false,
        };
        let diff = diff(&side("A", &a), &side("B", &b));
        assert_eq!((diff.same, diff.changed), (1, 1));
        assert_eq!(diff.changes.len(), 1);
        let change = &diff.changes[0];
        assert_eq!(change.stage, "judged");
        assert_eq!((&*change.from, &*change.to), ("passed satisfied", "passed unsatisfied"));
        assert_eq!(diff.kept, [1, 0, 0]);
        assert_eq!(diff.funnel[2].b, Some([0, 0, 0, 0]));
    }

    #[test]
    fn parameters_differ_by_name_and_a_new_stage_is_one_line() {
        let stage = |name: &str, params: &[(&str, &str)]| ShapeStage {
            name: name.to_owned(),
            kind: "judge".to_owned(),
            params: params.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
            ..ShapeStage::default()
        };
        let a = Shape { stages: vec![stage("judged", &[("votes", "1")])], ..Shape::default() };
        let stages = vec![stage("judged", &[("votes", "3")]), stage("again", &[("votes", "1")])];
        let b = Shape { stages, ..Shape::default() };
        let line = |what: &str, a: &str, b: &str| (what.to_owned(), a.to_owned(), b.to_owned());
        let wanted = [line("judged.votes", "1", "3"), line("stage again", "", "judge")];
        assert_eq!(settings(&a, &b), wanted);
        assert!(settings(&b, &b).is_empty());
    }
}
