//! The report at a run's end as text: the funnel, the calls, the strata, the dataset.

use crate::export::purity::line;
use crate::record::{CallsReport, Report, StageReport};
use std::fmt::Write;

/// The funnel with a bar per stage, and what follows from it.
pub fn outcome_text(report: &Report, width: usize) -> String {
    let mut out = String::new();
    if report.simulated {
        out.push_str("SIMULATED: these replies come from coldstart's own simulated world, not from real models.\n\n");
    }
    stages(&mut out, &report.stages, width);
    calls(&mut out, report);
    strata(&mut out, report);
    if report.complete && !report.dataset.digest.is_empty() {
        let _ = writeln!(
            out,
            "dataset   {} rows, digest {}{}",
            report.dataset.rows,
            report.dataset.digest,
            short(report)
        );
    }
    if let Some(all) = report.dataset.purity.get("all") {
        let _ = writeln!(
            out,
            "purity    {} of {} rows, expected; every J true {:.1} % (by outcome and category: the \
             card)",
            line(all),
            all.rows,
            all.claims * 100.0
        );
    }
    out
}

/// Where the strata ran dry: that all was taken, and how to get nearer to the target.
fn short(report: &Report) -> String {
    let (rows, target) = (report.dataset.rows, report.dataset.target);
    if rows == 0 && target > 0 {
        return one_sided(report).unwrap_or_default();
    }
    if rows == 0 || rows >= target {
        return String::new();
    }
    format!(
        "\n          all that this pool gave; the target is {target}: more prompts (`--pool`) bring more rows, \
         `--target {rows}` asks for no more"
    )
}

/// Why a dataset is empty though records came to its balance: all of them accept, or all reject.
fn one_sided(report: &Report) -> Option<String> {
    let full = report.stages.iter().find(|s| s.reasons.contains_key("over_quota"))?;
    let (name, n) = (&full.stage, full.entered);
    Some(format!(
        "\n          all {n} records that came to `{name}` are of one side, and it takes as many that accept as \
         reject:\n          more prompts (`--pool`) bring both, `--set {name}.accepts={{}}` takes what is there"
    ))
}

fn stages(out: &mut String, stages: &[StageReport], room: usize) {
    let width = stages.iter().map(|s| s.stage.len()).max().unwrap_or(0);
    // Where the reasons begin; what does not fit stands below, broken between reasons only.
    let bars = if room < 100 { 0 } else { BAR };
    let indent = width + 3 * 9 + 8 + 2 + if bars > 0 { bars + 2 } else { 0 };
    let gap = " ".repeat(if bars > 0 { bars + 2 } else { 0 });
    let most = stages.iter().map(|s| s.entered).max().unwrap_or(0).max(1);
    let _ = writeln!(
        out,
        "{:width$} {:>8} {:>8} {:>8} {:>7}  {gap}why",
        "stage", "in", "passed", "dropped", "failed"
    );
    for s in stages {
        let bar = "█".repeat((s.passed * bars as u64).div_ceil(most) as usize);
        let bar = if bars > 0 { format!("{bar:bars$}  ") } else { bar };
        let mut reasons: Vec<(&String, &u64)> = s.reasons.iter().collect();
        reasons.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let mut why: Vec<String> = Vec::new();
        if s.ports.len() > 1 {
            why.extend(s.ports.iter().map(|(port, n)| format!("-> {port} {n}")));
        }
        why.extend(reasons.into_iter().map(|(reason, n)| format!("{reason} {n}")));
        let _ = writeln!(
            out,
            "{:width$} {:>8} {:>8} {:>8} {:>7}  {bar}{}",
            s.stage,
            s.entered,
            s.passed,
            s.dropped,
            s.failed,
            folded(&why, indent, room)
        );
    }
}

/// The longest bar, cells.
const BAR: usize = 20;

/// Items with commas between, on lines that end before `width` and begin at `indent` but for the first.
fn folded(items: &[String], indent: usize, width: usize) -> String {
    let (mut out, mut column) = (String::new(), indent);
    for (at, item) in items.iter().enumerate() {
        let comma = if at + 1 < items.len() { "," } else { "" };
        let room = item.chars().count() + comma.len();
        if at > 0 && column + 1 + room > width {
            let _ = write!(out, "\n{:indent$}", "");
            column = indent;
        } else if at > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(item);
        out.push_str(comma);
        column += room;
    }
    out
}

fn calls(out: &mut String, report: &Report) {
    let calls = &report.calls;
    let each = match report.dataset.rows {
        0 => String::new(),
        rows => format!(", {} a row of the dataset", usd(report.cost_usd / rows as f64)),
    };
    let taken = match calls.taken {
        0 => String::new(),
        taken => format!(", {taken} taken from finished shards"),
    };
    let _ = writeln!(
        out,
        "\ncalls     {} made, {} replayed{taken}; {}{each}",
        calls.made,
        calls.replayed,
        usd(report.cost_usd)
    );
    let stages: Vec<String> = report
        .stages
        .iter()
        .filter(|s| s.cost_usd > 0.0)
        .map(|s| format!("{} {}", s.stage, usd(s.cost_usd)))
        .collect();
    for (number, line) in stages.chunks(5).enumerate() {
        let head = if number == 0 { "by stage" } else { "" };
        let _ = writeln!(out, "  {head:12} {}", line.join("  "));
    }
    roles(out, calls);
}

fn roles(out: &mut String, calls: &CallsReport) {
    let _ = writeln!(
        out,
        "  {:12} {:>8} {:>8} {:>10} {:>10} {:>8} {:>11}",
        "role", "made", "replayed", "tokens in", "out", "images", "cost"
    );
    for (role, r) in &calls.by_role {
        let _ = writeln!(
            out,
            "  {role:12} {:>8} {:>8} {:>10} {:>10} {:>8} {:>11}",
            r.made,
            r.replayed,
            r.tokens_in,
            r.tokens_out,
            r.images,
            usd(r.cost_usd)
        );
    }
}

fn usd(usd: f64) -> String {
    format!("${usd:.4}")
}

fn strata(out: &mut String, report: &Report) {
    let strata = &report.dataset.strata;
    if strata.is_empty() {
        return;
    }
    let short: Vec<String> = strata
        .iter()
        .filter(|(_, s)| s.taken == s.available)
        .map(|(name, s)| format!("{name} {}", s.taken))
        .collect();
    let _ = writeln!(
        out,
        "strata    {} with records; all that was there was taken in {}:",
        strata.len(),
        short.len()
    );
    paragraph(out, &short);
    let full: Vec<String> = strata
        .iter()
        .filter(|(_, s)| s.taken < s.available)
        .map(|(name, s)| format!("{name} {}/{}", s.taken, s.available))
        .collect();
    if !full.is_empty() {
        let _ = writeln!(out, "  filled to their quota (taken/there):");
        paragraph(out, &full);
    }
}

/// Indented lines of at most 80 characters, broken between items only.
fn paragraph(out: &mut String, items: &[String]) {
    let mut column = 0;
    for item in items {
        let width = item.chars().count() + 2;
        if column > 0 && column + width > 80 {
            out.push('\n');
            column = 0;
        }
        out.push_str("  ");
        out.push_str(item);
        column += width;
    }
    if column > 0 {
        out.push('\n');
    }
}
