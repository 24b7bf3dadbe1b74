//! A list as pictures: each record's own, as thumbnails; and the filtered set as rows for other tools.

use crate::audit::StageRows;
use crate::call::Output;
use crate::record::ImageRef;
use crate::stage::Does;
use crate::view::pages::frame::{Here, said};
use crate::view::pages::stage::record_link;
use crate::view::pages::story::figure;
use crate::view::query::Filter;
use crate::view::server::Viewer;
use crate::view::snapshot::Snapshot;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::json;
use std::sync::Arc;

/// The pictures of some records, a cell each.
pub async fn grid(
    viewer: &Viewer,
    here: &Here<'_>,
    records: &[usize],
    list: &str,
    filter: &Filter,
) -> Markup {
    let mut cells = Vec::with_capacity(records.len());
    for &record in records {
        cells.push((record, pictures(viewer, here.snapshot, record).await));
    }
    let index = &here.snapshot.index;
    html! {
        ul.rows.grid { @for (record, pictures) in &cells {
            @let id = index.records.id[*record].hex();
            @let href = record_link(here, &id, list, filter);
            li data-href=(href) {
                div.pictures.small { @for (n, (name, image)) in pictures.iter().enumerate() {
                    (figure(here, image, name, "")) @if n > 5 { "…" }
                } }
                @if pictures.is_empty() { p.note { "no picture" } }
                a href=(href) { (said(&crate::audit::show::line(index.records.prompt.get(*record), 90))) }
            }
        } }
    }
}

/// I1, I2, … of a record, or the draws of its raw prompt where it came no further.
async fn pictures(viewer: &Viewer, snapshot: &Snapshot, record: usize) -> Vec<(String, ImageRef)> {
    let does = |wanted: Does| {
        let shape = &snapshot.run.shape;
        snapshot.index.stages.iter().filter(move |rows| shape.does(&rows.stage) == Some(wanted))
    };
    let mut out = Vec::new();
    for rows in does(Does::Draw) {
        for image in drawn(viewer, rows, record).await {
            out.push((format!("I{}", out.len() + 1), image));
        }
    }
    if out.is_empty() {
        for rows in does(Does::Trial) {
            for image in drawn(viewer, rows, record).await {
                out.push((format!("draw {}", out.len() + 1), image));
            }
        }
    }
    out
}

/// What a stage drew for a record. A call that cannot be read is no picture.
async fn drawn(viewer: &Viewer, rows: &StageRows, record: usize) -> Vec<ImageRef> {
    let Some(row) = rows.record.iter().position(|r| *r as usize == record) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for key in rows.calls.get(row) {
        if let Ok(Some(entry)) = viewer.journal.get(key).await
            && let Output::Image { image, .. } = entry.reply.output
        {
            out.push(image);
        }
    }
    out
}

/// A stage's filtered rows, a JSON line each.
pub async fn stage_rows(
    State(viewer): State<Arc<Viewer>>,
    Path(name): Path<String>,
    Query(filter): Query<Filter>,
) -> Response {
    let snapshot = viewer.snapshot();
    let Ok(number) = snapshot.run.stage(&name) else {
        return Here::of(&viewer, &snapshot)
            .fault(&crate::audit::AuditError::input(format!("no stage `{name}`")));
    };
    let rows = snapshot.rows(number, &filter);
    lines(&snapshot, rows.into_iter().map(|row| (number, row)))
}

/// All filtered records, a JSON line each, with the last stage they reached.
pub async fn search_rows(
    State(viewer): State<Arc<Viewer>>,
    Query(filter): Query<Filter>,
) -> Response {
    let snapshot = viewer.snapshot();
    let found = snapshot.search(&filter);
    let last = found.into_iter().map(|record| {
        let (stage, row) = snapshot.last[record];
        (stage as usize, row as usize)
    });
    lines(&snapshot, last.collect::<Vec<_>>().into_iter())
}

fn lines(snapshot: &Snapshot, rows: impl Iterator<Item = (usize, usize)>) -> Response {
    let index = &snapshot.index;
    let mut out = String::new();
    for (stage, row) in rows {
        let rows = &index.stages[stage];
        let record = rows.record[row] as usize;
        let name = |name| index.names.get(name);
        let line = json!({
            "id": index.records.id[record],
            "stage": rows.stage,
            "disposition": rows.disposition[row].as_str(),
            "port": name(rows.port[row]),
            "reason": name(rows.reason[row]),
            "score": Some(rows.score[row]).filter(|score| !score.is_nan()),
            "cost_usd": rows.cost[row] as f64 / 1e9,
            "category": name(index.records.category[record]),
            "source": name(index.records.source[record]),
            "prompt": index.records.prompt.get(record),
            "note": rows.note.get(row),
        });
        out.push_str(&format!("{line}\n"));
    }
    let headers = [
        (header::CONTENT_TYPE, "application/jsonl; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"rows.jsonl\""),
    ];
    (headers, out).into_response()
}
