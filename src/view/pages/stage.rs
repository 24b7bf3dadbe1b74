//! A stage: its reasons, distributions, agreement, checks, and its records.

use crate::audit::deep::StageAudit;
use crate::audit::evidence::outcome;
use crate::audit::panels::said;
use crate::audit::panels::stage_cards;
use crate::audit::plot::meter;
use crate::audit::show::{count, line, money, way};
use crate::record::NanoUsd;
use crate::view::pages::frame::{Here, filter_form, pages, views};
use crate::view::pages::grid::grid;
use crate::view::query::{Filter, PAGE, SORTS};
use crate::view::server::Viewer;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use std::sync::Arc;

pub async fn stage(
    State(viewer): State<Arc<Viewer>>,
    Path(name): Path<String>,
    Query(filter): Query<Filter>,
) -> Response {
    let snapshot = viewer.snapshot();
    let here = Here::of(&viewer, &snapshot);
    let number = match snapshot.run.stage(&name) {
        Ok(number) => number,
        Err(err) => return here.fault(&err.into()),
    };
    let deep = match viewer.deep(&name).await {
        Ok(deep) => deep,
        Err(err) => return here.fault(&err),
    };
    let shape = &snapshot.run.shape.stages[number];
    let found = snapshot.rows(number, &filter);
    let pictures = match filter.is_grid() {
        true => {
            let start = filter.first().min(found.len());
            let rows = &snapshot.index.stages[number];
            let shown = found[start..(start + PAGE).min(found.len())].iter();
            let shown: Vec<usize> = shown.map(|row| rows.record[*row] as usize).collect();
            Some(grid(&viewer, &here, &shown, &name, &filter).await)
        }
        false => None,
    };
    here.page(
        &name,
        "",
        html! {
            h1 { (name) " " span.kind { (shape.kind) } }
            @if !shape.about.is_empty() { p.about { (shape.about) } }
            @if !shape.params.is_empty() {
                details.params { summary { "parameters" }
                    dl { @for (key, value) in &shape.params { dt { (key) } dd { code { (value) } } } }
                }
            }
            (reasons(&here, &name, &deep))
            (stage_cards(&deep))
            (records(&here, number, &name, &filter, &deep, (&found, pictures)))
        },
    )
}

fn reasons(here: &Here, name: &str, deep: &StageAudit) -> Markup {
    html! {
        section {
            h2 { (count(deep.rows)) " in · " (count(deep.passed)) " passed · " (count(deep.dropped)) " dropped · " (count(deep.failed)) " failed" }
            div.scroll { table.reasons {
                tbody { @for r in &deep.reasons {
                    @let filter = Filter {
                        disposition: r.disposition.as_str().to_owned(),
                        port: r.port.clone(),
                        reason: r.reason.clone(),
                        ..Filter::default()
                    };
                    tr data-href=(here.stage(name, &filter)) {
                        td { span class={ "dot " (r.disposition.as_str()) } {} a href=(here.stage(name, &filter)) { (said(&way(r.disposition, &r.port, &r.reason))) } }
                        td.n { (count(r.share.hits)) }
                        td.n { (format!("{:.1} %", r.share.share * 100.0)) }
                        td { (meter(r.share.share)) }
                    }
                } }
            } }
        }
    }
}

fn records(
    here: &Here,
    number: usize,
    name: &str,
    filter: &Filter,
    deep: &StageAudit,
    (found, pictures): (&[usize], Option<Markup>),
) -> Markup {
    let start = filter.first().min(found.len());
    let shown = &found[start..(start + PAGE).min(found.len())];
    let names = |of: &dyn Fn(&crate::audit::deep::ReasonAudit) -> String| {
        let mut names: Vec<String> =
            deep.reasons.iter().map(of).filter(|n| !n.is_empty()).collect();
        names.sort();
        names.dedup();
        names
    };
    let dispositions = ["passed", "dropped", "failed"].map(str::to_owned).to_vec();
    let fields = [
        ("disposition", filter.disposition.as_str(), dispositions),
        ("port", filter.port.as_str(), names(&|r| r.port.clone())),
        ("reason", filter.reason.as_str(), names(&|r| r.reason.clone())),
        ("sort", filter.sort.as_str(), SORTS.map(str::to_owned).to_vec()),
        ("category", filter.category.as_str(), deep.by_category.keys().cloned().collect()),
    ];
    html! {
        section #records {
            h2 { "Records" }
            (filter_form(&format!("{}/stage/{name}", here.base), filter, &fields))
            (pages(found.len(), filter, |f| here.stage(name, f)))
            (views(here, filter, name, |f| here.stage(name, f)))
            @match pictures {
                Some(pictures) => (pictures),
                None => ul.rows { @for &row in shown { (one_row(here, number, row, name, filter)) } },
            }
            @if found.len() > PAGE { (pages(found.len(), filter, |f| here.stage(name, f))) }
        }
    }
}

fn one_row(here: &Here, number: usize, row: usize, name: &str, filter: &Filter) -> Markup {
    let index = &here.snapshot.index;
    let rows = &index.stages[number];
    let record = rows.record[row] as usize;
    let id = index.records.id[record].hex();
    let href = record_link(here, &id, name, filter);
    let note = rows.notes.get(row);
    html! {
        li data-href=(href) {
            a href=(href) { (said(&line(index.records.prompt.get(record), 160))) }
            div.meta {
                (outcome(rows.disposition[row], index.names.get(rows.port[row]), index.names.get(rows.reason[row])))
                span { (said(index.names.get(index.records.category[record]))) }
                @if !rows.score[row].is_nan() { span { "score " (format!("{:.2}", rows.score[row])) } }
                @if rows.cost[row] > 0 { span { (money(NanoUsd(rows.cost[row]).usd())) } }
                span.id { (&id[..8]) }
            }
            @if !note.is_empty() { p.note { (said(&line(note, 220))) } }
        }
    }
}

/// A record's page that knows the list it was opened from.
pub fn record_link(here: &Here, id: &str, stage: &str, filter: &Filter) -> String {
    let query = filter.query();
    let rest = query.trim_start_matches('?');
    let list = [format!("list={stage}"), rest.to_owned()];
    let list: Vec<String> = list.into_iter().filter(|s| !s.is_empty()).collect();
    format!("{}/record/{id}?{}", here.base, list.join("&"))
}
