//! What people's labels say, as text: how good decisions are by them, and how far people agree.

use crate::audit::agreement::People;
use crate::audit::calibrate::{Agreement, Calibration, Figure};
use crate::audit::show::{Grid, Look, line};

/// A stage's decisions held against labels.
pub fn calibration_text(of: &Calibration, look: Look) -> String {
    let t = &of.all;
    let stands = t.true_accept + t.false_accept + t.false_reject + t.true_reject;
    let stage = look.bold(&of.stage);
    let mut out = format!("{stage} ({}): {} labels", of.kind, t.labels);
    if (stands - t.labels as f64).abs() > 1e-9 {
        out.push_str(&format!(", which stand for {stands:.0} decisions"));
    }
    out.push('\n');
    out.push_str(&format!(
        "  accepted: {:.0} rightly, {:.0} wrongly; rejected: {:.0} rightly, {:.0} wrongly\n",
        t.true_accept, t.false_accept, t.true_reject, t.false_reject
    ));
    if of.without_row > 0 {
        out.push_str(&format!(
            "  {} labels are on records on which it decided nothing\n",
            of.without_row
        ));
    }
    let mut grid = Grid::new("lrlllll");
    grid.row(["", "labels", "error", "precision", "recall", "F1", "kappa"]);
    grid.row(cells("all", &of.all));
    for (category, agreement) in &of.by_category {
        grid.row(cells(category, agreement));
    }
    out.push_str(&format!("  {}\n\n", grid.lines().join("\n  ")));
    out
}

fn cells(name: &str, a: &Agreement) -> [String; 7] {
    let figure = |f: &Option<Figure>| match f {
        Some(f) => format!("{:.3} [{:.3}, {:.3}]", f.value, f.low, f.high),
        None => "-".to_owned(),
    };
    [
        line(name, 32),
        a.labels.to_string(),
        figure(&a.error),
        figure(&a.precision),
        figure(&a.recall),
        figure(&a.f1),
        figure(&a.kappa),
    ]
}

/// Agreement as text.
pub fn people_text(found: &People, look: Look) -> String {
    let mut grid = Grid::new("lr");
    grid.row(["by", "labels"]);
    for (by, labels) in &found.labels {
        grid.row([line(by, 40), labels.to_string()]);
    }
    let mut out = format!("{}\n", grid.lines().join("\n"));
    if found.shared == 0 {
        out.push_str("no decision was labelled by two people (`coldstart view --overlap`)\n");
        return out;
    }
    let figure = |n: Option<f64>| n.map_or("-".to_owned(), |n| format!("{n:.3}"));
    let mut pairs = Grid::new("lrrr");
    pairs.row(["two people", "shared", "agree", "kappa"]);
    for pair in &found.pairs {
        let name = format!("{}, {}", line(&pair.a, 30), line(&pair.b, 30));
        pairs.row([name, pair.shared.to_string(), pair.agree.to_string(), figure(pair.kappa)]);
    }
    out.push_str(&format!("\n{}\n", pairs.lines().join("\n")));
    out.push_str(&format!(
        "\nKrippendorff's alpha over {} shared decisions: {}\n{}",
        found.shared,
        figure(found.alpha),
        look.bold(&format!("{} to adjudicate", found.open.len()))
    ));
    out.push_str(if found.open.is_empty() { "\n" } else { " (`coldstart view`, Label)\n" });
    for open in found.open.iter().take(20) {
        let said: Vec<String> = open
            .said
            .iter()
            .map(|s| format!("{} {}", line(&s.by, 30), if s.accept { "accept" } else { "reject" }))
            .collect();
        out.push_str(&format!("  {} {}: {}\n", open.id, open.stage, said.join(", ")));
    }
    out
}
