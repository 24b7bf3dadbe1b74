//! The agent's own judgements by round: how often it accepts, and whether it accepts what is right and rejects
//! what is wrong. An agent that was never shown a second judgement that rejects accepts every second picture,
//! which no figure over all rounds shows.

use crate::audit::rollouts::Play;
use crate::audit::table::first::{Part, cell, good, verdicts};
use crate::audit::table::plays::Played;
use crate::audit::table::sheet::{Cell, Sheet, SheetRow};

/// What one judgement adds to a figure: does it accept, and is the picture good where that is known.
type Count = fn(bool, Option<bool>) -> Part;

const FIGURES: [(&str, Count); 3] = [
    ("accepts %", |accepts, _| (f64::from(accepts), 1.0)),
    ("of right, accepts %", |accepts, good| match good {
        Some(true) => (f64::from(accepts), 1.0),
        _ => (0.0, 0.0),
    }),
    ("of wrong, rejects %", |accepts, good| match good {
        Some(false) => (f64::from(!accepts), 1.0),
        _ => (0.0, 0.0),
    }),
];

/// A row a run, four columns a round.
pub fn table(runs: &[Played]) -> Sheet {
    let rounds = runs.iter().flat_map(|run| &run.plays).map(|play| verdicts(play).len()).max();
    let rounds = 0..rounds.unwrap_or(0);
    let columns = rounds.clone().flat_map(|round| {
        let figures = FIGURES.iter().map(|(name, _)| *name);
        std::iter::once("judged").chain(figures).map(move |name| format!("J{} {name}", round + 1))
    });
    let row = |run: &Played| {
        let cells = rounds.clone().flat_map(|round| {
            let judged = run.plays.iter().filter(|play| at(play, round).is_some()).count();
            let figure =
                move |count: &Count| cell(run, 100.0, |play, run| part(play, run, round, *count));
            std::iter::once(Cell::count(judged))
                .chain(FIGURES.iter().map(move |(_, count)| figure(count)))
        });
        SheetRow { name: run.name.clone(), cells: cells.collect() }
    };
    Sheet {
        name: "Judgements".to_owned(),
        title: "What the agent says of its first, second, ... picture".to_owned(),
        columns: columns.collect(),
        rows: runs.iter().map(row).collect(),
        notes: vec![
            "right and wrong: by the truth where it is known, else by the score; a round that always \
             accepts was never taught to reject"
                .to_owned(),
        ],
    }
}

fn at(play: &Play, round: usize) -> Option<bool> {
    verdicts(play).get(round).copied().flatten()
}

fn part(play: &Play, run: &Played, round: usize, count: Count) -> Part {
    let good = play.shots.get(round).and_then(|shot| good(shot, run.most()));
    at(play, round).map_or((0.0, 0.0), |accepts| count(accepts, good))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_and_wrong_are_counted_apart() {
        let of = |figure: usize, accepts, good| FIGURES[figure].1(accepts, good);
        assert_eq!(of(0, true, None), (1.0, 1.0));
        assert_eq!([of(1, true, Some(true)), of(1, false, Some(true))], [(1.0, 1.0), (0.0, 1.0)]);
        assert_eq!([of(2, true, Some(false)), of(2, false, Some(false))], [(0.0, 1.0), (1.0, 1.0)]);
        assert_eq!([of(1, true, None), of(2, true, Some(true))], [(0.0, 0.0); 2]);
    }
}
