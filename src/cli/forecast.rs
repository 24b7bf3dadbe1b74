//! A forecast as text: what `run --dry-run` shows, and `replay` where calls are missing.

use crate::audit::show::{Grid, Look, fit};
use crate::deliver::forecast::Forecast;

/// A line a stage, and the sum.
pub fn text(found: &Forecast, look: Look) -> String {
    let mut grid = Grid::new("lrrrrrr");
    grid.row(["stage", "records", "calls", "tokens in", "out", "pictures", "dollars"]);
    for s in &found.stages {
        let numbers = [s.records, s.calls, s.tokens_in, s.tokens_out, s.pictures].map(count);
        grid.row([s.stage.clone()].into_iter().chain(numbers).chain([usd(s.dollars)]));
    }
    let f = found;
    let sums = [f.calls, f.tokens_in, f.tokens_out, f.pictures].map(count);
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
pub fn count(n: f64) -> String {
    match n {
        n if n >= 1e9 => format!("{:.2}G", n / 1e9),
        n if n >= 1e6 => format!("{:.2}M", n / 1e6),
        n if n >= 1e4 => format!("{:.1}k", n / 1e3),
        n => format!("{n:.0}"),
    }
}
