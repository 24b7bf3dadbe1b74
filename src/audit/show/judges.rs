//! What judges are worth as text: a table of them, and what their looks say of places and habits.

use crate::audit::judges::Judges;
use crate::audit::show::Grid;
use crate::rules::fit::{Judge, Share};
use std::collections::BTreeMap;

/// All that was learned of the judges of a RUN.
pub fn judges_text(found: &Judges) -> String {
    let fit = &found.fit;
    let mut out = format!(
        "{} questions, {} of them with a known answer (canaries, labels); the rest by how looks \
         disagree\n\n",
        fit.questions, fit.known
    );
    let mut grid = Grid::new("llrllr");
    grid.row(["judge", "kind", "answers", "sensitivity", "specificity", "repeats"]);
    fit.judges.iter().for_each(|judge| grid.row(cells(judge)));
    out += &grid.lines().join("\n");
    out += "\n\n";
    out += &shares("all stages", &fit.holds);
    fit.holds_at.iter().for_each(|(stage, holds)| out += &shares(stage, holds));
    for place in found.places.iter().filter(|p| p.same[0] > 0) {
        out += &format!(
            "{}: a picture held against itself {} times, one of the two called better {} times\n",
            place.stage, place.same[0], place.same[1]
        );
    }
    for place in found.places.iter().filter(|p| p.pairs > 0) {
        out += &format!(
            "{}: {} pairs, the two orders disagree on {}; {:.0} % of the answers go to the picture \
             shown first\n",
            place.stage,
            place.pairs,
            place.disagreed,
            place.first * 100.0
        );
    }
    for stamp in found.stamps.iter().filter(|s| s.looks > 0) {
        out += &format!(
            "{}: {} looks at rejected pictures, {} of them yes to everything\n",
            stamp.model, stamp.looks, stamp.all_yes
        );
    }
    found.warnings.iter().for_each(|warning| out += &format!("warning: {warning}\n"));
    out
}

/// The shares of questions that hold, by kind, as one line.
fn shares(stage: &str, holds: &BTreeMap<String, f64>) -> String {
    let holds: Vec<String> = holds.iter().map(|(kind, p)| format!("{kind} {p:.2}")).collect();
    format!("holds before any look, {stage}: {}\n", holds.join(", "))
}

fn cells(judge: &Judge) -> [String; 6] {
    let share = |s: &Share| format!("{:.3} [{:.3}, {:.3}]", s.value, s.low, s.high);
    [
        judge.model.clone(),
        judge.kind.clone().unwrap_or_else(|| "all".to_owned()),
        judge.looks.to_string(),
        share(&judge.sensitivity),
        share(&judge.specificity),
        format!("{:.1}", judge.repeat),
    ]
}
