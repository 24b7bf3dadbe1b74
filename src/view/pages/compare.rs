//! Two RUNs by prompt: what differs between them, and the records of both.

use crate::audit::pairing::Pair;
use crate::audit::panels::said;
use crate::audit::show::{count, line};
use crate::audit::{Diff, Side};
use crate::view::against::{Against, Held};
use crate::view::pages::frame::Here;
use crate::view::pages::grid::pictures;
use crate::view::query::{PAGE, Versus};
use crate::view::server::Viewer;
use crate::view::snapshot::Snapshot;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use std::sync::Arc;

/// What a list of pairs may be filtered by, with the words for it.
pub const WHAT: [(&str, &str); 6] = [
    ("changed", "decided otherwise"),
    ("said", "decided the same of other words or pictures"),
    ("same", "the same"),
    ("unknown", "unknown: calls are missing"),
    ("only_a", "only in A"),
    ("only_b", "only in B"),
];

/// Two RUNs as they are being looked at.
pub struct Two<'a> {
    pub against: &'a Against,
    pub first: &'a Snapshot,
    pub second: &'a Snapshot,
    pub held: &'a Held,
}

impl<'a> Two<'a> {
    pub fn sides(&self) -> (Side<'a>, Side<'a>) {
        self.against.sides(self.first, self.second)
    }

    /// Where the record is told of: A, or B where A does not have it.
    pub fn known(&self, pair: &Pair) -> (&'a Snapshot, usize) {
        match (pair.a, pair.b) {
            (Some(a), _) => (self.first, a as usize),
            (None, b) => (self.second, b.unwrap_or(0) as usize),
        }
    }

    fn prompt(&self, pair: &Pair) -> &'a str {
        let (snapshot, record) = self.known(pair);
        snapshot.index.records.prompt.get(record)
    }

    /// The pairs that a filter lets through.
    pub fn listed(&self, filter: &Versus) -> Vec<&'a Pair> {
        let words: Vec<String> = filter.q.split_whitespace().map(str::to_lowercase).collect();
        let at = self.held.pairs.stage(&filter.at);
        self.held
            .pairs
            .pairs
            .iter()
            .filter(|pair| filter.what.is_empty() || what(pair) == filter.what)
            .filter(|pair| {
                filter.at.is_empty()
                    || at.is_some_and(|at| pair.decided.contains(&at) || pair.said.contains(&at))
            })
            .filter(|pair| {
                let (prompt, id) = (self.prompt(pair).to_lowercase(), pair.id.hex());
                words.iter().all(|word| prompt.contains(word) || id.starts_with(word.as_str()))
            })
            .collect()
    }
}

/// Which of `WHAT` a pair is.
pub fn what(pair: &Pair) -> &'static str {
    match (pair.a, pair.b) {
        (_, None) => "only_a",
        (None, _) => "only_b",
        _ if pair.unknown => "unknown",
        _ if !pair.decided.is_empty() => "changed",
        _ if !pair.said.is_empty() => "said",
        _ => "same",
    }
}

pub async fn compare(State(viewer): State<Arc<Viewer>>, Query(filter): Query<Versus>) -> Response {
    let first = viewer.snapshot();
    let here = Here::of(&viewer, &first);
    let Some(against) = &viewer.against else { return here.nothing_against() };
    let second = against.snapshot();
    let held = against.held(&first, &second);
    let two = Two { against, first: &first, second: &second, held: &held };
    let found = two.listed(&filter);
    let start = filter.page.saturating_mul(PAGE).min(found.len());
    let shown = &found[start..(start + PAGE).min(found.len())];
    let mut drawn = Vec::new();
    if filter.view == "grid" {
        for pair in shown {
            drawn.push(both(&viewer, &two, pair, &here).await);
        }
    }
    here.page(
        "Compare",
        "compare",
        html! {
            h1 { "A " (said(&two.sides().0.name)) " against B " (said(&two.sides().1.name)) }
            (sums(&here, &held.diff, &two, &filter))
            (settings(&held.diff))
            section #records { h2 { "By prompt" }
                (form(&here, &filter, &held))
                (steps(&here, found.len(), &filter))
                ul.rows.pairs { @for (n, pair) in shown.iter().enumerate() { (one(&here, &two, pair, &filter, drawn.get(n))) } }
                @if found.len() > PAGE { (steps(&here, found.len(), &filter)) }
            }
        },
    )
}

/// How many there are of each sort, as links.
fn sums(here: &Here, diff: &Diff, two: &Two, filter: &Versus) -> Markup {
    let pairs = &two.held.pairs.pairs;
    let of = |name: &str| pairs.iter().filter(|pair| what(pair) == name).count() as u64;
    html! {
        section.figures { @for (name, words) in WHAT { @let n = of(name); @if n > 0 {
            div { b { a href=(here.versus("", &Versus { what: name.to_owned(), view: filter.view.clone(), ..Versus::default() })) { (count(n)) } } span { (words) } }
        } } }
        p.note { "kept in both " (count(diff.kept[2])) ", in A alone " (count(diff.kept[0])) ", in B alone " (count(diff.kept[1])) }
        div.scroll { table {
            thead { tr { th { "stage" } th.n { "in A" } th.n { "passed" } th.n { "in B" } th.n { "passed" } th.n { "changed here" } } }
            tbody { @for (at, stage) in diff.funnel.iter().enumerate() {
                @let at = at as u16;
                @let here_changed = pairs.iter().filter(|pair| pair.decided.contains(&at)).count() as u64;
                @let href = here.versus("", &Versus { at: stage.stage.clone(), view: filter.view.clone(), ..Versus::default() });
                tr data-href=(href) {
                    td { a href=(href) { (line(&stage.stage, 60)) } }
                    @for side in [&stage.a, &stage.b] {
                        @match side {
                            Some([entered, passed, ..]) => { td.n { (count(*entered)) } td.n { (count(*passed)) } },
                            None => { td.n { "–" } td.n { "–" } },
                        }
                    }
                    td.n { (count(here_changed)) }
                }
            } }
        } }
    }
}

/// What made the two, where it differs.
fn settings(diff: &Diff) -> Markup {
    html! {
        @if !diff.settings.is_empty() { details open { summary { (diff.settings.len()) " settings differ" }
            div.scroll { table { thead { tr { th { "what" } th { "A" } th { "B" } } }
                tbody { @for (what, a, b) in &diff.settings { tr { td { (said(what)) } td { code { (said(a)) } } td { code { (said(b)) } } } } }
            } }
        } }
        @for text in &diff.texts { details { summary { (said(&text.path)) " differs" }
            pre.text { @for line in &text.lines {
                @match line.chars().next() {
                    Some('-') => del { (said(line)) },
                    Some('+') => ins { (said(line)) },
                    _ => span { (said(line)) },
                }
                "\n"
            } }
        } }
    }
}

fn form(here: &Here, filter: &Versus, held: &Held) -> Markup {
    html! {
        form.filter method="get" action={ (here.base) "/compare" } {
            @if filter.view == "grid" { input type="hidden" name="view" value="grid"; }
            input type="search" name="q" value=(filter.q) placeholder="words of the prompt, id" aria-label="search";
            select name="what" aria-label="what" {
                option value="" { "what: any" }
                @for (name, words) in WHAT { option value=(name) selected[filter.what == name] { (words) } }
            }
            select name="at" aria-label="changed here" {
                option value="" { "changed at: any stage" }
                @for stage in &held.pairs.stages { option value=(stage) selected[filter.at == *stage] { "changed at " (stage) } }
            }
            button { "filter" }
            @if *filter != Versus::default() { a.clear href={ (here.base) "/compare" } { "clear" } }
        }
        div.views {
            @if filter.view == "grid" { a href=(here.versus("", &Versus { view: String::new(), page: 0, ..filter.clone() })) { "as lines" } b { "pictures" } }
            @else { b { "lines" } a href=(here.versus("", &Versus { view: "grid".into(), page: 0, ..filter.clone() })) { "with pictures" } }
        }
    }
}

fn steps(here: &Here, total: usize, filter: &Versus) -> Markup {
    let start = filter.page.saturating_mul(PAGE).min(total);
    let end = (start + PAGE).min(total);
    let page = |page| here.versus("", &Versus { page, ..filter.clone() });
    html! {
        div.pages {
            @if filter.page > 0 { a rel="prev" href=(page(filter.page - 1)) { "← previous" } }
            span { @if start == end { "nothing here: loosen the filter" } @else { (count(start as u64 + 1)) "–" (count(end as u64)) " of " (count(total as u64)) } }
            @if end < total { a rel="next" href=(page(filter.page + 1)) { "next →" } }
        }
    }
}

fn one(here: &Here, two: &Two, pair: &Pair, filter: &Versus, drawn: Option<&Markup>) -> Markup {
    let href = here.versus(&pair.id.hex(), filter);
    let (a, b) = two.sides();
    let stages = &two.held.pairs.stages;
    html! {
        li data-href=(href) {
            a href=(href) { (said(&line(two.prompt(pair), 160))) }
            div.meta {
                span { (words(what(pair))) }
                @if let Some(at) = pair.decided.first() {
                    @let (from, to) = two.held.pairs.words(usize::from(*at), pair, &a, &b);
                    span { b { (stages[usize::from(*at)]) } ": " (said(&from)) " → " (said(&to)) }
                } @else if let Some(at) = pair.said.first() {
                    span { "from " b { (stages[usize::from(*at)]) } " on" }
                }
                span.id { (&pair.id.hex()[..8]) }
            }
            @if let Some(drawn) = drawn { (drawn) }
        }
    }
}

pub fn words(what: &str) -> &'static str {
    WHAT.iter().find(|(name, _)| *name == what).map_or("", |(_, words)| words)
}

/// The pictures of both sides, A's first.
async fn both(viewer: &Viewer, two: &Two<'_>, pair: &Pair, here: &Here<'_>) -> Markup {
    let mut sides = Vec::new();
    if let Some(a) = pair.a {
        sides.push(("A", pictures(&viewer.journal, two.first, a as usize).await));
    }
    if let Some(b) = pair.b {
        sides.push(("B", pictures(&two.against.journal, two.second, b as usize).await));
    }
    html! {
        div.pictures.small { @for (side, pictures) in &sides { @for (name, image) in pictures.iter().take(4) {
            (here.draw(image, &format!("{side} {name}"), "", false))
        } } }
    }
}
