//! The paper's tables and figures of runs of agents: Tables 1 to 5, Figures 4 and 5, with intervals.
//!
//! A run on disk is its calls: rollouts are played again from the journal by the stage's own machine
//! (`stage::agent`), scores are what the rows' evidence says. Intervals are percentiles of 1,000
//! resamples of prompts; runs are compared on the prompts that they share.

mod bench;
mod boot;
mod compare;
mod first;
mod plays;
mod sheet;
mod write;

pub use plays::{Play, Played, Shot, Truth, read};
pub use sheet::{Cell, Plot, Point, Series, Sheet, SheetRow, Tables};
pub use write::{csv, markdown, svg, text};

/// All tables of `runs`, in their order.
pub fn tables(runs: &[Played]) -> Tables {
    let mut out = Tables {
        simulated: runs.iter().any(|run| run.simulated),
        notes: runs.iter().flat_map(|run| run.notes.clone()).collect(),
        ..Tables::default()
    };
    out.sheets.push(first::table(runs));
    out.sheets.push(first::stops(runs));
    out.sheets.extend(bench::tables(runs));
    out.sheets.extend(compare::table(runs));
    out.plots.extend(compare::figure_4(runs));
    out.plots.push(bench::figure_5(runs));
    out
}
