//! What is made of a RUN, as text for a terminal: forecasts, estimates and replays.

use crate::audit::show::{Grid, Look, diff_text, fit};
use crate::call::estimate::{Estimate, Range};
use crate::deliver::forecast::Forecast;
use crate::deliver::replay::Replay;
use std::fmt::Write;

/// A line a stage, and the sum.
pub fn forecast_text(found: &Forecast, look: Look) -> String {
    let mut grid = Grid::new("lrrrrrr");
    grid.row(["stage", "records", "calls", "tokens in", "out", "pictures", "dollars"]);
    for s in &found.stages {
        let numbers = [s.records, s.calls, s.tokens_in, s.tokens_out, s.pictures].map(figure);
        grid.row([s.stage.clone()].into_iter().chain(numbers).chain([usd(s.dollars)]));
    }
    let f = found;
    let sums = [f.calls, f.tokens_in, f.tokens_out, f.pictures].map(figure);
    grid.row(["in all".to_owned(), String::new()].into_iter().chain(sums).chain([usd(f.dollars)]));
    let mut out = format!("{}\n", grid.lines().join("\n"));
    out.push_str(&basis(found));
    fit(&out, look.width)
}

/// What it rests on.
fn basis(found: &Forecast) -> String {
    let mut out = match found.from.as_str() {
        "" => {
            "no run to learn from: every record is taken to go on, so this is the most\n".to_owned()
        }
        from => format!("shares and sizes as in `{from}`\n"),
    };
    if !found.assumed.is_empty() {
        out.push_str(&format!(
            "assumed (1,500 tokens in, 600 out a call, unpriced): {}; `--like RUN` takes a pilot's\n",
            found.assumed.join(", ")
        ));
    }
    if found.simulated {
        out.push_str("SIMULATED: the replies it rests on are of the simulated world\n");
    }
    out
}

fn usd(dollars: f64) -> String {
    format!("${dollars:.2}")
}

/// Three figures are enough of a forecast.
pub fn figure(n: f64) -> String {
    match n {
        n if n >= 1e9 => format!("{:.2}G", n / 1e9),
        n if n >= 1e6 => format!("{:.2}M", n / 1e6),
        n if n >= 1e4 => format!("{:.1}k", n / 1e3),
        n => format!("{n:.0}"),
    }
}

/// Prompts, money and time with their intervals; then by role what is bought, used and waited for.
pub fn estimate_text(found: &Estimate, width: usize) -> String {
    let Estimate { target, records, kept, prompts, cost_usd, hours, roles } = found;
    let mut out = format!(
        "for {target} trajectories (from {records} records, of which {kept} were kept; in \
         brackets what holds in nine of ten)\n\n\
         prompts  {}\ncost     ${}\nhours    {} (the slowest endpoint; all work at the same time)\n\n",
        whole(prompts),
        small(cost_usd),
        small(hours),
    );
    // Three tables, so that none is wider than a terminal.
    let mut bought = Grid::new("lrrr");
    bought.row(["role", "calls", "pictures", "dollars"]);
    let mut used = Grid::new("lrr");
    used.row(["role", "tokens in", "tokens out"]);
    let mut time = Grid::new("lrr");
    time.row(["role", "hours", "slots"]);
    for r in roles {
        let pictures = if r.images.high > 0.0 { whole(&r.images) } else { "-".to_owned() };
        bought.row([r.role.clone(), whole(&r.calls), pictures, small(&r.cost_usd)]);
        let tokens = |range: &Range| if range.high > 0.0 { whole(range) } else { "-".to_owned() };
        used.row([r.role.clone(), tokens(&r.tokens_in), tokens(&r.tokens_out)]);
        time.row([r.role.clone(), small(&r.hours), r.slots.to_string()]);
    }
    let tables = [bought, used, time].map(|grid| format!("{}\n", grid.lines().join("\n")));
    out.push_str(&tables.join("\n"));
    fit(&out, width)
}

fn whole(range: &Range) -> String {
    format!("{} [{}..{}]", figure(range.mid), figure(range.low), figure(range.high))
}

fn small(range: &Range) -> String {
    format!("{:.2} [{:.2}..{:.2}]", range.mid, range.low, range.high)
}

/// What a replay found: the difference, the rows that are certain, the calls that are missing and what
/// they would take.
pub fn replay_text(found: &Replay, look: Look) -> String {
    let Replay { rebuilt, diff, unbought, .. } = found;
    let (report, missing) = (&rebuilt.report, &rebuilt.missing);
    let mut out = diff_text(diff, look);
    let rows = report.dataset.rows;
    let _ = match diff.unknown {
        0 => writeln!(out, "\ndataset   {rows} rows"),
        n => writeln!(
            out,
            "\ndataset   {rows} rows for certain; {n} records are unknown until their calls are bought"
        ),
    };
    let (answered, wanted) = (report.calls.made, rebuilt.wanted());
    let _ = writeln!(out, "calls     {answered} answered by the journal, {wanted} missing");
    for (role, n) in missing {
        let _ = writeln!(out, "  {role}: at least {n} missing");
    }
    if let Some(unbought) = unbought {
        out += "\nbuying them, and what follows from them, would take\n";
        out += &forecast_text(unbought, look);
    }
    out
}
