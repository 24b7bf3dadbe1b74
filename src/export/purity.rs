//! How pure a dataset is by what its rows say of themselves: the posterior of every verdict and of what
//! every J claims, put together by outcome and category. It is as right as what the judges were taken
//! for (`data/judges.toml`); rows whose verdicts were not added up from looks say nothing.

use crate::record::{Outcome, Purity, Trajectory};
use std::collections::BTreeMap;

/// Sums over rows.
#[derive(Debug, Clone, Default)]
pub struct Sums(BTreeMap<String, Sum>);

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    rows: u64,
    verdicts: f64,
    claims: f64,
    /// The variance of the number of rows with a wrong verdict.
    spread: f64,
}

/// The probabilities that every verdict of a row is right, and that every J of it is true; None where
/// one of its verdicts says nothing of it.
pub fn of_row(trajectory: &Trajectory) -> Option<(f64, f64)> {
    let mut row = None;
    for judgement in trajectory.rounds.iter().filter_map(|r| r.judgement.as_ref()) {
        let (verdict, claims) = (f64::from(judgement.posterior?), f64::from(judgement.claims?));
        let (verdicts, all) = row.unwrap_or((1.0, 1.0));
        // What J claims holds the verdict too.
        row = Some((verdicts * verdict, all * claims.min(verdict)));
    }
    row
}

impl Sums {
    /// Counts a row that says how pure it is.
    pub fn count(&mut self, trajectory: &Trajectory) {
        let Some((verdicts, claims)) = of_row(trajectory) else { return };
        let outcome = trajectory.outcome.map_or("", Outcome::as_str);
        let category = &trajectory.prompt.category;
        for name in ["all".to_owned(), format!("outcome/{outcome}"), format!("category/{category}")]
        {
            let sum = self.0.entry(name).or_default();
            sum.rows += 1;
            sum.verdicts += verdicts;
            sum.claims += claims;
            sum.spread += verdicts * (1.0 - verdicts);
        }
    }

    pub fn purity(&self) -> BTreeMap<String, Purity> {
        self.0.iter().map(|(name, sum)| (name.clone(), sum.purity())).collect()
    }
}

impl Sum {
    fn purity(&self) -> Purity {
        let n = self.rows as f64;
        let expected = self.verdicts / n;
        // A half for what cannot be seen of few rows.
        let half = 1.96 * (self.spread + 0.25).sqrt() / n;
        Purity {
            rows: self.rows,
            expected,
            low: (expected - half).max(0.0),
            high: (expected + half).min(1.0),
            claims: self.claims / n,
        }
    }
}

/// One line for people: `99.2 % [98.1, 100.0]`.
pub fn line(purity: &Purity) -> String {
    format!(
        "{:.1} % [{:.1}, {:.1}]",
        purity.expected * 100.0,
        purity.low * 100.0,
        purity.high * 100.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Id, Judgement, Prompt, Round};

    fn row(posteriors: &[Option<f32>]) -> Trajectory {
        let prompt = Prompt {
            id: Id::of("t", "1", "p"),
            text: "p".into(),
            category: "counting".into(),
            source: "t".into(),
            key: None,
            reference: None,
            spec: None,
            gloss: None,
            licence: None,
        };
        let round = |posterior: &Option<f32>| Round {
            thinking: String::new(),
            refined: String::new(),
            image: None,
            seed: None,
            judgement: Some(Judgement {
                posterior: *posterior,
                claims: posterior.map(|_| 0.9),
                ..Judgement::default()
            }),
        };
        let rounds = posteriors.iter().map(round).collect();
        Trajectory { rounds, outcome: Some(Outcome::Closed), ..Trajectory::new(prompt) }
    }

    #[test]
    fn rows_multiply_their_verdicts_and_silent_ones_do_not_count() {
        let mut sums = Sums::default();
        sums.count(&row(&[Some(0.9), Some(0.8)]));
        sums.count(&row(&[Some(0.99), None]));
        let all = sums.purity()["all"];
        assert_eq!(all.rows, 1);
        assert!((all.expected - 0.72).abs() < 1e-6 && (all.claims - 0.72).abs() < 1e-6, "{all:?}");
        assert!(all.low < all.expected && all.expected < all.high);
        assert_eq!(sums.purity()["outcome/closed"].rows, 1);
    }
}
