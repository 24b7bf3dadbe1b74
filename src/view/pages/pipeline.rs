//! The first page: the pipeline with counts on its edges, and the funnel as a table.

use crate::audit::dag;
use crate::audit::plot::meter;
use crate::audit::show::{count, money};
use crate::audit::{Funnel, Split};
use crate::view::pages::frame::Here;
use crate::view::query::Filter;
use crate::view::server::Viewer;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use std::sync::Arc;

pub async fn pipeline(State(viewer): State<Arc<Viewer>>) -> Response {
    let snapshot = viewer.snapshot();
    let here = Here::of(&viewer, &snapshot);
    let shape = &snapshot.run.shape;
    let funnel = &snapshot.funnel;
    let link = |stage: &str| Some(here.stage(stage, &Filter::default()));
    here.page(
        "Pipeline",
        "pipeline",
        html! {
            @if snapshot.unreadable > 0 {
                p.alert { (snapshot.unreadable) " files could not be read; `coldstart audit` names them." }
            }
            (figures(funnel, viewer.journal.len() as u64))
            div.split {
                section.graph { (dag::svg(shape, funnel, link)) }
                div {
                    section { h2 { "Funnel" } (table(&here, funnel)) }
                    @if let Some(report) = &snapshot.run.report {
                        @if !report.dataset.strata.is_empty() { section { h2 { "Strata" } (strata(report)) } }
                    }
                    (splits(&here, "Categories", "category", &funnel.by_category))
                    (splits(&here, "Sources", "source", &funnel.by_source))
                }
            }
        },
    )
}

fn figures(funnel: &Funnel, journaled: u64) -> Markup {
    let figure = |value: String, what: &str| html! { div { b { (value) } span { (what) } } };
    html! {
        section.figures {
            (figure(count(funnel.records), "records"))
            (figure(count(funnel.kept), "kept"))
            (figure(count(journaled), "calls journaled"))
            (figure(money(funnel.cost_usd), "spent"))
            @if let Some(usd) = funnel.cost_per_kept_usd { (figure(money(usd), "a kept record")) }
        }
    }
}

fn table(here: &Here, funnel: &Funnel) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { th { "stage" } th.n { "in" } th {} th.n { "passed" } th.n { "dropped" } th.n { "failed" } th.n { "calls" } th.n { "cost" } } }
            tbody { @for s in &funnel.stages { tr data-href=(here.stage(&s.stage, &Filter::default())) {
                td { a href=(here.stage(&s.stage, &Filter::default())) { (s.stage) } }
                td.n { (count(s.entered)) }
                td { (meter(s.kept_share())) }
                td.n { (count(s.passed)) }
                td.n { (count(s.dropped)) }
                td.n.bad[s.failed > 0] { (count(s.failed)) }
                td.n { (count(s.calls)) }
                td.n { (money(s.cost_usd)) }
            } } }
        } }
    }
}

fn strata(report: &crate::record::Report) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { th { "stratum" } th.n { "there" } th.n { "wanted" } th.n { "got" } th {} } }
            tbody { @for (name, s) in &report.dataset.strata { tr {
                td { (name) } td.n { (count(s.available)) } td.n { (count(s.quota)) }
                td.n.bad[s.taken < s.quota] { (count(s.taken)) }
                td { (meter(s.taken as f64 / s.quota.max(1) as f64)) }
            } } }
        } }
    }
}

fn splits(here: &Here, title: &str, field: &str, splits: &[Split]) -> Markup {
    let link = |name: &str| {
        let mut filter = Filter::default();
        match field {
            "category" => filter.category = name.to_owned(),
            _ => filter.source = name.to_owned(),
        }
        format!("{}/search{}", here.base, filter.query())
    };
    html! {
        @if splits.len() > 1 { section {
            h2 { (title) }
            div.scroll { table {
                thead { tr { th { (field) } th.n { "records" } th.n { "kept" } th {} } }
                tbody { @for s in splits { tr data-href=(link(&s.name)) {
                    td { a href=(link(&s.name)) { (s.name) } }
                    td.n { (count(s.records)) } td.n { (count(s.kept)) }
                    td { (meter(s.kept as f64 / s.records.max(1) as f64)) }
                } } }
            } }
        } }
    }
}
