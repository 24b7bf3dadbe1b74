//! What was found in a pool, as text for a terminal. Texts of unknown origin are one bounded line each,
//! with nothing in them that could drive the terminal.

use crate::pool::Inspection;
use crate::pool::report::{Contamination, Duplicates, Report, ranges};
use crate::text::shown::line;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Categories that are listed.
const CATEGORIES: usize = 30;

/// What a path is taken for, what is in it, what cannot be used, and a few rows.
pub fn inspection_text(found: &Inspection) -> String {
    let mut out = format!("{}: `{}`, {}\n", found.path, found.format, found.about);
    let _ = writeln!(out, "{} files, {} bytes", found.files, found.bytes);
    let more = if found.more { " (stopped by --limit)" } else { "" };
    let _ = writeln!(out, "{} rows{more}, {} with a spec", found.rows, found.specs);
    let images = &found.images;
    let _ = writeln!(
        out,
        "{} images, {} missing, {} damaged",
        images.found, images.missing, images.damaged
    );
    unread(&mut out, found);
    out += "\nfields\n";
    for field in &found.fields {
        let theirs = line(&field.theirs, 60);
        let _ = writeln!(out, "  {:>9}  {:<9} from {theirs}", field.rows, field.ours);
    }
    categories(&mut out, &found.categories);
    if !found.bad.is_empty() {
        out += "\ncannot be used\n";
    }
    for (kind, rows) in &found.bad {
        let _ = writeln!(out, "  {:>9}  {kind}", rows.count);
        for example in &rows.examples {
            let _ = writeln!(out, "             {}", line(example, 160));
        }
    }
    rows(&mut out, found);
    out
}

fn unread(out: &mut String, found: &Inspection) {
    if found.unread_files > 0 {
        let names: Vec<String> = found.unread_examples.iter().map(|n| line(n, 60)).collect();
        let rest = if found.unread_files > names.len() as u64 { ", …" } else { "" };
        let (files, names) = (found.unread_files, names.join(", "));
        let _ = writeln!(out, "{files} files not read: {names}{rest}");
    }
}

fn categories(out: &mut String, categories: &BTreeMap<String, u64>) {
    *out += "\ncategories\n";
    let mut categories: Vec<_> = categories.iter().collect();
    categories.sort_by_key(|(name, n)| (std::cmp::Reverse(**n), name.as_str()));
    for (name, n) in categories.iter().take(CATEGORIES) {
        let _ = writeln!(out, "  {n:>9}  {}", line(name, 80));
    }
    if categories.len() > CATEGORIES {
        let _ = writeln!(out, "  … and {} more", categories.len() - CATEGORIES);
    }
}

fn rows(out: &mut String, found: &Inspection) {
    *out += "\nrows\n";
    for row in &found.sample {
        let image = row.image.as_deref().map(|i| format!("  [{i}]")).unwrap_or_default();
        let spec = if row.spec { "  [spec]" } else { "" };
        let (key, category) = (line(&row.key, 120), line(&row.category, 40));
        let _ = writeln!(out, "  {key}  {category}{image}{spec}\n    {}", line(&row.text, 200));
    }
}

/// What a pool holds: how many of what, duplicates, overlap with evaluation sets, images.
pub fn report_text(report: &Report) -> String {
    let mut out = format!(
        "{} prompts, {} with a spec, median of {} words\n",
        report.rows, report.with_spec, report.median_words
    );
    table(&mut out, "categories", &report.by_category, report.rows);
    if report.by_source.len() > 1 {
        table(&mut out, "sources", &report.by_source, report.rows);
    }
    bars(&mut out, "length, in words", &ranges(&report.words), report.rows);
    table(&mut out, "languages", &report.by_language, report.rows);
    duplicates(&mut out, &report.duplicates);
    contamination(&mut out, &report.contamination);
    let images = &report.images;
    if images.count > 0 {
        let _ = writeln!(out, "\n{} images, {} bytes", images.count, images.bytes);
        table(&mut out, "types", &images.by_type, images.count);
        bars(&mut out, "longer side, in pixels", &ranges(&images.sides), images.count);
    }
    if report.unread_files > 0 {
        let files = report.unread_files;
        let _ = writeln!(out, "\n{files} files not read; `coldstart pool inspect` names some");
    }
    let bad: BTreeMap<String, u64> = report.bad.iter().map(|(k, b)| (k.clone(), b.count)).collect();
    if !bad.is_empty() {
        table(&mut out, "cannot be used", &bad, report.rows);
    }
    out
}

fn duplicates(out: &mut String, found: &Duplicates) {
    let Duplicates { exact, near, threshold, examples } = found;
    let _ = writeln!(out, "\nduplicates (likeness {threshold:.2} or more)");
    let _ = writeln!(out, "  {exact:>9}  exact\n  {near:>9}  near");
    for e in examples.iter().filter(|e| e.similarity < 1.0).take(3) {
        let (dropped, kept) = (line(&e.dropped, 90), line(&e.kept, 90));
        let _ = writeln!(out, "    {:.2}  {dropped}\n          {kept}", e.similarity);
    }
}

fn contamination(out: &mut String, found: &Contamination) {
    *out += "\noverlap with ";
    let _ = match found.benchmarks.len() {
        0 => writeln!(out, "evaluation sets: not checked"),
        n => writeln!(out, "{n} evaluation sets\n  {:>9}  would be dropped", found.dropped),
    };
    for (title, hits) in [("", &found.hits), (" (reported only)", &found.advisory)] {
        for (set, rules) in hits {
            for (rule, n) in rules {
                let _ = writeln!(out, "  {n:>9}  {set}, by {rule}{title}");
            }
        }
    }
}

/// Largest first.
fn table(out: &mut String, title: &str, counts: &BTreeMap<String, u64>, of: u64) {
    let mut rows: Vec<(String, u64)> = counts.iter().map(|(k, n)| (k.clone(), *n)).collect();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let more = rows.len().saturating_sub(25);
    rows.truncate(25);
    bars(out, title, &rows, of);
    if more > 0 {
        let _ = writeln!(out, "  … and {more} more");
    }
}

fn bars(out: &mut String, title: &str, rows: &[(String, u64)], of: u64) {
    let _ = writeln!(out, "\n{title}");
    for (name, n) in rows {
        let share = *n as f64 / of.max(1) as f64;
        let bar = "▇".repeat((share.min(1.0) * 40.0).round() as usize);
        let row = format!("  {n:>9}  {:<24} {bar}", line(name, 24));
        *out += row.trim_end();
        out.push('\n');
    }
}
