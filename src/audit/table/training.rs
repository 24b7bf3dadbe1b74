//! Figure 6: what a training's rewards and rounds do over its steps, read from the RUN of the service
//! that gave the rewards.
//!
//! A step is what the trainer says it is; a service whose callers say none has one row. Means over a
//! step's rollouts; the round counts are shares.

use crate::archive::RunDir;
use crate::audit::AuditError;
use crate::audit::table::{Cell, Plot, Point, Series, Sheet, SheetRow, Tables};
use crate::record::{Decision, Disposition, Vote};
use crate::stage::{Does, kind};
use std::collections::BTreeMap;

/// The rewards that a service has given.
#[derive(Debug, Clone, Default)]
pub struct Trained {
    pub name: String,
    pub simulated: bool,
    steps: BTreeMap<Option<u64>, Step>,
    notes: Vec<String>,
}

/// Sums over the rollouts of a step.
#[derive(Debug, Clone, Default)]
struct Step {
    count: usize,
    /// `PARTS`, in their order.
    sums: [f64; 7],
    /// Rollouts by their number of pictures.
    pictures: BTreeMap<usize, usize>,
}

/// What is averaged, as the rows' evidence names it and as the table does.
const PARTS: [(&str, &str); 7] = [
    ("reward", "reward"),
    ("point", "r_point"),
    ("format", "r_format"),
    ("pair", "r_pair"),
    ("pictures", "pictures"),
    ("characters", "characters"),
    ("copies", "copied captions"),
];

/// The rewards of `run`; None where it is not a service's.
pub async fn training(run: &RunDir) -> Result<Option<Trained>, AuditError> {
    let does = |name: &str| kind(name).map(|kind| kind.does);
    let serves = run.shape.stages.iter().any(|s| does(&s.kind) == Some(Does::Receive));
    let rewards = run.shape.stages.iter().find(|s| does(&s.kind) == Some(Does::Reward));
    let (true, Some(stage)) = (serves, rewards) else { return Ok(None) };
    let mut out =
        Trained { name: run.name(), simulated: run.shape.simulated, ..Trained::default() };
    let stage = stage.name.clone();
    let unreadable = run.each(&stage, &mut |row| out.add(&row)).await?;
    for part in unreadable {
        out.notes.push(format!("{}: `{}` cannot be read: {}", out.name, part.name, part.what));
    }
    Ok(Some(out))
}

impl Trained {
    /// Under the name that the user calls the RUN by.
    pub fn named(self, name: &str) -> Trained {
        Trained { name: name.to_owned(), ..self }
    }

    fn add(&mut self, row: &Decision) {
        if row.disposition != Disposition::Passed {
            return;
        }
        let votes = &row.evidence.votes;
        let step = number(votes, "step").map(|step| step as u64);
        let sums = self.steps.entry(step).or_default();
        sums.count += 1;
        for (at, (ask, _)) in PARTS.iter().enumerate() {
            sums.sums[at] += number(votes, ask).unwrap_or(0.0);
        }
        let pictures = number(votes, "pictures").unwrap_or(0.0) as usize;
        *sums.pictures.entry(pictures).or_default() += 1;
    }

    /// Figure 6 as a table and as plots, added to `tables`.
    pub fn into_tables(self, tables: &mut Tables) {
        tables.simulated |= self.simulated;
        let most = self.steps.values().filter_map(|s| s.pictures.keys().last()).max().copied();
        let rounds: Vec<usize> = (0..=most.unwrap_or(0)).collect();
        tables.sheets.push(self.sheet(&rounds));
        let steps: Vec<(f64, &Step)> =
            self.steps.iter().filter_map(|(step, s)| Some(((*step)? as f64, s))).collect();
        if !steps.is_empty() {
            let rewards = [0, 1, 3].map(|at| {
                let (_, name) = PARTS[at];
                series(name, steps.iter().map(|(x, s)| (*x, s.mean(at))))
            });
            tables.plots.push(plot("Figure 6", &self.name, "mean", rewards.into()));
            let shares = rounds.iter().map(|n| {
                let name = format!("{n} picture{}", if *n == 1 { "" } else { "s" });
                series(&name, steps.iter().map(|(x, s)| (*x, s.share(*n))))
            });
            tables.plots.push(plot("Figure 6b", &self.name, "share of rollouts", shares.collect()));
        }
        tables.notes.extend(self.notes);
    }

    fn sheet(&self, rounds: &[usize]) -> Sheet {
        let mut columns = vec!["rollouts".to_owned()];
        columns.extend(PARTS.iter().map(|(_, name)| (*name).to_owned()));
        columns.extend(rounds.iter().map(|n| format!("{n} pictures")));
        let row = |(step, sums): (&Option<u64>, &Step)| {
            let mut cells = vec![Cell::count(sums.count)];
            let digits = |at: usize| if at == 5 { 0 } else { 3 };
            cells.extend((0..PARTS.len()).map(|at| Cell::of(Some(sums.mean(at)), digits(at))));
            cells.extend(rounds.iter().map(|n| Cell::of(Some(sums.share(*n)), 3)));
            let name = step.map_or("no step".to_owned(), |step| format!("step {step}"));
            SheetRow { name, cells }
        };
        Sheet {
            name: "Figure 6".to_owned(),
            title: format!("rewards and rounds over the steps of a training ({})", self.name),
            columns,
            rows: self.steps.iter().map(row).collect(),
            notes: vec![
                "means over a step's rollouts; r_pair before it is weighed by lambda; the last columns are \
                 shares of round counts. A reward that rises while characters or copied captions do is \
                 worth a look at the rows (`coldstart view`)"
                    .to_owned(),
            ],
        }
    }
}

impl Step {
    fn mean(&self, at: usize) -> f64 {
        self.sums[at] / self.count.max(1) as f64
    }

    fn share(&self, pictures: usize) -> f64 {
        self.pictures.get(&pictures).copied().unwrap_or(0) as f64 / self.count.max(1) as f64
    }
}

fn number(votes: &[Vote], ask: &str) -> Option<f64> {
    votes.iter().find(|vote| vote.ask == ask)?.answer.parse().ok()
}

fn series(name: &str, points: impl Iterator<Item = (f64, f64)>) -> Series {
    let point = |(x, y)| Point { x, y, low: y, high: y };
    Series { name: name.to_owned(), points: points.map(point).collect() }
}

fn plot(name: &str, run: &str, y: &str, series: Vec<Series>) -> Plot {
    Plot {
        name: name.to_owned(),
        title: format!("a training's {y} by step ({run})"),
        x: "step".to_owned(),
        y: y.to_owned(),
        ticks: Vec::new(),
        series,
    }
}
