//! Labels as the viewer takes them: who labels, which decisions are asked for, and the file they go to.

use crate::archive::labels::{Label, Truth};
use crate::audit::AuditError;
use crate::audit::sampling::{Asked, asked_of, sample};
use crate::record::{Cause, Id};
use crate::stage::Does;
use crate::view::query::Filter;
use crate::view::server::Viewer;
use crate::view::snapshot::Snapshot;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use parking_lot::Mutex;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;

/// What is to be labelled, and by whom.
#[derive(Debug, Clone)]
pub struct Work {
    /// The name under which labels are kept.
    pub annotator: String,
    /// Decisions in the queue.
    pub size: usize,
    /// Share of the queue that everybody labels, 0 to 1; the rest is for whoever comes first.
    pub overlap: f64,
    pub seed: u64,
    /// Only these stages; empty: all that a person can judge.
    pub stages: Vec<String>,
}

impl Default for Work {
    fn default() -> Work {
        Work { annotator: "viewer".into(), size: 200, overlap: 0.2, seed: 0, stages: Vec::new() }
    }
}

/// The queue, drawn once for each state of the RUN.
#[derive(Default)]
pub struct Queue(Mutex<Option<(String, Arc<Vec<Asked>>)>>);

/// This viewer's own labels file: written whole each time, so that it works in a bucket too.
pub struct LabelFile {
    pub name: String,
    pub lines: String,
}

impl Viewer {
    /// The name under which labels are kept.
    pub fn annotator(&self) -> &str {
        &self.work.annotator
    }

    /// The decisions to label, in order.
    pub fn queue(&self, snapshot: &Snapshot) -> Arc<Vec<Asked>> {
        let mut known = self.queued.0.lock();
        if let Some((version, queue)) = known.as_ref()
            && *version == snapshot.version
        {
            return queue.clone();
        }
        let shape = &snapshot.run.shape;
        let all: Vec<&str> = shape.labelled().collect();
        let own: Vec<&str> = self.work.stages.iter().map(String::as_str).collect();
        let stages = if own.is_empty() { all } else { own };
        let queue = sample(&snapshot.index, shape, &stages, self.work.size, self.work.seed);
        let queue = Arc::new(queue);
        *known = Some((snapshot.version.clone(), queue.clone()));
        queue
    }

    /// How many rows a decision stands for: those of the queue were drawn unevenly.
    fn weight(&self, snapshot: &Snapshot, id: &Id, stage: &str) -> Option<f64> {
        let queue = self.queue(snapshot);
        let asked = queue.iter().find(|asked| asked.id == *id && asked.stage == stage);
        asked.map(|asked| asked.weight)
    }

    /// Whether a decision is mine to label: everybody's, or nobody's yet.
    pub fn is_for_me(&self, asked: &Asked, labels: &[Label]) -> bool {
        let draw = asked.id.keyed("label overlap", self.work.seed) as f64 / u64::MAX as f64;
        draw < self.work.overlap
            || !labels
                .iter()
                .any(|l| l.id == asked.id && l.stage == asked.stage && l.by != self.work.annotator)
    }

    async fn keep(&self, label: &Label) -> Result<(), AuditError> {
        let line =
            serde_json::to_string(label).map_err(|err| AuditError::Output(Cause::new(err)))?;
        let mut file = self.labels.lock().await;
        let lines = format!("{}{line}\n", file.lines);
        self.run.store().put(&file.name, Bytes::from(lines.clone())).await?;
        file.lines = lines;
        Ok(())
    }
}

/// What a form sends.
#[derive(Deserialize)]
pub struct LabelForm {
    id: String,
    stage: String,
    /// `yes` or `no`: the stage's decision is right.
    #[serde(default)]
    agree: String,
    /// `accept` or `reject`: what it should have been.
    #[serde(default)]
    truth: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    adjudicate: bool,
    /// Where to go back to, relative to the token's root.
    #[serde(default)]
    back: String,
}

/// A note's longest length, characters.
const NOTE: usize = 2000;

/// The label that a form sends, if it speaks of a record and a stage that are there.
fn read(viewer: &Viewer, said: &LabelForm) -> Result<Label, String> {
    let id: Id = said.id.parse().map_err(|err| format!("{err}\n"))?;
    let snapshot = viewer.snapshot();
    let known = snapshot.index.stage(&said.stage).is_some();
    if !known || snapshot.index.records.find(&id).is_none() {
        return Err("there is no such record or stage\n".to_owned());
    }
    let truth = match said.truth.as_str() {
        "accept" => Some(Truth::Accept),
        "reject" => Some(Truth::Reject),
        _ => None,
    };
    Ok(Label {
        agree: truth.is_none().then_some(said.agree == "yes"),
        truth,
        weight: viewer.weight(&snapshot, &id, &said.stage).filter(|_| truth.is_some()),
        note: said.note.chars().take(NOTE).collect(),
        at_ms: Some(viewer.now_ms()),
        adjudicates: said.adjudicate,
        ..Label::blank(id, &said.stage, viewer.annotator())
    })
}

pub async fn label(State(viewer): State<Arc<Viewer>>, Form(said): Form<LabelForm>) -> Response {
    let label = match read(&viewer, &said) {
        Ok(label) => label,
        Err(what) => return (StatusCode::BAD_REQUEST, what).into_response(),
    };
    if let Err(err) = viewer.keep(&label).await {
        return (StatusCode::INTERNAL_SERVER_ERROR, format!("{err}\n")).into_response();
    }
    let Label { id, stage, .. } = label;
    let to = match said.back.as_str() {
        to if to.starts_with("work?") => format!("{to}&last={id}:{stage}"),
        to if to.starts_with("record/") => to.to_owned(),
        _ => format!("record/{id}"),
    };
    back(&viewer, to)
}

/// Takes the annotator's own label back. The file keeps both lines.
pub async fn unlabel(State(viewer): State<Arc<Viewer>>, Form(said): Form<LabelForm>) -> Response {
    let label = match read(&viewer, &said) {
        Ok(label) => Label { agree: None, truth: None, retracted: true, ..label },
        Err(what) => return (StatusCode::BAD_REQUEST, what).into_response(),
    };
    if let Err(err) = viewer.keep(&label).await {
        return (StatusCode::INTERNAL_SERVER_ERROR, format!("{err}\n")).into_response();
    }
    back(&viewer, if said.back.starts_with("work?") { said.back } else { "work".to_owned() })
}

/// To one of our own pages: a full address or another host cannot be slipped in.
fn back(viewer: &Viewer, to: String) -> Response {
    let clean: String = to.chars().filter(|c| !c.is_control()).collect();
    Redirect::to(&format!("{}/{clean}", viewer.base)).into_response()
}

/// The decisions of a filtered list that a person can judge: the stage's, or, where `list` names none,
/// each record's last one.
pub fn set(snapshot: &Snapshot, list: &str, filter: &Filter) -> Vec<Asked> {
    let (index, shape) = (&snapshot.index, &snapshot.run.shape);
    let rows = snapshot.listed(list, filter);
    if index.stage(list).is_some() {
        return rows.filter_map(|(stage, row)| asked_of(index, shape, stage, row)).collect();
    }
    let labelled: Vec<usize> = (0..index.stages.len())
        .rev()
        .filter(|at| shape.does(&index.stages[*at].stage).is_some_and(Does::can_be_labelled))
        .collect();
    let row_of = labelled.iter().map(|at| {
        let rows = &index.stages[*at].record;
        (
            *at,
            rows.iter().enumerate().map(|(row, record)| (*record, row)).collect::<HashMap<_, _>>(),
        )
    });
    let row_of: Vec<_> = row_of.collect();
    rows.filter_map(|(stage, row)| {
        let record = index.stages[stage].record[row];
        row_of.iter().find_map(|(at, rows)| asked_of(index, shape, *at, *rows.get(&record)?))
    })
    .collect()
}
