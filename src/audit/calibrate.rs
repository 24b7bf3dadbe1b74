//! A stage's decisions against people's labels: error rate, precision, recall, F1, kappa, with
//! intervals, over all and per category.
//!
//! The one idea: a stage's decision is read as accept or reject (`accepts`), and accept is the
//! positive class. Where labels carry weights (a stratified sample), figures are weighted and
//! intervals come from a seeded bootstrap; else they are Wilson's.

use crate::audit::error::AuditError;
use crate::audit::index::{Index, StageRows};
use crate::audit::labels::{Label, Truth};
use crate::audit::shape::Shape;
use crate::audit::stats::{kappa, wilson};
use crate::env::Rng;
use crate::record::Disposition;
use serde::Serialize;
use std::collections::BTreeMap;

/// One stage held against its labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    pub stage: String,
    pub kind: String,
    pub all: Agreement,
    pub by_category: BTreeMap<String, Agreement>,
    /// Labels on records that have no row at this stage.
    pub without_row: u64,
}

/// A confusion table with what follows from it; weighted where labels are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreement {
    pub labels: u64,
    /// Should accept, did.
    pub true_accept: f64,
    /// Should reject, accepted.
    pub false_accept: f64,
    /// Should accept, rejected.
    pub false_reject: f64,
    pub true_reject: f64,
    /// Share of wrong decisions.
    pub error: Figure,
    /// Of accepted, rightly.
    pub precision: Figure,
    /// Of what should be accepted, accepted.
    pub recall: Figure,
    pub f1: Figure,
    /// Beyond chance; absent when one side never varies.
    pub kappa: Option<Figure>,
}

/// An estimate with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

impl Figure {
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// Whether a row counts as accepted: a judge passes both verdicts on, by different ports; other
/// stages accept by passing.
pub fn accepts(kind: &str, disposition: Disposition, port: &str) -> Option<bool> {
    match (disposition, kind) {
        (Disposition::Failed, _) => None,
        (Disposition::Passed, "judge") => Some(port == "satisfied"),
        (Disposition::Passed, "pointwise") => Some(port != "improved"),
        (Disposition::Passed, _) => Some(true),
        (Disposition::Dropped, _) => Some(false),
    }
}

/// A labelled decision.
#[derive(Debug, Clone, Copy)]
struct Pair {
    accepted: bool,
    truth: bool,
    weight: f64,
}

/// Every labelled stage, in the pipeline's order.
pub fn calibrate(
    index: &Index,
    shape: &Shape,
    labels: &[Label],
) -> Result<Vec<Calibration>, AuditError> {
    for label in labels {
        if index.stage(&label.stage).is_none() {
            let known: Vec<&str> = index.stages.iter().map(|s| s.stage.as_str()).collect();
            return Err(AuditError::unknown("stage", &label.stage, known.iter().copied()));
        }
    }
    let labelled = |rows: &&StageRows| labels.iter().any(|l| l.stage == rows.stage);
    Ok(index.stages.iter().filter(labelled).map(|rows| one(index, shape, rows, labels)).collect())
}

fn one(index: &Index, shape: &Shape, rows: &StageRows, labels: &[Label]) -> Calibration {
    let kind = shape.kind(&rows.stage).to_owned();
    let mut row_of = vec![u32::MAX; index.records.len()];
    for (row, record) in rows.record.iter().enumerate() {
        row_of[*record as usize] = row as u32;
    }
    let mut all = Vec::new();
    let mut by_category: BTreeMap<String, Vec<Pair>> = BTreeMap::new();
    let mut without_row = 0;
    for label in labels.iter().filter(|l| l.stage == rows.stage) {
        let record = index.records.find(&label.id);
        let row = record.map(|r| row_of[r as usize]).filter(|row| *row != u32::MAX);
        let decided = row.and_then(|row| {
            let row = row as usize;
            accepts(&kind, rows.disposition[row], index.names.get(rows.port[row]))
        });
        let (Some(accepted), Some(record)) = (decided, record) else {
            without_row += 1;
            continue;
        };
        let Some(truth) = truth(label, accepted) else { continue };
        let pair = Pair { accepted, truth, weight: label.weight.unwrap_or(1.0).max(0.0) };
        all.push(pair);
        let category = index.names.get(index.records.category[record as usize]);
        by_category.entry(category.to_owned()).or_default().push(pair);
    }
    Calibration {
        stage: rows.stage.clone(),
        kind,
        all: agreement(&all),
        by_category: by_category.into_iter().map(|(c, pairs)| (c, agreement(&pairs))).collect(),
        without_row,
    }
}

fn truth(label: &Label, accepted: bool) -> Option<bool> {
    match (label.truth, label.agree) {
        (Some(truth), _) => Some(truth == Truth::Accept),
        (None, Some(agree)) => Some(agree == accepted),
        (None, None) => None,
    }
}

/// tp, fp, fn, tn.
fn table(pairs: impl Iterator<Item = Pair>) -> [f64; 4] {
    let mut out = [0.0; 4];
    for pair in pairs {
        let cell = match (pair.truth, pair.accepted) {
            (true, true) => 0,
            (false, true) => 1,
            (true, false) => 2,
            (false, false) => 3,
        };
        out[cell] += pair.weight;
    }
    out
}

/// error, precision, recall, f1, kappa; 0 where nothing is to be divided.
fn figures([tp, fp, fn_, tn]: [f64; 4]) -> [f64; 5] {
    let part = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
    [
        part(fp + fn_, tp + fp + fn_ + tn),
        part(tp, tp + fp),
        part(tp, tp + fn_),
        part(2.0 * tp, 2.0 * tp + fp + fn_),
        kappa(tp, fp, fn_, tn).unwrap_or(f64::NAN),
    ]
}

fn agreement(pairs: &[Pair]) -> Agreement {
    let cells = table(pairs.iter().copied());
    let values = figures(cells);
    let boot = bootstrap(pairs);
    let [tp, fp, fn_, tn] = cells;
    let even = pairs.windows(2).all(|w| w[0].weight == w[1].weight);
    let bounds: [Option<(f64, f64)>; 3] = if even {
        let unit = pairs.first().map_or(1.0, |p| p.weight).max(f64::MIN_POSITIVE);
        let share = |a: f64, b: f64| Some(wilson(a / unit, b / unit));
        [share(fp + fn_, tp + fp + fn_ + tn), share(tp, tp + fp), share(tp, tp + fn_)]
    } else {
        [None; 3]
    };
    let figure = |i: usize| {
        let (low, high) = bounds.get(i).copied().flatten().unwrap_or(boot[i]);
        Figure { value: values[i], low, high }
    };
    Agreement {
        labels: pairs.len() as u64,
        true_accept: tp,
        false_accept: fp,
        false_reject: fn_,
        true_reject: tn,
        error: figure(0),
        precision: figure(1),
        recall: figure(2),
        f1: figure(3),
        kappa: (!values[4].is_nan()).then(|| figure(4)),
    }
}

/// The 2.5 % and 97.5 % points of each figure over resamples; seeded, so the same each time.
fn bootstrap(pairs: &[Pair]) -> [(f64, f64); 5] {
    const ROUNDS: usize = 400;
    let mut rng = Rng::keyed(0, &["audit", "bootstrap"]);
    let mut seen: [Vec<f64>; 5] = Default::default();
    for _ in 0..ROUNDS {
        let drawn = (0..pairs.len()).map(|_| pairs[rng.below(pairs.len())]);
        let values = figures(table(drawn));
        for (list, value) in seen.iter_mut().zip(values) {
            list.push(value);
        }
    }
    seen.map(|mut list| {
        list.retain(|v| !v.is_nan());
        list.sort_by(f64::total_cmp);
        let at = |q| crate::audit::stats::quantile(&list, q);
        (at(0.025), at(0.975))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(cells: [usize; 4]) -> Vec<Pair> {
        let pair = |truth, accepted| Pair { accepted, truth, weight: 1.0 };
        let kinds = [pair(true, true), pair(false, true), pair(true, false), pair(false, false)];
        kinds.iter().zip(cells).flat_map(|(p, n)| std::iter::repeat_n(*p, n)).collect()
    }

    #[test]
    fn figures_follow_from_the_table() {
        let a = agreement(&pairs([40, 10, 5, 45]));
        assert!((a.error.value - 0.15).abs() < 1e-12);
        assert!((a.precision.value - 0.8).abs() < 1e-12);
        assert!((a.recall.value - 40.0 / 45.0).abs() < 1e-12);
        assert!((a.kappa.unwrap().value - 0.7).abs() < 1e-12);
        for figure in [a.error, a.precision, a.recall, a.f1, a.kappa.unwrap()] {
            assert!(figure.holds(figure.value), "{figure:?}");
        }
    }

    #[test]
    fn the_interval_covers_the_true_error_rate_nearly_always() {
        let mut covered = 0;
        for trial in 0..60u64 {
            let mut rng = Rng::keyed(trial, &["coverage"]);
            let wrong = (0..300).filter(|_| rng.chance(0.08)).count();
            let a =
                agreement(&pairs([150 - wrong / 2, wrong - wrong / 2, wrong / 2, 150 - wrong / 2]));
            covered += usize::from(a.error.holds(0.08));
        }
        assert!(covered >= 54, "{covered} of 60 intervals of 95 % hold the truth");
    }

    #[test]
    fn weights_undo_an_uneven_sample() {
        // 90 sure rows were labelled 1 in 10, 10 unsure rows all; half of the unsure are wrong.
        let mut all: Vec<Pair> = pairs([9, 0, 0, 0]);
        all.iter_mut().for_each(|p| p.weight = 10.0);
        all.extend(pairs([5, 5, 0, 0]));
        assert!((agreement(&all).error.value - 0.05).abs() < 1e-12);
    }

    #[test]
    fn no_label_is_no_panic() {
        assert_eq!(agreement(&[]).labels, 0);
    }
}
