//! Several runs against each other: Table 5 with paired differences, and Figure 4.

use crate::audit::table::bench::counted;
use crate::audit::table::boot::{Grouped, interval, single, weighted};
use crate::audit::table::plays::Played;
use crate::audit::table::sheet::{Cell, Plot, Point, Series, Sheet, SheetRow};
use crate::record::Id;
use std::collections::BTreeMap;
use std::ops::Range;

/// Each run's overall, and its difference to the first run's on the prompts of both.
pub fn table(runs: &[Played]) -> Option<Sheet> {
    let [first, rest @ ..] = runs else { return None };
    if rest.is_empty() {
        return None;
    }
    let row = |run: &Played| {
        let scores = counted(run, usize::MAX);
        let all: Vec<usize> = (0..scores.len()).collect();
        let overall = |at: &[usize]| weighted(run.set, &scores, at);
        let mut cells = vec![
            Cell::count(scores.len()),
            Cell::of(overall(&all), 4).between(interval(&run.prompts(), overall)),
        ];
        cells.extend(difference(first, run));
        SheetRow { name: run.name.clone(), cells }
    };
    let columns = ["rollouts", "overall", "prompts of both", "difference", "better", "worse"];
    Some(Sheet {
        name: "Table 5".to_owned(),
        title: format!("Runs against `{}`", first.name),
        columns: columns.map(str::to_owned).to_vec(),
        rows: runs.iter().map(row).collect(),
        notes: vec![
            "difference: on the prompts of both, with the 95 % interval of paired resamples; one \
             that holds 0 tells nothing"
                .to_owned(),
        ],
    })
}

/// Each prompt's score: the mean over its rollouts that have one.
fn by_prompt(run: &Played) -> BTreeMap<Id, Grouped> {
    let scores = counted(run, usize::MAX);
    let mean = |prompt: Range<usize>| {
        let id = run.plays[prompt.start].id;
        let there: Vec<(usize, f64)> = scores[prompt].iter().copied().flatten().collect();
        let sum: f64 = there.iter().map(|(_, score)| score).sum();
        (id, there.first().map(|(group, _)| (*group, sum / there.len() as f64)))
    };
    run.prompts().into_iter().map(mean).collect()
}

fn difference(first: &Played, run: &Played) -> Vec<Cell> {
    if first.name == run.name || first.set.map(|s| s.name) != run.set.map(|s| s.name) {
        return vec![Cell::words("-"), Cell::words("-"), Cell::words("-"), Cell::words("-")];
    }
    let (a, b) = (by_prompt(first), by_prompt(run));
    let pairs: Vec<(Grouped, Grouped)> =
        a.iter().filter_map(|(id, a)| Some((*a, *b.get(id)?))).collect();
    let (before, after): (Vec<Grouped>, Vec<Grouped>) = pairs.iter().copied().unzip();
    let all: Vec<usize> = (0..pairs.len()).collect();
    let of = |at: &[usize]| Some(weighted(run.set, &after, at)? - weighted(run.set, &before, at)?);
    let count = |test: fn(f64, f64) -> bool| {
        let both = pairs.iter().filter_map(|(a, b)| Some((a.as_ref()?.1, b.as_ref()?.1)));
        both.filter(|(a, b)| test(*a, *b)).count()
    };
    vec![
        Cell::count(pairs.len()),
        Cell::of(of(&all), 4).between(interval(&single(pairs.len()), of)),
        Cell::count(count(|a, b| b > a)),
        Cell::count(count(|a, b| b < a)),
    ]
}

/// Figure 4: the runs side by side, first and last pictures.
pub fn figure_4(runs: &[Played]) -> Option<Plot> {
    if runs.len() < 2 {
        return None;
    }
    let series = |name: &str, k: usize| {
        let point = |(at, run): (usize, &Played)| {
            let scores = counted(run, k);
            let of = |at: &[usize]| weighted(run.set, &scores, at).map(|v| v / run.most());
            let all: Vec<usize> = (0..scores.len()).collect();
            let y = of(&all)?;
            let (low, high) = interval(&run.prompts(), of).unwrap_or((y, y));
            Some(Point { x: at as f64, y, low, high })
        };
        Series {
            name: name.to_owned(),
            points: runs.iter().enumerate().filter_map(point).collect(),
        }
    };
    Some(Plot {
        name: "Figure 4".to_owned(),
        title: "Runs, by their first and their last pictures".to_owned(),
        x: "run".to_owned(),
        y: "score, share of the best".to_owned(),
        ticks: runs.iter().map(|run| run.name.clone()).collect(),
        series: vec![series("last picture", usize::MAX), series("first picture", 1)],
    })
}
