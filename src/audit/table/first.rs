//! Table 1: how often the agent errs, how far its captions are from the prompt, what looking gains;
//! and when it stops.

use crate::audit::rollouts::{Play, Shot};
use crate::audit::table::boot::{interval, ratio};
use crate::audit::table::plays::Played;
use crate::audit::table::sheet::{Cell, Sheet, SheetRow};
use crate::record::RolloutTurn;

/// A prompt's part in a rate.
type Part = (f64, f64);

/// A line of the table: its heading, and what a rollout adds to it.
struct Figure {
    name: &'static str,
    /// Scales the ratio: 100 for percent.
    scale: f64,
    part: fn(&Play, &Played) -> Part,
}

const FIGURES: [Figure; 10] = [
    Figure {
        name: "error rate per turn %",
        scale: 100.0,
        part: |p, _| per(turns(p), |t| !t.fault.is_empty()),
    },
    Figure {
        name: "per call %",
        scale: 100.0,
        part: |p, _| per(turns(p).filter(|t| calls(t)), |t| !t.fault.is_empty()),
    },
    Figure {
        name: "per prompt %",
        scale: 100.0,
        part: |p, _| (f64::from(turns(p).any(|t| !t.fault.is_empty())), 1.0),
    },
    Figure { name: "word diff <= 5 %", scale: 100.0, part: near },
    Figure { name: "first picture", scale: 100.0, part: |p, run| scored(p, 1, run) },
    Figure { name: "last picture", scale: 100.0, part: |p, run| scored(p, usize::MAX, run) },
    Figure { name: "gain from reflection", scale: 100.0, part: gain },
    Figure { name: "over-reflection %", scale: 100.0, part: over_reflection },
    Figure { name: "its end good %", scale: 100.0, part: after_over_reflection },
    Figure { name: "judge accuracy %", scale: 100.0, part: accuracy },
];

/// Table 1, a row a run.
pub fn table(runs: &[Played]) -> Sheet {
    let mut columns = vec!["rollouts".to_owned()];
    columns.extend(FIGURES.iter().map(|figure| figure.name.to_owned()));
    columns.push("scorer's accuracy %".to_owned());
    let rows = runs.iter().map(|run| {
        let mut cells = vec![Cell::count(run.plays.len())];
        cells.extend(FIGURES.iter().map(|figure| figure.cell(run)));
        cells.push(cell(run, 100.0, scorer));
        SheetRow { name: run.name.clone(), cells }
    });
    Sheet {
        name: "Table 1".to_owned(),
        title: "Tool calls, captions and reflection".to_owned(),
        columns,
        rows: rows.collect(),
        notes: [
            "error rate: turns that break the grammar, of all turns; of the turns that call or give \
             nothing to do; prompts with at least one (the paper's 13.36 % is no share of 280 prompts)",
            "word diff: |words of the prompt - words of the last caption|, split at white space",
            "first and last picture: mean strict score as a share of the best, in points, no picture \
             counted as 0; gain is their difference over the same rollouts",
            "over-reflection: of the first pictures that are good, those that the agent rejects, and \
             how many of these end on a good picture all the same",
            "judge accuracy: the agent's own verdicts (accept, reject) against the truth where it is \
             known, else against the score; scorer's accuracy: the scores against the truth",
            "[low, high]: 95 % of 1,000 resamples of prompts; one picture of GenEval++ is 0.36 points, \
             and the standard error of one run about 3",
        ]
        .map(str::to_owned)
        .to_vec(),
    }
}

impl Figure {
    fn cell(&self, run: &Played) -> Cell {
        cell(run, self.scale, self.part)
    }
}

fn cell(run: &Played, scale: f64, part: impl Fn(&Play, &Played) -> Part) -> Cell {
    let parts: Vec<Part> = run.plays.iter().map(|play| part(play, run)).collect();
    let all: Vec<usize> = (0..parts.len()).collect();
    let of = |at: &[usize]| ratio(&parts, at).map(|v| v * scale);
    Cell::of(of(&all), 2).between(of(&all).and_then(|_| interval(&run.prompts(), of)))
}

fn turns(play: &Play) -> impl Iterator<Item = &RolloutTurn> {
    play.rollout.turns.iter()
}

/// Turns that call the tool, or should have: what is no clean answer.
fn calls(turn: &RolloutTurn) -> bool {
    turn.text.contains("<tool_call>") || !turn.answer
}

fn per<'a>(turns: impl Iterator<Item = &'a RolloutTurn>, bad: fn(&RolloutTurn) -> bool) -> Part {
    turns.fold((0.0, 0.0), |(n, of), turn| (n + f64::from(bad(turn)), of + 1.0))
}

fn near(play: &Play, _: &Played) -> Part {
    let words = |text: &str| text.split_whitespace().count();
    match play.caption() {
        Some(caption) => {
            let diff = words(&play.prompt).abs_diff(words(caption));
            (f64::from(diff <= 5), 1.0)
        }
        None => (0.0, 0.0),
    }
}

/// The score where the agent may draw `k`, a share of the best. Of no picture it is 0, as in the
/// tables of the sets; what the judge could not decide is left out.
fn scored(play: &Play, k: usize, run: &Played) -> Part {
    match play.at(k).map(|shot| shot.strict) {
        Some(Some(score)) => (score / run.most(), 1.0),
        None if run.scored => (0.0, 1.0),
        Some(None) | None => (0.0, 0.0),
    }
}

fn gain(play: &Play, run: &Played) -> Part {
    let (first, known) = scored(play, 1, run);
    let (last, both) = scored(play, usize::MAX, run);
    (if known * both > 0.0 { last - first } else { 0.0 }, known * both)
}

/// Whether a picture is good: by the truth where it is known, else by the score.
fn good(shot: &Shot, most: f64) -> Option<bool> {
    shot.truth.or(shot.strict).map(|score| score >= most - 1e-9)
}

/// The agent's verdicts on its pictures in turn: true accepts.
fn verdicts(play: &Play) -> Vec<Option<bool>> {
    let turns: Vec<&RolloutTurn> = play.rollout.last_attempt().collect();
    let drawn = turns.iter().enumerate().filter(|(_, turn)| turn.picture.is_some());
    let verdict = |(at, _): (usize, &&RolloutTurn)| {
        let next = turns.get(at + 1)?;
        (next.judgement.is_some() || next.answer).then_some(next.answer)
    };
    drawn.map(verdict).collect()
}

fn over_reflection(play: &Play, run: &Played) -> Part {
    let most = run.most();
    let first = play.at(1).and_then(|shot| good(shot, most));
    match (first, verdicts(play).first().copied().flatten()) {
        (Some(true), Some(accepts)) => (f64::from(!accepts), 1.0),
        _ => (0.0, 0.0),
    }
}

fn after_over_reflection(play: &Play, run: &Played) -> Part {
    let end = play.last().and_then(|shot| good(shot, run.most()));
    match (over_reflection(play, run), end) {
        ((rejected, _), Some(end)) if rejected > 0.0 => (f64::from(end), 1.0),
        _ => (0.0, 0.0),
    }
}

fn accuracy(play: &Play, run: &Played) -> Part {
    let most = run.most();
    let judged = verdicts(play).into_iter().zip(&play.shots);
    judged.fold((0.0, 0.0), |(right, of), (verdict, shot)| match (verdict, good(shot, most)) {
        (Some(accepts), Some(good)) => (right + f64::from(accepts == good), of + 1.0),
        _ => (right, of),
    })
}

fn scorer(play: &Play, run: &Played) -> Part {
    let most = run.most();
    let full = |score: f64| score >= most - 1e-9;
    play.shots.iter().fold((0.0, 0.0), |(right, of), shot| match (shot.strict, shot.truth) {
        (Some(strict), Some(truth)) => (right + f64::from(full(strict) == full(truth)), of + 1.0),
        _ => (right, of),
    })
}

/// When rollouts stop, and what they cost.
pub fn stops(runs: &[Played]) -> Sheet {
    let most = runs.iter().map(|run| run.n_max).max().unwrap_or(1);
    let mut columns: Vec<String> = (0..=most).map(|n| format!("{n} pictures %")).collect();
    columns.extend(["done %", "cut %", "malformed %", "refused %", "raw %"].map(str::to_owned));
    columns.extend(["tokens in", "tokens out", "s of agent", "s of pictures"].map(str::to_owned));
    let row = |run: &Played| {
        let n = run.plays.len().max(1) as f64;
        let share = |of: &dyn Fn(&Play) -> bool| {
            Cell::of(Some(100.0 * run.plays.iter().filter(|p| of(p)).count() as f64 / n), 1)
        };
        let mut cells: Vec<Cell> =
            (0..=most).map(|k| share(&|p| p.rollout.pictures().len() == k)).collect();
        for words in
            [&["answer"][..], &["cut"], &["malformed", "turn_limit"], &["refused"], &["raw"]]
        {
            cells.push(share(&|p| words.contains(&p.rollout.ended.as_str())));
        }
        let mean = |of: &dyn Fn(&RolloutTurn) -> u64, scale: f64| {
            let sum: u64 = run.plays.iter().flat_map(turns).map(of).sum();
            Cell::of(Some(sum as f64 / n / scale), if scale > 1.0 { 2 } else { 0 })
        };
        cells.push(mean(&|t| t.tokens_in, 1.0));
        cells.push(mean(&|t| t.tokens_out, 1.0));
        cells.push(mean(&|t| t.ms, 1000.0));
        cells.push(mean(&|t| t.draw_ms, 1000.0));
        SheetRow { name: run.name.clone(), cells }
    };
    Sheet {
        name: "Stops".to_owned(),
        title: "When rollouts stop, and what one takes".to_owned(),
        columns,
        rows: runs.iter().map(row).collect(),
        notes: Vec::new(),
    }
}
