//! Labelling as work: one decision after another, its verdict hidden until the label is given; and the
//! decisions that people disagree on, to be adjudicated.

use crate::archive::labels::{Label, Truth};
use crate::audit::agreement::{Disagreement, People, decisions, people};
use crate::audit::lineage::{Life, life_in};
use crate::audit::rounds::story as story_of;
use crate::audit::sampling::Asked;
use crate::audit::show::{count, way};
use crate::record::Id;
use crate::stage::Does;
use crate::view::pages::frame::{Here, said};
use crate::view::pages::story::story;
use crate::view::server::Viewer;
use crate::view::snapshot::Snapshot;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Place {
    /// `<id>:<stage>` of the label given just now.
    last: String,
    /// Open decisions passed over.
    skip: usize,
    /// The decisions that people disagree on, instead of the queue.
    adjudicate: bool,
}

pub async fn work(State(viewer): State<Arc<Viewer>>, Query(place): Query<Place>) -> Response {
    let snapshot = viewer.snapshot();
    let here = Here::of(&viewer, &snapshot);
    let labels = match snapshot.run.labels().await {
        Ok(labels) => labels,
        Err(err) => return here.fault(&err.into()),
    };
    let found = people(&labels, &decisions(&snapshot.index, &snapshot.run.shape));
    let queue = viewer.queue(&snapshot);
    let me = viewer.annotator();
    let mine = |asked: &&Asked| {
        labels
            .iter()
            .any(|l| l.by == me && l.id == asked.id && l.stage == asked.stage && !l.adjudicates)
    };
    let done = queue.iter().filter(mine).count();
    let item = match place.adjudicate {
        true => found.open.get(place.skip).map(|open| (open.id, open.stage.clone())),
        false => {
            let open =
                queue.iter().filter(|asked| !mine(asked) && viewer.is_for_me(asked, &labels));
            open.clone().nth(place.skip).or(open.clone().next()).map(|a| (a.id, a.stage.clone()))
        }
    };
    let left = match place.adjudicate {
        true => found.open.len(),
        false => {
            queue.iter().filter(|asked| !mine(asked) && viewer.is_for_me(asked, &labels)).count()
        }
    };
    let weight = |id: &Id, stage: &str| {
        queue.iter().find(|a| a.id == *id && a.stage == stage).map(|asked| asked.weight)
    };
    let shown = match &item {
        None => nothing(&here, place.adjudicate),
        Some((id, stage)) => match life_in(&snapshot.run, &viewer.journal, id).await {
            Err(err) => return here.fault(&err),
            Ok(life) => {
                let open = found.open.iter().find(|open| open.id == *id && open.stage == *stage);
                let open = open.filter(|_| place.adjudicate);
                decision(&here, &life, stage, open, weight(id, stage), place.skip)
            }
        },
    };
    here.page(
        "Label",
        "work",
        html! {
            div.progress {
                b { (me) } span { (count(done as u64)) " done" } span { (count(left as u64)) " left" }
                progress value=(done) max=(done + left) {}
                (agreement(&here, &found, place.adjudicate))
            }
            (just_now(&here, &snapshot, &labels, &place.last, me))
            (shown)
        },
    )
}

fn nothing(here: &Here, adjudicate: bool) -> Markup {
    html! {
        h1 { @if adjudicate { "Nothing to adjudicate" } @else { "All labelled" } }
        p.about { "`coldstart calibrate` holds the labels against the stages' decisions." }
        p { a #up href={ (here.base) "/" } { "Back to the pipeline" } }
    }
}

fn agreement(here: &Here, found: &People, adjudicate: bool) -> Markup {
    html! {
        @if found.shared > 0 {
            span { (count(found.shared)) " labelled by several"
                @if let Some(alpha) = found.alpha { ", alpha " (format!("{alpha:.2}")) }
            }
        }
        @if adjudicate { a href={ (here.base) "/work" } { "back to the queue" } }
        @else if !found.open.is_empty() {
            a href={ (here.base) "/work?adjudicate=true" } { (count(found.open.len() as u64)) " to adjudicate" }
        }
    }
}

/// What the stage had decided of the one labelled last, and the way back.
fn just_now(here: &Here, snapshot: &Snapshot, labels: &[Label], last: &str, me: &str) -> Markup {
    let Some((id, stage)) = last.split_once(':') else { return html! {} };
    let Ok(id) = id.parse::<Id>() else { return html! {} };
    let mut mine = labels.iter().rev().filter(|l| l.id == id && l.stage == stage && l.by == me);
    let Some(label) = mine.next() else { return html! {} };
    let index = &snapshot.index;
    let decided = index.stage(stage).and_then(|(_, rows)| {
        let record = index.records.find(&id)?;
        let row = rows.record.iter().position(|r| *r == record)?;
        let name = |name| index.names.get(name);
        Some((
            way(rows.disposition[row], name(rows.port[row]), name(rows.reason[row])),
            rows.score[row],
        ))
    });
    let yours = if label.truth == Some(Truth::Accept) { "accept" } else { "reject" };
    html! {
        div.just {
            span { "You said " b { (yours) } "; " code { (stage) } " had "
                @if let Some((way, score)) = &decided {
                    b { (said(way)) } @if !score.is_nan() { " at " (format!("{score:.2}")) }
                } @else { "decided nothing" }
                ". "
            }
            a href={ (here.base) "/record/" (id) "?list=" (stage) } { "the record" } " "
            form.undo method="post" action={ (here.base) "/unlabel" } {
                input type="hidden" name="id" value=(id);
                input type="hidden" name="stage" value=(stage);
                @if label.adjudicates { input type="hidden" name="adjudicate" value="true"; }
                button data-key="z" { "undo" kbd { "z" } }
            }
        }
    }
}

/// The decision to label: the record as the stage met it, and nothing of what came of it.
fn decision(
    here: &Here,
    life: &Life,
    stage: &str,
    open: Option<&Disagreement>,
    weight: Option<f64>,
    skip: usize,
) -> Markup {
    let at = life.steps.iter().position(|step| step.decision.stage == stage);
    let known = at.and_then(|at| life.steps[at].known);
    let before =
        Life { steps: Vec::new(), story: story_of(&life.steps[..at.unwrap_or(0)]), ..life.clone() };
    let question = match known.map(|kind| kind.does) {
        Some(Does::Judge) => "Does the last picture meet the request?",
        Some(Does::Compare) => "Is the last picture better than the one before it?",
        _ => "May this record go on?",
    };
    html! {
        h1.prompt { (said(&life.prompt)) }
        div.meta { span { b { (stage) } } span { (said(&life.category)) } }
        @if let Some(open) = open {
            ul.said { @for one in &open.said {
                li { b { (said(&one.by)) } ": " @if one.accept { "accept" } @else { "reject" }
                    @if !one.note.is_empty() { " — " (said(&one.note)) } }
            } }
        }
        (story(here, &before))
        form.label.work method="post" action={ (here.base) "/label" } {
            input type="hidden" name="id" value=(life.id);
            input type="hidden" name="stage" value=(stage);
            input type="hidden" name="back" value={ "work?skip=" (skip) @if open.is_some() { "&adjudicate=true" } };
            @if let Some(weight) = weight { input type="hidden" name="weight" value=(weight); }
            @if open.is_some() { input type="hidden" name="adjudicate" value="true"; }
            b { (question) }
            button name="truth" value="accept" data-key="a" { "accept" kbd { "a" } }
            button name="truth" value="reject" data-key="d" { "reject" kbd { "d" } }
            a.button data-key="s" href={ (here.base) "/work?skip=" (skip + 1) @if open.is_some() { "&adjudicate=true" } } { "skip" kbd { "s" } }
            input type="text" name="note" placeholder="note (i)" maxlength="2000" aria-label="note";
        }
    }
}
