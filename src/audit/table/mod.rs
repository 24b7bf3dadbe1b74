//! The paper's tables and figures of runs of agents: Tables 1 to 5, Figures 4 and 5, with intervals.
//!
//! Rollouts are read by `rollouts`, scores are what the rows' evidence says. Intervals are percentiles of 1,000
//! resamples of prompts; runs are compared on the prompts that they share.

mod bench;
mod boot;
mod compare;
mod first;
mod judged;
mod plays;
mod sheet;
mod training;
mod write;

pub use plays::{Played, read};
pub use sheet::{Cell, Plot, Point, Series, Sheet, SheetRow, Tables};
pub use training::{Trained, training};
pub use write::{csv, html, markdown, svg, text};

/// All tables of `runs`, in their order.
pub fn tables(runs: &[Played]) -> Tables {
    let mut out = Tables {
        simulated: runs.iter().any(|run| run.simulated),
        notes: runs.iter().flat_map(|run| run.notes.clone()).collect(),
        ..Tables::default()
    };
    out.sheets.push(first::table(runs));
    out.sheets.push(judged::table(runs));
    out.sheets.push(first::stops(runs));
    out.sheets.extend(bench::tables(runs));
    out.sheets.extend(compare::table(runs));
    out.plots.extend(compare::figure_4(runs));
    out.plots.push(bench::figure_5(runs));
    out
}
