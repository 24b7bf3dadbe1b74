//! All records: search by words, category, source, and where they ended.

use crate::audit::evidence::outcome;
use crate::audit::panels::said;
use crate::audit::show::line;
use crate::view::pages::frame::{Here, filter_form, pages, views};
use crate::view::pages::grid::grid;
use crate::view::pages::stage::record_link;
use crate::view::query::{Filter, PAGE, SORTS};
use crate::view::server::Viewer;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use std::sync::Arc;

pub async fn search(State(viewer): State<Arc<Viewer>>, Query(filter): Query<Filter>) -> Response {
    let snapshot = viewer.snapshot();
    let here = Here::of(&viewer, &snapshot);
    let funnel = &snapshot.funnel;
    let mut reasons: Vec<String> =
        funnel.stages.iter().flat_map(|s| s.reasons.keys().cloned()).collect();
    reasons.sort();
    reasons.dedup();
    let fields = [
        (
            "disposition",
            filter.disposition.as_str(),
            ["passed", "dropped", "failed"].map(str::to_owned).to_vec(),
        ),
        ("reason", filter.reason.as_str(), reasons),
        (
            "category",
            filter.category.as_str(),
            funnel.by_category.iter().map(|s| s.name.clone()).collect(),
        ),
        (
            "source",
            filter.source.as_str(),
            funnel.by_source.iter().map(|s| s.name.clone()).collect(),
        ),
        ("sort", filter.sort.as_str(), SORTS.map(str::to_owned).to_vec()),
    ];
    let found = snapshot.search(&filter);
    let pictures = match filter.is_grid() {
        true => {
            let start = filter.first().min(found.len());
            let shown = &found[start..(start + PAGE).min(found.len())];
            Some(grid(&viewer, &here, shown, "", &filter).await)
        }
        false => None,
    };
    let action = format!("{}/search", here.base);
    let link = |f: &Filter| format!("{action}{}", f.query());
    here.page(
        "Records",
        "search",
        html! {
            h1 { "Records" }
            p.about { "Each with the last stage it reached." }
            (filter_form(&action, &filter, &fields))
            (pages(found.len(), &filter, link))
            (views(&here, &filter, "", link))
            @match pictures {
                Some(pictures) => (pictures),
                None => (rows(&here, &found, &filter)),
            }
            @if found.len() > PAGE { (pages(found.len(), &filter, link)) }
        },
    )
}

fn rows(here: &Here, found: &[usize], filter: &Filter) -> Markup {
    let index = &here.snapshot.index;
    let start = filter.first().min(found.len());
    html! {
        ul.rows { @for &record in &found[start..(start + PAGE).min(found.len())] {
            @let (stage, row) = here.snapshot.last[record];
            @let (stage, row) = (&index.stages[stage as usize], row as usize);
            @let id = index.records.id[record].hex();
            @let href = record_link(here, &id, "", filter);
            li data-href=(href) {
                a href=(href) { (said(&line(index.records.prompt.get(record), 160))) }
                div.meta {
                    span { b { (said(&stage.stage)) } }
                    (outcome(stage.disposition[row], index.names.get(stage.port[row]), index.names.get(stage.reason[row])))
                    span { (said(index.names.get(index.records.category[record]))) }
                    span { (said(index.names.get(index.records.source[record]))) }
                    span.id { (&id[..8]) }
                }
            }
        } }
    }
}
