//! The whole audit as text.

use crate::audit::AuditReport;
use crate::audit::findings::{Finding, Severity};
use crate::audit::funnel::{Funnel, Split};
use crate::audit::replies::ReplyAudit;
use crate::audit::roles::RoleAudit;
use crate::audit::show::{Grid, Look, bar, count, line, money};
use crate::record::{Acceptance, Stratum};
use std::collections::BTreeMap;

/// What `coldstart audit RUN` prints.
pub fn audit_text(report: &AuditReport, look: Look) -> String {
    let mut out = head(report, look);
    out.push_str(&funnel(&report.funnel, look));
    out.push_str(&splits("category", &report.funnel.by_category, &report.funnel, look));
    out.push_str(&splits("source", &report.funnel.by_source, &report.funnel, look));
    out.push_str(&strata(&report.strata, look));
    out.push_str(&acceptance(&report.acceptance, look));
    out.push_str(&roles(report, look));
    out.push_str(&replies(&report.replies, look));
    out.push_str(&findings(&report.findings, look));
    out
}

fn head(report: &AuditReport, look: Look) -> String {
    let funnel = &report.funnel;
    let mut parts = vec![look.bold(&report.run)];
    if !report.pipeline.is_empty() {
        parts.push(format!("pipeline {}", line(&report.pipeline, 40)));
    }
    if let Some(seed) = report.seed {
        parts.push(format!("seed {seed}"));
    }
    if report.simulated {
        parts.push(look.yellow("simulated world"));
    }
    if !report.complete {
        parts.push(look.yellow("not complete"));
    }
    let kept = match funnel.cost_per_kept_usd {
        Some(usd) => {
            let calls = funnel.calls_per_kept.unwrap_or(0.0);
            let aside = match funnel.canary_calls {
                0 => String::new(),
                n => format!(" (canaries aside: {} calls, {})", count(n), money(funnel.canary_usd)),
            };
            format!("; a kept trajectory: {}, {calls:.1} calls{aside}", money(usd))
        }
        None => String::new(),
    };
    let twice = match (report.sessions.known, report.paid_twice + report.sessions.most_in_flight) {
        (0, 0) => "paid twice: none journaled; what kills left in flight is not known".to_owned(),
        (_, 0) => "paid twice: none".to_owned(),
        _ => format!(
            "paid twice: {} calls journaled twice; in flight at kills {} when last seen, at most {}",
            count(report.paid_twice),
            count(report.sessions.in_flight),
            count(report.sessions.most_in_flight)
        ),
    };
    format!(
        "{}\n{} records, {} rows, {} calls ({} uses shared), {}{kept}\n{twice}\n",
        parts.join(" · "),
        count(funnel.records),
        count(funnel.rows),
        count(funnel.calls),
        count(funnel.shared_uses),
        money(funnel.cost_usd),
    )
}

fn title(text: &str, look: Look) -> String {
    format!("\n{}\n", look.bold(text))
}

fn funnel(funnel: &Funnel, look: Look) -> String {
    // As wide as the terminal leaves room for, or none.
    let room = look.width.saturating_sub(funnel_grid(funnel, 0).width() + 1);
    let bars = if room < 6 { 0 } else { room.min(20) };
    let mut lines = funnel_grid(funnel, bars).lines().into_iter();
    let mut out = title("funnel", look);
    out.push_str(&format!("{}\n", look.dim(&lines.next().unwrap_or_default())));
    for (row, s) in lines.zip(&funnel.stages) {
        out.push_str(&format!("{row}\n"));
        if !s.reasons.is_empty() {
            for list in wrapped(&counts(&s.reasons), look.width.saturating_sub(4)) {
                out.push_str(&format!("{}\n", look.dim(&format!("    {list}"))));
            }
        }
    }
    out
}

/// The table of the funnel with bars of `bars` cells.
fn funnel_grid(funnel: &Funnel, bars: usize) -> Grid {
    let most = funnel.stages.iter().map(|s| s.entered).max().unwrap_or(0).max(1) as f64;
    let mut grid = Grid::new("lrlrrrrrr");
    grid.row(["stage", "in", "", "passed", "%", "dropped", "failed", "calls", "cost"]);
    for s in &funnel.stages {
        grid.row([
            s.stage.clone(),
            count(s.entered),
            bar(s.passed as f64 / most, bars),
            count(s.passed),
            match s.entered {
                0 => "-".to_owned(),
                _ => format!("{:.1}", s.kept_share() * 100.0),
            },
            count(s.dropped),
            count(s.failed),
            count(s.calls),
            money(s.cost_usd),
        ]);
    }
    grid
}

/// Parts joined by ` · ` into lines of at most `width` characters (or of one part).
fn wrapped(parts: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(last) if last.chars().count() + 3 + part.chars().count() <= width => {
                last.push_str(" · ");
                last.push_str(part);
            }
            _ => lines.push(part.clone()),
        }
    }
    lines
}

/// `a 12`, `b 3`, most numerous first.
fn counts(of: &BTreeMap<String, u64>) -> Vec<String> {
    let mut list: Vec<(&String, &u64)> = of.iter().collect();
    list.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
    let name = |name: &str| if name.is_empty() { "(none)".to_owned() } else { line(name, 60) };
    list.into_iter().map(|(reason, n)| format!("{} {}", name(reason), count(*n))).collect()
}

/// A column a stage would be too wide; so: records, kept, and where most were dropped.
fn splits(what: &str, splits: &[Split], funnel: &Funnel, look: Look) -> String {
    if splits.len() < 2 {
        return String::new();
    }
    let mut grid = Grid::new("lrrrl");
    grid.row([what, "records", "kept", "%", "dropped most at"]);
    for split in splits {
        let share = split.kept as f64 / split.records.max(1) as f64;
        grid.row([
            line(&split.name, 32),
            count(split.records),
            count(split.kept),
            format!("{:.1}", share * 100.0),
            thinnest(split, funnel),
        ]);
    }
    table(what, &grid, look)
}

fn thinnest(split: &Split, funnel: &Funnel) -> String {
    let most = split.dropped.iter().zip(&funnel.stages).max_by_key(|(dropped, _)| **dropped);
    match most {
        Some((dropped, stage)) if *dropped > 0 => format!("{} (-{})", stage.stage, count(*dropped)),
        _ => String::new(),
    }
}

fn table(name: &str, grid: &Grid, look: Look) -> String {
    let mut lines = grid.lines().into_iter();
    let mut out = title(name, look);
    out.push_str(&format!("{}\n", look.dim(&lines.next().unwrap_or_default())));
    for row in lines {
        out.push_str(&format!("{row}\n"));
    }
    out
}

fn strata(strata: &BTreeMap<String, Stratum>, look: Look) -> String {
    if strata.is_empty() {
        return String::new();
    }
    let mut grid = Grid::new("lrrrl");
    grid.row(["stratum", "there", "wanted", "got", ""]);
    for (name, s) in strata {
        let short = s.quota.saturating_sub(s.taken);
        let note = if short > 0 { format!("short {}", count(short)) } else { String::new() };
        grid.row([name.clone(), count(s.available), count(s.quota), count(s.taken), note]);
    }
    table("strata", &grid, look)
}

fn acceptance(acceptance: &Acceptance, look: Look) -> String {
    if acceptance.0.is_empty() {
        return String::new();
    }
    let mut grid = Grid::new("lrrrl");
    grid.row(["judgement", "accepts", "rejects", "accepting", ""]);
    for (name, judged) in acceptance.rounds() {
        let share = judged.share().unwrap_or(0.0);
        let (accepts, rejects) = (count(judged.accepts), count(judged.rejects));
        grid.row([name, accepts, rejects, format!("{:.1} %", share * 100.0), bar(share, 20)]);
    }
    table("acceptance by round", &grid, look)
}

fn roles(report: &AuditReport, look: Look) -> String {
    if report.roles.is_empty() {
        return String::new();
    }
    let mut grid = Grid::new("lrrrrrrrrr");
    grid.row([
        "role",
        "calls",
        "cost",
        "tokens in",
        "out",
        "images",
        "ms p50",
        "p95",
        "retried",
        "refused",
    ]);
    for role in &report.roles {
        grid.row(role_cells(role));
    }
    let name = if report.calls_read < report.calls_journaled {
        let (read, all) = (count(report.calls_read), count(report.calls_journaled));
        format!("roles (a uniform sample of {read} of {all} calls; --full reads all)")
    } else {
        "roles".to_owned()
    };
    table(&name, &grid, look)
}

fn role_cells(role: &RoleAudit) -> [String; 10] {
    let ms = |of: fn(&crate::audit::stats::Spread) -> f64| {
        role.latency_ms.as_ref().map_or(String::new(), |s| format!("{:.0}", of(s)))
    };
    [
        role.role.clone(),
        count(role.calls),
        money(role.cost_usd),
        count(role.tokens_in),
        count(role.tokens_out),
        count(role.images),
        ms(|s| s.p50),
        ms(|s| s.p95),
        format!("{:.1} %", role.retried as f64 * 100.0 / role.calls.max(1) as f64),
        count(role.refused),
    ]
}

/// What models said that could not be read as it came.
fn replies(replies: &[ReplyAudit], look: Look) -> String {
    if replies.is_empty() {
        return String::new();
    }
    let mut grid = Grid::new("llrrrrr");
    grid.row(["role", "model", "asked again", "answered", "contradictions", "undecided", "cut"]);
    for r in replies {
        let counts = [r.asked_again, r.answered, r.contradictions, r.undecided, r.sentences_cut];
        let name = [r.role.clone(), line(&r.model, 40)];
        grid.row(name.into_iter().chain(counts.map(count)));
    }
    table("replies that could not be read as they came", &grid, look)
}

fn findings(findings: &[Finding], look: Look) -> String {
    let mut out = title("findings", look);
    if findings.is_empty() {
        out.push_str("none\n");
    }
    for f in findings {
        let severity = match f.severity {
            Severity::Error => look.red("error"),
            Severity::Warning => look.yellow("warning"),
            Severity::Note => look.cyan("note"),
        };
        let at = if f.stage.is_empty() {
            String::new()
        } else {
            format!(" at `{}`", line(&f.stage, 60))
        };
        let times = if f.count > 1 { format!(" ({})", count(f.count)) } else { String::new() };
        out.push_str(&format!("{severity}[{}]{at}: {}{times}\n", f.check, line(&f.what, 400)));
        for example in &f.examples {
            out.push_str(&look.dim(&format!("    {}\n", line(example, 160))));
        }
        if !f.help.is_empty() {
            out.push_str(&format!("  = help: {}\n", f.help));
        }
    }
    out
}
