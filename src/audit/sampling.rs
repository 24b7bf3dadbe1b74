//! Which decisions people should label: a sample stratified by stage, side and uncertainty, with
//! the weights that undo its unevenness (`calibrate`).
//!
//! Sure decisions are many and nearly all right; unsure ones are few and tell most. So unsure strata
//! are sampled more densely, and each label says how many rows it stands for.

use crate::archive::Shape;
use crate::archive::labels::Truth;
use crate::audit::index::{Index, StageRows};
use crate::record::Id;
use crate::stage::Kind;
use serde::Serialize;

/// A line of the sample: fill in `truth` with `accept` or `reject`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Asked {
    pub id: Id,
    pub stage: String,
    /// What the stage decided.
    pub decided: &'static str,
    pub truth: Option<Truth>,
    /// Rows this one stands for.
    pub weight: f64,
    pub category: String,
    pub prompt: String,
    pub reason: String,
    pub score: Option<f32>,
}

/// Assumed spread of the error in sure, middling and unsure strata: how densely each is sampled.
const DENSITY: [f64; 3] = [0.1, 0.3, 0.5];

/// `size` rows over the given stages, or all where there are fewer; order and picks follow from `seed`
/// alone.
pub fn sample(index: &Index, shape: &Shape, stages: &[&str], size: usize, seed: u64) -> Vec<Asked> {
    let mut strata: Vec<Stratum> = Vec::new();
    for rows in index.stages.iter().filter(|rows| stages.contains(&rows.stage.as_str())) {
        strata.extend(split(index, shape.known(&rows.stage), rows));
    }
    let takes = takes(&strata, size);
    let mut out = Vec::new();
    for (mut stratum, take) in strata.into_iter().zip(takes).filter(|(_, take)| *take > 0) {
        let rows = stratum.of;
        let id = |row: usize| index.records.id[rows.record[row] as usize];
        stratum.rows.sort_by_key(|row| (id(*row).keyed("calibrate sample", seed), *row));
        let weight = stratum.rows.len() as f64 / take as f64;
        out.extend(
            stratum.rows[..take]
                .iter()
                .map(|row| asked(index, rows, *row, weight, stratum.accepted)),
        );
    }
    out.sort_by_key(|a| a.id.keyed("calibrate order", seed));
    out
}

/// One row that somebody chose, standing for itself; None where the stage's decision is none that can
/// be right or wrong.
pub fn asked_of(index: &Index, shape: &Shape, stage: usize, row: usize) -> Option<Asked> {
    let rows = &index.stages[stage];
    let kind = shape.known(&rows.stage).filter(|kind| kind.does.can_be_labelled())?;
    let name = |name| index.names.get(name);
    let (port, reason) = (name(rows.port[row]), name(rows.reason[row]));
    let accepted = kind.accepted(rows.disposition[row], port, reason)?;
    Some(asked(index, rows, row, 1.0, accepted))
}

/// How many of each stratum are taken: one of each where `size` reaches for that, the rest by pull, the
/// largest remainders first; `size` in all.
fn takes(strata: &[Stratum], size: usize) -> Vec<usize> {
    let mut takes = vec![0; strata.len()];
    for _ in 0..size {
        // The stratum that is furthest behind its pull; of equal ones the first.
        let behind = |at: usize| (takes[at] as f64 + 0.5) / strata[at].pull();
        let open = (0..strata.len()).filter(|at| takes[*at] < strata[*at].rows.len());
        let next = open.min_by(|a, b| {
            (takes[*a] > 0).cmp(&(takes[*b] > 0)).then(behind(*a).total_cmp(&behind(*b)))
        });
        let Some(next) = next else { break };
        takes[next] += 1;
    }
    takes
}

struct Stratum<'a> {
    of: &'a StageRows,
    rows: Vec<usize>,
    accepted: bool,
    sureness: usize,
}

impl Stratum<'_> {
    fn pull(&self) -> f64 {
        self.rows.len() as f64 * DENSITY[self.sureness]
    }
}

fn split<'a>(index: &Index, kind: Option<&Kind>, of: &'a StageRows) -> Vec<Stratum<'a>> {
    let Some(kind) = kind else { return Vec::new() };
    let mut cells: [Vec<usize>; 6] = Default::default();
    for row in 0..of.len() {
        let name = |name| index.names.get(name);
        let (port, reason) = (name(of.port[row]), name(of.reason[row]));
        let Some(accepted) = kind.accepted(of.disposition[row], port, reason) else { continue };
        cells[usize::from(accepted) * 3 + sureness(accepted, of.score[row])].push(row);
    }
    cells
        .into_iter()
        .enumerate()
        .filter(|(_, rows)| !rows.is_empty())
        .map(|(cell, rows)| Stratum { of, rows, accepted: cell >= 3, sureness: cell % 3 })
        .collect()
}

/// 0 sure, 1 middling, 2 unsure: how far the score is from what the decision would be at its
/// surest. Rows without a score are middling.
fn sureness(accepted: bool, score: f32) -> usize {
    if score.is_nan() {
        return 1;
    }
    let doubt = if accepted { 1.0 - score } else { score };
    match doubt {
        d if d < 1.0 / 3.0 => 0,
        d if d < 2.0 / 3.0 => 1,
        _ => 2,
    }
}

fn asked(index: &Index, rows: &StageRows, row: usize, weight: f64, accepted: bool) -> Asked {
    let record = rows.record[row] as usize;
    Asked {
        id: index.records.id[record],
        stage: rows.stage.clone(),
        decided: if accepted { "accept" } else { "reject" },
        truth: None,
        weight,
        category: index.names.get(index.records.category[record]).to_owned(),
        prompt: index.records.prompt.get(record).to_owned(),
        reason: index.names.get(rows.reason[row]).to_owned(),
        score: Some(rows.score[row]).filter(|s| !s.is_nan()),
    }
}
