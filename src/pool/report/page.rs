//! The report as one self-contained HTML page: inline styles, no script, no request; all
//! text from a pool is escaped. Light and dark follow the reader's setting.

use super::{Report, ranges};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::collections::BTreeMap;

/// The page; `title` is shown as its head.
pub fn page(title: &str, report: &Report) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { "Pool report: " (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Pool report" }
                p.sub { (title) }
                (tiles(report))
                section { h2 { "Categories" } (bars(&sorted(&report.by_category, 40))) }
                div.two {
                    section { h2 { "Sources" } (bars(&sorted(&report.by_source, 20))) }
                    section { h2 { "Languages" } (bars(&sorted(&report.by_language, 20))) }
                }
                section {
                    h2 { "Length of prompts, in words" }
                    (bars(&ranges(&report.words)))
                    p.note { "The median is " (report.median_words) "." }
                }
                (duplicates(report))
                (contamination(report))
                (images(report))
                (bad(report))
                section { h2 { "Licences" } (bars(&sorted(&report.by_licence, 20))) }
            }
        }
    };
    page.into_string()
}

const STYLE: &str = "
:root{color-scheme:light dark;--bg:#fff;--fg:#1c1f23;--dim:#5d6670;--line:#d9dee3;--bar:#2f6fb3;--card:#f6f8fa}
@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e6e9ec;--dim:#9aa4ae;--line:#2d343b;--bar:#6aa9e9;--card:#1c2126}}
*{box-sizing:border-box}body{margin:0 auto;max-width:68rem;padding:1.5rem;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}
h1{margin:0;font-size:1.6rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}.sub,.note{color:var(--dim);margin:.2rem 0;overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem;margin:1.2rem 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.7rem .9rem}.tile b{display:block;font-size:1.4rem;font-variant-numeric:tabular-nums}.tile span{color:var(--dim);font-size:.85rem}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:0 2rem}
table{border-collapse:collapse;width:100%;font-size:.92rem}th,td{text-align:left;padding:.3rem .5rem;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}th{color:var(--dim);font-weight:600}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.scroll{overflow-x:auto}
.bars{list-style:none;margin:0;padding:0}.bars li{display:grid;grid-template-columns:minmax(6rem,14rem) 1fr 5.5rem;gap:.6rem;align-items:center;padding:.12rem 0}
.name{text-align:right;overflow-wrap:anywhere;font-size:.92rem;line-height:1.25}.bar{display:block}.bar span{display:block;min-width:1px;height:1rem;border-radius:2px;background:var(--bar)}.v{color:var(--dim);font-variant-numeric:tabular-nums;font-size:.92rem}
@media(max-width:32rem){body{padding:1rem}.bars li{grid-template-columns:7rem 1fr 4.2rem;gap:.4rem}}
";

fn tiles(report: &Report) -> Markup {
    let unusable: u64 = report.bad.values().map(|b| b.count).sum();
    let tile = |value: u64, name: &str| {
        html! { div.tile { b { (number(value)) } span { (name) } } }
    };
    html! {
        div.tiles {
            (tile(report.rows, "prompts"))
            (tile(report.duplicates.exact, "exact duplicates"))
            (tile(report.duplicates.near, "near duplicates"))
            (tile(report.contamination.dropped, "of an evaluation set"))
            (tile(report.with_spec, "with a spec"))
            (tile(report.images.count, "with an image"))
            (tile(unusable, "findings in reading"))
            (tile(report.unread_files, "files not read"))
        }
    }
}

/// `12345` as `12,345`.
fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Largest first, the rest summed up.
fn sorted(counts: &BTreeMap<String, u64>, most: usize) -> Vec<(String, u64)> {
    let mut rows: Vec<(String, u64)> = counts.iter().map(|(k, v)| (k.clone(), *v)).collect();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    if rows.len() > most {
        let rest: u64 = rows[most..].iter().map(|r| r.1).sum();
        let others = rows.len() - most;
        rows.truncate(most);
        rows.push((format!("{others} others"), rest));
    }
    rows
}

/// A bar chart with its figures: a list, so that it wraps on a narrow screen and is read out well.
fn bars(rows: &[(String, u64)]) -> Markup {
    let most = rows.iter().map(|r| r.1).max().unwrap_or(0).max(1);
    html! {
        @if rows.is_empty() { p.note { "None." } }
        @else {
            ul.bars {
                @for (name, count) in rows {
                    @let width = *count as f64 / most as f64 * 100.0;
                    li {
                        span.name { (clip(name, 60)) }
                        span.bar { @if *count > 0 { span style=(format!("width:{width:.2}%")) {} } }
                        span.v { (number(*count)) }
                    }
                }
            }
        }
    }
}

fn clip(text: &str, most: usize) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    if text.chars().count() <= most {
        text
    } else {
        text.chars().take(most - 1).chain(['…']).collect()
    }
}

fn duplicates(report: &Report) -> Markup {
    let found = &report.duplicates;
    html! {
        section {
            h2 { "Duplicates" }
            p.note {
                (number(found.exact)) " have the same words as another prompt, " (number(found.near))
                " nearly the same (likeness of " (format!("{:.2}", found.threshold))
                " or more, with equal numbers, colours, sizes and relations)."
            }
            @if !found.examples.is_empty() {
                div.scroll { table {
                    tr { th { "would be dropped" } th { "would be kept" } th.n { "likeness" } }
                    @for e in &found.examples {
                        tr { td { (e.dropped) } td { (e.kept) } td.n { (format!("{:.2}", e.similarity)) } }
                    }
                } }
            }
        }
    }
}

fn contamination(report: &Report) -> Markup {
    let found = &report.contamination;
    html! {
        section {
            h2 { "Overlap with evaluation sets" }
            @if found.benchmarks.is_empty() {
                p.note { "Not checked: no fingerprints were given." }
            } @else {
                p.note {
                    (number(found.dropped)) " prompts would be dropped. Compared with "
                    (found.benchmarks.join(", ")) "."
                }
            }
            @for (name, table) in [("would be dropped", &found.hits), ("reported only", &found.advisory)] {
                @if !table.is_empty() {
                    div.scroll { table {
                        tr { th { "set" } th { "rule" } th.n { "prompts " (name) } }
                        @for (set, rules) in table { @for (rule, count) in rules {
                            tr { td { (set) } td { (rule) } td.n { (number(*count)) } }
                        } }
                    } }
                }
            }
            @if !found.examples.is_empty() {
                div.scroll { table {
                    tr { th { "prompt" } th { "set" } th { "rule" } th { "place" } }
                    @for e in &found.examples {
                        tr { td { (e.prompt) } td { (e.benchmark) } td { (e.rule) } td { (e.place) } }
                    }
                } }
            }
        }
    }
}

fn images(report: &Report) -> Markup {
    let images = &report.images;
    html! {
        @if images.count > 0 {
            section {
                h2 { "Reference images, by their longer side in pixels" }
                (bars(&ranges(&images.sides)))
                p.note {
                    (number(images.count)) " images, " (number(images.bytes / images.count)) " bytes on average: "
                    (sorted(&images.by_type, 9).iter().map(|(t, n)| format!("{} {t}", number(*n))).collect::<Vec<_>>().join(", "))
                }
            }
        }
    }
}

fn bad(report: &Report) -> Markup {
    html! {
        @if !report.bad.is_empty() {
            section {
                h2 { "What could not be used" }
                div.scroll { table {
                    tr { th { "reason" } th.n { "count" } th { "for instance" } }
                    @for (kind, rows) in &report.bad {
                        tr { td { (kind) } td.n { (number(rows.count)) } td {
                            @for example in &rows.examples { div { (example) } }
                        } }
                    }
                } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::page;
    use crate::pool::report::{DuplicateExample, Report};

    #[test]
    fn hostile_text_stays_text() {
        let evil = "<script>alert(1)</script>\"'&".to_owned();
        let mut report = Report { rows: 1, ..Report::default() };
        report.by_category.insert(evil.clone(), 1);
        report.duplicates.examples.push(DuplicateExample {
            dropped: evil.clone(),
            kept: evil,
            similarity: 0.9,
        });
        let page = page("</title><img src=x>", &report);
        assert!(!page.contains("<script") && !page.contains("<img"));
        assert!(page.contains("&lt;script&gt;") && page.starts_with("<!DOCTYPE html>"));
        for outside in ["http://", "https://", "src=\"", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
