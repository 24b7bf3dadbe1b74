//! Tables and plots as text, Markdown, CSV and SVG. Names are the user's own paths; what a model
//! said is in no table.

use crate::audit::table::sheet::{Cell, Plot, Point, Sheet, Tables};
use maud::{Markup, html};
use std::fmt::Write;

const SIMULATED: &str =
    "SIMULATED: these rollouts come from coldstart's own simulated world, not from real models.";

/// For a terminal: each run a column, since headings are longer than figures.
pub fn text(tables: &Tables) -> String {
    let mut out = String::new();
    if tables.simulated {
        let _ = writeln!(out, "{SIMULATED}\n");
    }
    for sheet in &tables.sheets {
        let _ = writeln!(out, "{}: {}", sheet.name, sheet.title);
        upright(sheet, &mut out);
        for note in &sheet.notes {
            let _ = writeln!(out, "  {note}");
        }
        out.push('\n');
    }
    for plot in &tables.plots {
        let _ = writeln!(out, "{}: {} ({} by {})", plot.name, plot.title, plot.y, plot.x);
        for series in &plot.series {
            let points = series.points.iter().map(|p| {
                let tick = plot.ticks.get(p.x as usize).cloned().unwrap_or(p.x.to_string());
                format!("{tick}: {:.3} [{:.3}, {:.3}]", p.y, p.low, p.high)
            });
            let _ = writeln!(out, "  {}  {}", series.name, points.collect::<Vec<_>>().join("   "));
        }
        out.push('\n');
    }
    for note in &tables.notes {
        let _ = writeln!(out, "note: {note}");
    }
    out
}

fn upright(sheet: &Sheet, out: &mut String) {
    let wide = |text: &str| text.chars().count();
    let first = sheet.columns.iter().map(|c| wide(c)).max().unwrap_or(0);
    let shown: Vec<Vec<String>> =
        sheet.rows.iter().map(|row| row.cells.iter().map(|c| c.shown()).collect()).collect();
    let width = |r: usize| {
        let cells = shown[r].iter().map(|text| wide(text)).max().unwrap_or(0);
        cells.max(wide(&sheet.rows[r].name))
    };
    let widths: Vec<usize> = (0..sheet.rows.len()).map(width).collect();
    let pad = |text: &str, to: usize| " ".repeat(to.saturating_sub(wide(text)));
    let _ = write!(out, "  {}", " ".repeat(first));
    for (row, to) in sheet.rows.iter().zip(&widths) {
        let _ = write!(out, "  {}{}", pad(&row.name, *to), row.name);
    }
    out.push('\n');
    for (c, column) in sheet.columns.iter().enumerate() {
        let _ = write!(out, "  {column}{}", pad(column, first));
        for (cells, to) in shown.iter().zip(&widths) {
            let cell = cells.get(c).map_or("", String::as_str);
            let _ = write!(out, "  {}{cell}", pad(cell, *to));
        }
        out.push('\n');
    }
}

/// For a paper or an issue.
pub fn markdown(tables: &Tables) -> String {
    let mut out = String::new();
    if tables.simulated {
        let _ = writeln!(out, "**{SIMULATED}**\n");
    }
    let clean = |text: &str| text.replace('|', "\\|");
    for sheet in &tables.sheets {
        let _ = writeln!(out, "### {}: {}\n", sheet.name, clean(&sheet.title));
        let names: Vec<String> = sheet.columns.iter().map(|c| clean(c)).collect();
        let _ = writeln!(out, "| run | {} |", names.join(" | "));
        let _ = writeln!(out, "|---|{}", "---:|".repeat(names.len()));
        for row in &sheet.rows {
            let cells: Vec<String> = row.cells.iter().map(|cell| cell.shown()).collect();
            let _ = writeln!(out, "| {} | {} |", clean(&row.name), cells.join(" | "));
        }
        out.push('\n');
        for note in &sheet.notes {
            let _ = writeln!(out, "- {}", clean(note));
        }
        out.push('\n');
    }
    out
}

/// One line a figure: table, run, column, value, low, high.
pub fn csv(tables: &Tables) -> String {
    let quote = |text: &str| match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    };
    let number = |value: Option<f64>| value.map_or(String::new(), |v| v.to_string());
    let mut out = String::from("table,run,column,value,low,high,simulated\n");
    for sheet in &tables.sheets {
        for row in &sheet.rows {
            for (column, cell) in sheet.columns.iter().zip(&row.cells) {
                let head = [&sheet.name, &row.name, column].map(|t| quote(t)).join(",");
                let figures = [cell.value, cell.low, cell.high].map(number).join(",");
                let _ = writeln!(out, "{head},{figures},{}", tables.simulated);
            }
        }
    }
    out
}

/// For a page: each run a column, figures as pictures.
pub fn html(tables: &Tables) -> Markup {
    html! {
        @for note in &tables.notes { p.alert { (note) } }
        @for sheet in &tables.sheets { section {
            h2 { (sheet.name) ": " (sheet.title) }
            div.scroll { table {
                thead { tr { th {} @for row in &sheet.rows { th.n { (row.name) } } } }
                tbody { @for (c, column) in sheet.columns.iter().enumerate() { tr {
                    td { (column) }
                    @for row in &sheet.rows { td.n { (row.cells.get(c).map_or(String::new(), Cell::shown)) } }
                } } }
            } }
            @for note in &sheet.notes { p.note { (note) } }
        } }
        @for plot in &tables.plots { @if plot.series.iter().any(|s| !s.points.is_empty()) {
            section { h2 { (plot.name) } (svg(plot)) }
        } }
    }
}

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 48.0;
const COLOURS: [&str; 6] = ["#2563eb", "#c2410c", "#15803d", "#7c3aed", "#b91c1c", "#0f766e"];

/// A plot as a picture that stands alone.
pub fn svg(plot: &Plot) -> Markup {
    let points = || plot.series.iter().flat_map(|s| &s.points);
    let least = points().map(|p| p.x).fold(f64::INFINITY, f64::min);
    let most = points().map(|p| p.x).fold(f64::NEG_INFINITY, f64::max);
    let top = points().map(|p| p.high).fold(0.0, f64::max).max(0.05) * 1.1;
    let x = |v: f64| LEFT + 24.0 + (v - least) / (most - least).max(1.0) * (WIDTH - LEFT - 60.0);
    let y = |v: f64| 24.0 + (1.0 - v / top) * (HEIGHT - 70.0);
    let line = |points: &[Point]| {
        let at = points.iter().map(|p| format!("{:.1},{:.1}", x(p.x), y(p.y)));
        at.collect::<Vec<_>>().join(" ")
    };
    let mut ticks: Vec<f64> = points().map(|p| p.x).collect();
    ticks.sort_by(f64::total_cmp);
    ticks.dedup();
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) width=(WIDTH) role="img" font-family="sans-serif" font-size="10" {
            title { (plot.name) ": " (plot.title) }
            text x=(LEFT) y="12" { (plot.name) ": " (plot.title) }
            @for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
                line x1=(LEFT) x2=(WIDTH - 12.0) y1=(y(share * top)) y2=(y(share * top)) stroke="#ddd" {}
                text x=(LEFT - 4.0) y=(y(share * top) + 3.0) text-anchor="end" { (format!("{:.2}", share * top)) }
            }
            @for tick in &ticks {
                text x=(x(*tick)) y=(HEIGHT - 34.0) text-anchor="middle" {
                    @match plot.ticks.get(*tick as usize) { Some(name) => (name), None => (tick) }
                }
            }
            text x=(WIDTH / 2.0) y=(HEIGHT - 20.0) text-anchor="middle" { (plot.x) }
            @for (n, series) in plot.series.iter().enumerate() {
                @let colour = COLOURS[n % COLOURS.len()];
                polyline points=(line(&series.points)) fill="none" stroke=(colour) stroke-width="1.5" {}
                @for p in &series.points {
                    line x1=(x(p.x)) x2=(x(p.x)) y1=(y(p.low)) y2=(y(p.high)) stroke=(colour) {}
                    circle cx=(x(p.x)) cy=(y(p.y)) r="3" fill=(colour) { title { (format!("{:.3} [{:.3}, {:.3}]", p.y, p.low, p.high)) } }
                }
                text x=(LEFT + 4.0 + 150.0 * (n % 3) as f64) y=(HEIGHT - 6.0) fill=(colour) { (series.name) }
            }
        }
    }
}
