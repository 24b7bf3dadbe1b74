//! The first page: the pipeline with counts on its edges, and the funnel as a table.

use crate::audit::dag;
use crate::audit::panels::{Links, figures, funnel_table, purity_table, split_table, strata_table};
use crate::view::pages::frame::Here;
use crate::view::query::Filter;
use crate::view::server::Viewer;
use axum::extract::State;
use axum::response::Response;
use maud::html;
use std::sync::Arc;

pub async fn pipeline(State(viewer): State<Arc<Viewer>>) -> Response {
    let snapshot = viewer.snapshot();
    let here = Here::of(&viewer, &snapshot);
    let shape = &snapshot.run.shape;
    let funnel = &snapshot.funnel;
    let link = |stage: &str| Some(here.stage(stage, &Filter::default()));
    let search = |filter: Filter| Some(format!("{}/search{}", here.base, filter.query()));
    let category = |name: &str| search(Filter { category: name.to_owned(), ..Filter::default() });
    let source = |name: &str| search(Filter { source: name.to_owned(), ..Filter::default() });
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
                    section { h2 { "Funnel" } (funnel_table(funnel, &Links { href: &link, rows: true })) }
                    @if let Some(report) = &snapshot.run.report {
                        (purity_table(&report.dataset.purity))
                        (strata_table(&report.dataset.strata))
                    }
                    (split_table("Categories", "category", &funnel.by_category, &Links { href: &category, rows: true }))
                    (split_table("Sources", "source", &funnel.by_source, &Links { href: &source, rows: true }))
                }
            }
        },
    )
}
