//! One stage, deep, as text.

use crate::archive::ShapeStage;
use crate::audit::deep::{CheckAudit, LengthAudit, OrderAudit, StageAudit};
use crate::audit::show::{Grid, Look, bar, count, fit, line, way};
use crate::audit::stats::Distribution;

/// What `coldstart audit RUN --stage S` prints.
pub fn stage_text(audit: &StageAudit, shape: &ShapeStage, look: Look) -> String {
    let mut out = format!("{} ({})\n", look.bold(&audit.stage), shape.kind);
    if !shape.about.is_empty() {
        out.push_str(&format!("{}\n", shape.about));
    }
    for (param, value) in &shape.params {
        out.push_str(&look.dim(&format!("  {param} = {value}\n")));
    }
    out.push_str(&format!(
        "{} in: {} passed, {} dropped, {} failed\n",
        count(audit.rows),
        count(audit.passed),
        count(audit.dropped),
        count(audit.failed)
    ));
    out.push_str(&reasons(audit, look));
    out.push_str(&distribution("scores", audit.scores.as_ref(), 2, look));
    out.push_str(&distribution("prompt length, characters", audit.prompt_chars.as_ref(), 0, look));
    out.push_str(&lengths(&audit.lengths, look));
    out.push_str(&votes(audit, look));
    out.push_str(&audit.orders.as_ref().map_or(String::new(), |o| orders(o, look)));
    out.push_str(&checks(&audit.checks, look));
    out.push_str(&categories(audit, look));
    fit(&out, look.width)
}

fn reasons(audit: &StageAudit, look: Look) -> String {
    let mut out = String::new();
    for r in &audit.reasons {
        let (name, share) = (look.bold(&way(r.disposition, &r.port, &r.reason)), r.share);
        out.push_str(&format!("\n{name}: {}, {share}\n", count(share.hits)));
        for e in &r.examples {
            let score = e.score.map_or(String::new(), |s| format!(" score {s:.2}"));
            let id = look.dim(&e.id.hex());
            out.push_str(&format!("  {id} {}{score}\n    {}\n", e.category, line(&e.prompt, 100)));
            if !e.note.is_empty() {
                out.push_str(&look.dim(&format!("    {}\n", line(&e.note, 160))));
            }
        }
    }
    out
}

fn distribution(name: &str, of: Option<&Distribution>, digits: usize, look: Look) -> String {
    let Some(of) = of else { return String::new() };
    let (s, h) = (&of.spread, &of.histogram);
    let most = h.bins.iter().copied().max().unwrap_or(0).max(1) as f64;
    let step = (h.high - h.low) / h.bins.len() as f64;
    let mut grid = Grid::new("rlr");
    for (i, n) in h.bins.iter().enumerate().filter(|(_, n)| **n > 0) {
        let from = h.low + step * i as f64;
        grid.row([format!("{from:.digits$}"), bar(*n as f64 / most, 30), count(*n)]);
    }
    let five = format!(
        "mean {:.digits$}, min {:.digits$}, median {:.digits$}, 95 % {:.digits$}, max {:.digits$}",
        s.mean, s.min, s.p50, s.p95, s.max
    );
    format!("\n{} ({five})\n  {}\n", look.bold(name), grid.lines().join("\n  "))
}

/// What models said here, a line each kind of text.
fn lengths(lengths: &[LengthAudit], look: Look) -> String {
    if lengths.is_empty() {
        return String::new();
    }
    let mut grid = Grid::new("llrrrrr");
    grid.row(["role", "text", "calls", "min", "median", "95 %", "max"]);
    for length in lengths {
        let s = &length.chars.spread;
        let chars = [s.min, s.p50, s.p95, s.max].map(|chars| format!("{chars:.0}"));
        let name = [length.role.clone(), length.text.to_owned(), count(s.count)];
        grid.row(name.into_iter().chain(chars));
    }
    let title = look.bold("lengths of what models said, characters");
    format!("\n{title}\n  {}\n", grid.lines().join("\n  "))
}

fn votes(audit: &StageAudit, look: Look) -> String {
    let Some(votes) = &audit.votes else { return String::new() };
    let mut out = format!("\n{}\n", look.bold("answers"));
    if votes.unanimous.of > 0 {
        out.push_str(&format!("  votes all agree: {}\n", votes.unanimous));
    }
    let mut grid = Grid::new("ll");
    for (ask, answers) in &votes.answers {
        let list: Vec<String> =
            answers.iter().map(|(a, n)| format!("{} {}", line(a, 30), count(*n))).collect();
        grid.row([ask.clone(), list.join(" · ")]);
    }
    out.push_str(&format!("  {}\n", grid.lines().join("\n  ")));
    out
}

fn orders(orders: &OrderAudit, look: Look) -> String {
    let verdict = if orders.biased() {
        look.yellow("the judge prefers a place: the interval does not hold 50 %")
    } else {
        "no preference for a place shows".to_owned()
    };
    format!(
        "\n{}\n  both orders agree: {}\n  the later picture wins both: {}\n  a tie in one order at least: {}\n  \
         of pairs decided by place alone, the first place: {}\n  {verdict}\n",
        look.bold("both orders"),
        orders.agree,
        orders.later_wins,
        orders.any_tie,
        orders.prefers_a,
    )
}

fn checks(checks: &[CheckAudit], look: Look) -> String {
    if checks.is_empty() {
        return String::new();
    }
    let mut grid = Grid::new("lrrrr");
    grid.row(["check", "yes", "no", "unsure", "void"]);
    for c in checks {
        grid.row([c.id.clone(), count(c.yes), count(c.no), count(c.unsure), count(c.void)]);
    }
    format!("\n{}\n  {}\n", look.bold("checks"), grid.lines().join("\n  "))
}

fn categories(audit: &StageAudit, look: Look) -> String {
    if audit.by_category.len() < 2 {
        return String::new();
    }
    let mut grid = Grid::new("lrl");
    grid.row(["category", "rows", "accepted"]);
    for (category, share) in &audit.by_category {
        grid.row([line(category, 32), count(share.of), share.to_string()]);
    }
    format!("\n{}\n  {}\n", look.bold("by category"), grid.lines().join("\n  "))
}
