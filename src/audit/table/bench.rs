//! Tables 2 to 4: an evaluation set's columns, as the official script counts and strictly; and
//! Figure 5, the score over the pictures that the agent may draw.

use crate::audit::rollouts::{Play, Shot};
use crate::audit::show::line;
use crate::audit::table::boot::{Grouped, interval, ratio, weighted};
use crate::audit::table::plays::Played;
use crate::audit::table::sheet::{Cell, Plot, Point, Series, Sheet, SheetRow};
use crate::benchmark::totals::{Scored, totals};
use crate::benchmark::{BENCHMARKS, Benchmark, Counted};
use std::collections::BTreeMap;

/// A table for each set that some run is of, and one for pools that are no set's.
pub fn tables(runs: &[Played]) -> Vec<Sheet> {
    let mut out: Vec<Sheet> = Vec::new();
    for set in BENCHMARKS.iter().copied() {
        let of: Vec<&Played> =
            runs.iter().filter(|run| run.set.is_some_and(|s| s.name == set.name)).collect();
        if !of.is_empty() {
            out.push(sheet(set, &of));
        }
    }
    let scored = |run: &&Played| run.set.is_none() && run.plays.iter().any(|p| !p.shots.is_empty());
    let of: Vec<&Played> = runs.iter().filter(scored).collect();
    if !of.is_empty() {
        out.push(pool(&of));
    }
    out
}

/// Categories of a pool that have columns of their own.
const COLUMNS: usize = 12;

/// Scores of prompts of no set, by category: the share of pictures that meet every condition.
fn pool(runs: &[&Played]) -> Sheet {
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for play in runs.iter().flat_map(|run| &run.plays) {
        *sizes.entry(&play.category).or_default() += 1;
    }
    let mut categories: Vec<(&str, usize)> = sizes.into_iter().collect();
    categories.sort_by_key(|(name, n)| (std::cmp::Reverse(*n), *name));
    categories.truncate(COLUMNS);
    let row = |run: &&Played| {
        let counted = counted(run, usize::MAX);
        let of = |wanted: Option<&str>| {
            let fits = |play: &Play| wanted.is_none_or(|category| play.category == category);
            let part = |(play, score): (&Play, &Grouped)| match score {
                Some((_, score)) if fits(play) => (*score, 1.0),
                _ => (0.0, 0.0),
            };
            run.plays.iter().zip(&counted).map(part).collect::<Vec<_>>()
        };
        let share = |parts: &[(f64, f64)]| {
            let all: Vec<usize> = (0..parts.len()).collect();
            ratio(parts, &all).map(|v| 100.0 * v)
        };
        let mut cells: Vec<Cell> =
            categories.iter().map(|(name, _)| Cell::of(share(&of(Some(name))), 1)).collect();
        let parts = of(None);
        let points = |at: &[usize]| ratio(&parts, at).map(|v| 100.0 * v);
        cells.push(Cell::of(share(&parts), 2).between(interval(&run.prompts(), points)));
        let last = || run.plays.iter().filter_map(Play::last);
        cells.push(Cell::count(last().filter(|s| s.judged && s.official.is_none()).count()));
        cells.push(Cell::count(run.plays.iter().filter(|p| p.shots.is_empty()).count()));
        SheetRow { name: run.name.clone(), cells }
    };
    let mut columns: Vec<String> =
        categories.iter().map(|(name, _)| format!("{} %", line(name, 40))).collect();
    columns.extend(["all %", "undecided", "no picture"].map(str::to_owned));
    Sheet {
        name: "Scores".to_owned(),
        title: "Last pictures that meet every condition of their checklist".to_owned(),
        columns,
        rows: runs.iter().map(row).collect(),
        notes: vec![
            "a rollout without a picture counts as 0; pictures that the judge cannot decide are left \
             out and counted"
                .to_owned(),
        ],
    }
}

/// What a rollout counts as, by the picture that `k` allows.
pub fn counted(run: &Played, k: usize) -> Vec<Grouped> {
    let of = |play: &Play| {
        let group = match run.set {
            Some(set) => set.group(&play.category)?,
            None => 0,
        };
        let score = match (play.at(k), run.set) {
            (Some(shot), _) => shot.official?,
            (None, Some(set)) => match set.missing {
                Counted::As(score) => score,
                Counted::LeftOut | Counted::Again => return None,
            },
            (None, None) => 0.0,
        };
        Some((group, score))
    };
    run.plays.iter().map(of).collect()
}

fn scored(set: &Benchmark, run: &Played, k: usize) -> Vec<Scored> {
    let row = |play: &Play| {
        let shot: Option<&Shot> = play.at(k);
        Some(Scored {
            group: set.group(&play.category)?,
            official: match shot {
                Some(shot) => shot.official.map_or(Counted::LeftOut, Counted::As),
                None => set.missing,
            },
            strict: shot.and_then(|shot| shot.strict),
            drawn: shot.is_some(),
        })
    };
    run.plays.iter().filter_map(row).collect()
}

fn sheet(set: &Benchmark, runs: &[&Played]) -> Sheet {
    let digits = if set.most > 1.0 { 3 } else { 4 };
    let mut columns: Vec<String> = set.groups.iter().map(|g| g.title.to_owned()).collect();
    columns.extend(
        ["Overall", "script prints", "strict", "unread", "missing", "absent"].map(str::to_owned),
    );
    let mut rows = Vec::new();
    for run in runs {
        let mut add = |name: String, k: usize| {
            let made = totals(set, &scored(set, run, k));
            let mut cells: Vec<Cell> =
                made.groups.iter().map(|g| Cell::of(g.official, digits)).collect();
            let counted = counted(run, k);
            let overall = |at: &[usize]| weighted(Some(set), &counted, at);
            cells.push(Cell::of(made.overall, digits).between(interval(&run.prompts(), overall)));
            cells.push(Cell::of(made.official, digits));
            cells.push(Cell::of(made.strict, digits));
            cells.extend([made.unparsed, made.missing, made.absent].map(Cell::count));
            rows.push(SheetRow { name, cells });
        };
        add(run.name.clone(), usize::MAX);
        if run.setting == "agent" {
            add(format!("{} w/o tool (first pictures)", run.name), 1);
        }
    }
    let mut notes = vec![
        "Overall: all groups by their weights; `script prints`: as the official script makes it, \
         where it prints one; strict: over answers that a careful reader finds"
            .to_owned(),
        "compare within one judge only: its version moves these figures more than training does"
            .to_owned(),
    ];
    if set.name == "imagine" {
        notes.push("the script looks for `TWO_OBJECT` and so leaves Multi-Object out".to_owned());
    }
    let name = format!("Table {}", set.table);
    Sheet { name, title: set.title.to_owned(), columns, rows, notes }
}

/// Figure 5: the overall score at k = 1 .. n_max, out of one run.
pub fn figure_5(runs: &[Played]) -> Plot {
    let series = |run: &Played| {
        let point = |k: usize| {
            // Of some settings only the last picture is judged: the rest would be a biased sample.
            if run.plays.iter().any(|play| play.at(k).is_some_and(|shot| !shot.judged)) {
                return None;
            }
            let counted = counted(run, k);
            let overall = |at: &[usize]| weighted(run.set, &counted, at).map(|v| v / run.most());
            let all: Vec<usize> = (0..counted.len()).collect();
            let y = overall(&all)?;
            let (low, high) = interval(&run.prompts(), overall).unwrap_or((y, y));
            Some(Point { x: k as f64, y, low, high })
        };
        Series { name: run.name.clone(), points: (1..=run.n_max).filter_map(point).collect() }
    };
    Plot {
        name: "Figure 5".to_owned(),
        title: "Score by the pictures that the agent may draw".to_owned(),
        x: "n_max".to_owned(),
        y: "score, share of the best".to_owned(),
        ticks: Vec::new(),
        series: runs.iter().map(series).collect(),
    }
}
