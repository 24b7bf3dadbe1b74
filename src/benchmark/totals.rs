//! Totals of a set: means by group and overall, as the official script makes them and strictly.

use crate::benchmark::{Benchmark, Counted, rounded};
use serde::Serialize;

/// One row's count, both ways; `None` answers are rows without a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// The place in `Benchmark::groups`.
    pub group: usize,
    pub official: Counted,
    pub strict: Option<f64>,
    /// There was a picture to judge.
    pub drawn: bool,
}

/// A group's means.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupTotal {
    pub title: &'static str,
    /// Rows of the set that came.
    pub rows: usize,
    pub official: Option<f64>,
    /// Over rows with an answer that a careful reader finds.
    pub strict: Option<f64>,
}

/// The totals of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Totals {
    pub groups: Vec<GroupTotal>,
    /// As the script prints it; None where it prints nothing.
    pub official: Option<f64>,
    /// All groups by their weights: what the paper's tables hold.
    pub overall: Option<f64>,
    pub strict: Option<f64>,
    /// Pictures whose answers could not be read strictly.
    pub unparsed: usize,
    /// Rows that the script leaves out of its means.
    pub left_out: usize,
    /// Rows without a picture.
    pub missing: usize,
    /// Rows of the set that are not there at all.
    pub absent: usize,
}

/// The totals of `rows`.
pub fn totals(set: &Benchmark, rows: &[Scored]) -> Totals {
    let mean = |values: Vec<f64>| {
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let mut groups = Vec::new();
    let (mut officials, mut stricts) = (Vec::new(), Vec::new());
    for (at, group) in set.groups.iter().enumerate() {
        let ours = || rows.iter().filter(move |row| row.group == at);
        let counted = ours().filter_map(|row| match row.official {
            Counted::As(score) => Some(score),
            Counted::LeftOut | Counted::Again => None,
        });
        let official = mean(counted.collect());
        let strict = mean(ours().filter_map(|row| row.strict).collect());
        let shown = official.map(|m| set.round.map_or(m, |digits| rounded(m, digits)));
        // Imagine weighs its means before it rounds them, GenEval++ after.
        officials.push(if set.name == "geneval_pp" { shown } else { official });
        stricts.push(strict);
        groups.push(GroupTotal {
            title: group.title,
            rows: ours().count(),
            official: shown,
            strict,
        });
    }
    let counted = rows.iter().filter(|r| matches!(r.official, Counted::As(_))).count();
    Totals {
        official: (set.overall)(&officials, counted >= set.rows),
        overall: weigh(set, &officials),
        strict: weigh(set, &stricts),
        unparsed: rows.iter().filter(|r| r.drawn && r.strict.is_none()).count(),
        left_out: rows.len() - counted,
        missing: rows.iter().filter(|r| !r.drawn).count(),
        absent: set.rows.saturating_sub(rows.len()),
        groups,
    }
}

/// The groups that have rows, by their weights.
pub fn weigh(set: &Benchmark, means: &[Option<f64>]) -> Option<f64> {
    let there = means.iter().zip(set.groups).filter_map(|(mean, g)| Some(((*mean)?, g.weight)));
    let (sum, weight) = there.fold((0.0, 0.0), |(s, w), (mean, of)| (s + mean * of, w + of));
    (weight > 0.0).then(|| sum / weight)
}
