//! A filtered list as a file for other tools: rows as JSON lines or Parquet, or what is to be labelled.

use crate::audit::AuditError;
use crate::audit::sql::{Answer, Cell};
use crate::view::labels::set;
use crate::view::pages::frame::Here;
use crate::view::query::Filter;
use crate::view::server::Viewer;
use crate::view::snapshot::Snapshot;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// What a list is given as: the file's name, its media type, and the words of its link.
pub const FILES: [(&str, &str, &str); 3] = [
    ("rows.jsonl", "application/jsonl; charset=utf-8", "JSON lines"),
    ("rows.parquet", "application/vnd.apache.parquet", "Parquet"),
    ("labels.jsonl", "application/jsonl; charset=utf-8", "lines to label"),
];

/// A stage's filtered rows.
pub async fn stage_file(
    State(viewer): State<Arc<Viewer>>,
    Path((name, file)): Path<(String, String)>,
    Query(filter): Query<Filter>,
) -> Response {
    let snapshot = viewer.snapshot();
    match snapshot.run.stage(&name) {
        Ok(_) => give(&viewer, &snapshot, &name, &filter, &file),
        Err(err) => Here::of(&viewer, &snapshot).fault(&err.into()),
    }
}

/// All filtered records, with the last stage they reached.
pub async fn search_file(
    State(viewer): State<Arc<Viewer>>,
    Path(file): Path<String>,
    Query(filter): Query<Filter>,
) -> Response {
    let snapshot = viewer.snapshot();
    give(&viewer, &snapshot, "", &filter, &file)
}

fn give(viewer: &Viewer, snapshot: &Snapshot, list: &str, filter: &Filter, file: &str) -> Response {
    let Some((name, kind, _)) = FILES.iter().find(|(name, _, _)| *name == file) else {
        let what = format!("no file `{file}` is made of a list");
        let page = Here::of(viewer, snapshot).fault(&AuditError::Input { what });
        return (StatusCode::NOT_FOUND, page).into_response();
    };
    let bytes = match *name {
        "rows.jsonl" => {
            lines(&snapshot.listed(list, filter).map(|at| row(snapshot, at)).collect::<Vec<_>>())
        }
        "rows.parquet" => {
            let rows = snapshot.listed(list, filter).map(|at| row(snapshot, at).to_vec()).collect();
            let columns = COLUMNS.map(str::to_owned).to_vec();
            match (Answer { columns, rows }).parquet() {
                Ok(bytes) => bytes,
                Err(err) => return Here::of(viewer, snapshot).fault(&err),
            }
        }
        _ => {
            let asked = set(snapshot, list, filter);
            let line = |asked| serde_json::to_string(asked).map(|line| line + "\n");
            asked.iter().filter_map(|asked| line(asked).ok()).collect::<String>().into_bytes()
        }
    };
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers =
        [(header::CONTENT_TYPE, (*kind).to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    (headers, bytes).into_response()
}

const COLUMNS: [&str; 11] = [
    "id",
    "stage",
    "disposition",
    "port",
    "reason",
    "score",
    "cost_usd",
    "category",
    "source",
    "prompt",
    "note",
];

fn row(snapshot: &Snapshot, (stage, row): (usize, usize)) -> [Cell; COLUMNS.len()] {
    let index = &snapshot.index;
    let rows = &index.stages[stage];
    let record = rows.record[row] as usize;
    let name = |name| Cell::Text(index.names.get(name).to_owned());
    let score = rows.score[row];
    // As it is written: a wider number would show digits that nobody said.
    let score = score.to_string().parse().ok().filter(|_| !score.is_nan());
    [
        Cell::Text(index.records.id[record].hex()),
        Cell::Text(rows.stage.clone()),
        Cell::Text(rows.disposition[row].as_str().to_owned()),
        name(rows.port[row]),
        name(rows.reason[row]),
        score.map_or(Cell::Null, Cell::Real),
        Cell::Real(rows.cost[row] as f64 / 1e9),
        name(index.records.category[record]),
        name(index.records.source[record]),
        Cell::Text(index.records.prompt.get(record).to_owned()),
        Cell::Text(rows.notes.get(row).to_owned()),
    ]
}

fn lines(rows: &[[Cell; COLUMNS.len()]]) -> Vec<u8> {
    let mut out = String::new();
    for row in rows {
        let pairs = COLUMNS.iter().zip(row);
        let pairs = pairs.map(|(name, cell)| ((*name).to_owned(), serde_json::json!(cell)));
        let line = serde_json::Value::Object(pairs.collect());
        out.push_str(&format!("{line}\n"));
    }
    out.into_bytes()
}
