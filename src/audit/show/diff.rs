//! A difference of two runs as text.

use crate::audit::diff::Diff;
use crate::audit::row_diff::RowsDiff;
use crate::audit::show::{Grid, Look, count, line};

/// Changed lines shown per text.
const LINES: usize = 40;
/// Groups of changed records shown.
const GROUPS: usize = 30;

/// What `coldstart diff A B` prints.
pub fn diff_text(diff: &Diff, look: Look) -> String {
    let mut out = format!("A = {}\nB = {}\n", diff.a, diff.b);
    for (what, a, b) in &diff.settings {
        let side = |value: &str| match value {
            "" => "absent".to_owned(),
            value => line(value, 80),
        };
        out.push_str(&format!("{what}: {} -> {}\n", side(a), side(b)));
    }
    out.push_str(&format!(
        "{} records decide the same, {} changed, {} only in A, {} only in B{}\n\
         kept: {} in both, {} only in A, {} only in B{}\n",
        count(diff.same),
        count(diff.changed),
        count(diff.only_in_a),
        count(diff.only_in_b),
        unknown(diff.unknown),
        count(diff.kept[2]),
        count(diff.kept[0]),
        count(diff.kept[1]),
        unknown(diff.unknown),
    ));
    out.push_str(&rows(diff.rows.as_ref()));
    out.push_str(&funnels(diff, look));
    out.push_str(&changes(diff, look));
    for text in &diff.texts {
        out.push_str(&format!("\n{}\n", look.bold(&text.path)));
        for line in text.lines.iter().take(LINES) {
            let line = super::visible(line);
            let shown = match line.as_bytes().first() {
                Some(b'+') => look.green(&line),
                Some(b'-') => look.red(&line),
                _ => line,
            };
            out.push_str(&format!("  {shown}\n"));
        }
        if text.lines.len() > LINES {
            out.push_str(&look.dim(&format!("  … {} more lines\n", text.lines.len() - LINES)));
        }
    }
    out
}

/// Records whose fate would have to be bought.
fn unknown(n: u64) -> String {
    if n == 0 { String::new() } else { format!(", {} unknown (calls are missing)", count(n)) }
}

/// The datasets' rows: the same decisions may end in other rows.
fn rows(rows: Option<&RowsDiff>) -> String {
    let Some(rows) = rows else {
        return "rows: not compared, one side has no dataset of its own\n".into();
    };
    let changed: u64 = rows.changes.iter().map(|change| change.count).sum();
    let mut out = format!(
        "rows: {} the same, {} changed, {} only in A, {} only in B\n",
        count(rows.same),
        count(changed),
        count(rows.only_in_a),
        count(rows.only_in_b)
    );
    for change in &rows.changes {
        let ids: Vec<String> = change.examples.iter().map(|id| id.hex()[..8].to_owned()).collect();
        out.push_str(&format!("    {} {}: {}\n", count(change.count), change.what, ids.join(" ")));
    }
    out
}

fn funnels(diff: &Diff, look: Look) -> String {
    let mut grid = Grid::new("lrrrrrrrr");
    grid.row([
        "stage", "A in", "passed", "dropped", "failed", "B in", "passed", "dropped", "failed",
    ]);
    for stage in &diff.funnel {
        let side = |counts: Option<[u64; 4]>| match counts {
            Some(counts) => counts.map(count),
            None => ["-"; 4].map(str::to_owned),
        };
        let cells = [stage.stage.clone()].into_iter().chain(side(stage.a)).chain(side(stage.b));
        grid.row(cells);
    }
    let mut lines = grid.lines().into_iter();
    let head = look.dim(&lines.next().unwrap_or_default());
    let rows = lines.zip(&diff.funnel).map(
        |(row, stage)| {
            if stage.a == stage.b { look.dim(&row) } else { row }
        },
    );
    format!("\n{}\n{head}\n{}\n", look.bold("funnels"), rows.collect::<Vec<_>>().join("\n"))
}

fn changes(diff: &Diff, look: Look) -> String {
    if diff.changes.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", look.bold("first differing decisions"));
    for change in diff.changes.iter().take(GROUPS) {
        let (n, stage) = (count(change.count), &change.stage);
        out.push_str(&format!("{n} at `{stage}`: {} -> {}\n", change.from, change.to));
        for e in change.examples.iter().take(3) {
            let id = look.dim(&e.id.hex());
            out.push_str(&format!("    {id} {} {}\n", e.category, line(&e.prompt, 90)));
        }
    }
    if diff.changes.len() > GROUPS {
        out.push_str(&look.dim(&format!("… {} more groups\n", diff.changes.len() - GROUPS)));
    }
    out
}
