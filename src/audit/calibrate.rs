//! A stage's decisions against people's labels: error rate, precision, recall, F1, kappa, with
//! intervals, over all and per category.
//!
//! A stage's decision is read as accept or reject (`Kind::accepted`), and accept is the positive class.
//! Every figure is a share or follows from one, so every interval is Wilson's, which holds for few
//! labels and near 0 and 1. Labels of a stratified sample carry weights.

use crate::archive::Shape;
use crate::archive::labels::{Label, Truth};
use crate::audit::error::AuditError;
use crate::audit::index::{Index, StageRows};
use crate::audit::stats::{chance_agreement, wilson};
use serde::Serialize;
use std::collections::BTreeMap;

/// One stage held against its labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    pub stage: String,
    pub kind: String,
    pub all: Agreement,
    pub by_category: BTreeMap<String, Agreement>,
    /// Labels on records on which this stage decided nothing.
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
    /// Share of wrong decisions. Each figure is absent where there is nothing to divide by.
    pub error: Option<Figure>,
    /// Of accepted, rightly.
    pub precision: Option<Figure>,
    /// Of what should be accepted, accepted.
    pub recall: Option<Figure>,
    pub f1: Option<Figure>,
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
    /// Of a quantity that grows with this one.
    fn through(self, of: impl Fn(f64) -> f64) -> Figure {
        Figure { value: of(self.value), low: of(self.low), high: of(self.high) }
    }

    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
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
    let kind = shape.known(&rows.stage);
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
            let (port, reason) = (rows.port[row], rows.reason[row]);
            let name = |name| index.names.get(name);
            kind?.accepted(rows.disposition[row], name(port), name(reason))
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
        kind: shape.kind(&rows.stage).to_owned(),
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

fn agreement(pairs: &[Pair]) -> Agreement {
    let [tp, fp, fn_, tn] = table(pairs.iter().copied());
    let both = |p: &Pair| p.accepted && p.truth;
    let agreed = share(pairs, |_| true, |p| p.accepted == p.truth);
    // F1 follows from the share of both among either, which is a share as the others are.
    let overlap = share(pairs, |p| p.accepted || p.truth, both);
    // As Cohen did, chance is taken as known; then kappa follows from the share that agrees.
    let chance = chance_agreement(tp, fp, fn_, tn);
    // Where chance alone agrees nearly always, the interval of what agrees leads far below -1, which
    // no kappa can be.
    let beyond = |agreed: f64| ((agreed - chance) / (1.0 - chance)).clamp(-1.0, 1.0);
    Agreement {
        labels: pairs.len() as u64,
        true_accept: tp,
        false_accept: fp,
        false_reject: fn_,
        true_reject: tn,
        error: share(pairs, |_| true, |p| p.accepted != p.truth),
        precision: share(pairs, |p| p.accepted, both),
        recall: share(pairs, |p| p.truth, both),
        f1: overlap.map(|f| f.through(|j| 2.0 * j / (1.0 + j))),
        kappa: agreed.filter(|_| chance < 1.0 - 1e-12).map(|f| f.through(beyond)),
    }
}

/// The share of `hit` among the pairs that `of` takes, with Wilson's interval. Uneven weights tell
/// as much as fewer even ones would: Kish's effective size.
fn share(
    pairs: &[Pair],
    of: impl Fn(&Pair) -> bool,
    hit: impl Fn(&Pair) -> bool,
) -> Option<Figure> {
    let (mut hits, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for pair in pairs.iter().filter(|pair| of(pair)) {
        sum += pair.weight;
        squares += pair.weight * pair.weight;
        hits += if hit(pair) { pair.weight } else { 0.0 };
    }
    (squares > 0.0).then(|| {
        let (value, size) = (hits / sum, sum * sum / squares);
        let (low, high) = wilson(value * size, size);
        Figure { value, low, high }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Rng;

    fn pairs(cells: [usize; 4]) -> Vec<Pair> {
        let pair = |truth, accepted| Pair { accepted, truth, weight: 1.0 };
        let kinds = [pair(true, true), pair(false, true), pair(true, false), pair(false, false)];
        kinds.iter().zip(cells).flat_map(|(p, n)| std::iter::repeat_n(*p, n)).collect()
    }

    #[test]
    fn figures_follow_from_the_table() {
        let a = agreement(&pairs([40, 10, 5, 45]));
        let figures = [a.error, a.precision, a.recall, a.f1, a.kappa].map(Option::unwrap);
        let wanted = [0.15, 0.8, 40.0 / 45.0, 80.0 / 95.0, 0.7];
        for (figure, wanted) in figures.iter().zip(wanted) {
            assert!((figure.value - wanted).abs() < 1e-12, "{figure:?}");
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
            covered += usize::from(a.error.unwrap().holds(0.08));
        }
        assert!(covered >= 54, "{covered} of 60 intervals of 95 % hold the truth");
    }

    #[test]
    fn weights_undo_an_uneven_sample() {
        // 90 sure rows were labelled 1 in 10, 10 unsure rows all; half of the unsure are wrong.
        let mut all: Vec<Pair> = pairs([9, 0, 0, 0]);
        all.iter_mut().for_each(|p| p.weight = 10.0);
        all.extend(pairs([5, 5, 0, 0]));
        assert!((agreement(&all).error.unwrap().value - 0.05).abs() < 1e-12);
    }

    #[test]
    fn a_few_labels_without_an_error_do_not_prove_that_there_is_none() {
        let mut few = pairs([5, 0, 0, 3]);
        few.iter_mut().take(3).for_each(|p| p.weight = 7.0);
        let a = agreement(&few);
        assert!(a.error.unwrap().low == 0.0 && a.error.unwrap().high > 0.3, "{:?}", a.error);
        for figure in [a.precision, a.recall, a.f1, a.kappa].map(Option::unwrap) {
            assert!(figure.high == 1.0 && figure.low < 0.9, "{figure:?}");
        }
    }

    #[test]
    fn kappa_and_its_interval_stay_where_kappa_can_be() {
        for cells in [[40, 0, 1, 0], [38, 1, 1, 0], [9, 1, 0, 0], [0, 5, 5, 0], [1, 0, 0, 30]] {
            let Some(kappa) = agreement(&pairs(cells)).kappa else { continue };
            assert!(kappa.low >= -1.0 && kappa.high <= 1.0, "{cells:?}: {kappa:?}");
            assert!(kappa.holds(kappa.value), "{cells:?}: {kappa:?}");
        }
    }

    #[test]
    fn no_label_is_no_panic() {
        let none = agreement(&[]);
        assert!(none.labels == 0 && none.error.is_none() && none.precision.is_none());
        let never_accepted = agreement(&pairs([0, 0, 3, 4]));
        assert!(never_accepted.precision.is_none() && never_accepted.recall.is_some());
    }
}
