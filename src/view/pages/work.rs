//! Labelling as work: one decision after another, its verdict hidden until the label is given; and the
//! decisions that people disagree on, to be adjudicated.

use crate::archive::labels::{Label, Truth};
use crate::audit::agreement::{DecisionKey, Disagreement, People, decisions, people};
use crate::audit::lineage::{Life, life_in};
use crate::audit::panels::said;
use crate::audit::rounds::story as story_of;
use crate::audit::sampling::Asked;
use crate::audit::show::{count, way};
use crate::audit::trajectory::{Shown, trajectory};
use crate::record::Id;
use crate::stage::Does;
use crate::view::labels::set;
use crate::view::pages::frame::Here;
use crate::view::query::Filter;
use crate::view::server::Viewer;
use crate::view::snapshot::Snapshot;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::HashSet;
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
    /// A filtered list instead of the queue: its stage, or empty for all records.
    of: Option<String>,
}

impl Place {
    /// The query that labels a filtered list.
    pub fn of(list: &str, filter: &Filter) -> String {
        let place = Place { of: Some(list.to_owned()), ..Place::default() };
        place.query(0, filter)
    }

    /// The same work, so many open decisions passed over.
    fn query(&self, skip: usize, filter: &Filter) -> String {
        let mut out = format!("?skip={skip}");
        if self.adjudicate {
            out.push_str("&adjudicate=true");
        }
        if let Some(list) = &self.of {
            let filter = filter.shown_as("").query();
            let list: String = url::form_urlencoded::byte_serialize(list.as_bytes()).collect();
            out.push_str(&format!("&of={list}&{}", filter.trim_start_matches('?')));
        }
        out.trim_end_matches('&').to_owned()
    }
}

pub async fn work(
    State(viewer): State<Arc<Viewer>>,
    Query(place): Query<Place>,
    Query(filter): Query<Filter>,
) -> Response {
    let snapshot = viewer.snapshot();
    let here = Here::of(&viewer, &snapshot);
    let labels = match snapshot.run.labels().await {
        Ok(labels) => labels,
        Err(err) => return here.fault(&err.into()),
    };
    let found = people(&labels, &decisions(&snapshot.index, &snapshot.run.shape));
    let (done, open) = to_do(&viewer, &snapshot, &labels, (&place, &filter), &found);
    let item = open.get(place.skip).or(open.first());
    let life = match item {
        None => None,
        Some((id, stage)) => match life_in(&snapshot.run, &viewer.journal, id).await {
            Err(err) => return here.fault(&err),
            Ok(life) => Some((life, stage)),
        },
    };
    let at = At { here: &here, query: &|skip| place.query(skip, &filter), skip: place.skip };
    let shown = match life {
        None => nothing(&here, place.adjudicate),
        Some((life, stage)) => {
            let open = found.open.iter().find(|open| open.id == life.id && open.stage == *stage);
            decision(&at, &life, stage, open.filter(|_| place.adjudicate))
        }
    };
    let tells = [&filter.disposition, &filter.port, &filter.reason].iter().any(|f| !f.is_empty());
    let me = viewer.annotator();
    here.page(
        "Label",
        "work",
        html! {
            div.progress {
                b { (me) } span { (count(done as u64)) " done" } span { (count(open.len() as u64)) " left" }
                progress value=(done) max=(done + open.len()) {}
                (agreement(&here, &found, place.adjudicate || place.of.is_some()))
            }
            @if place.of.is_some() { p.note { "A set that was filtered" @if tells { "; its filter tells what was decided" } "." } }
            (just_now(&at, &labels, &place.last, me))
            (shown)
        },
    )
}

/// Where the work is.
struct At<'a> {
    here: &'a Here<'a>,
    /// The address of the same work with so many passed over.
    query: &'a dyn Fn(usize) -> String,
    skip: usize,
}

/// How many of these decisions I have labelled, and those that are open to me.
fn to_do(
    viewer: &Viewer,
    snapshot: &Snapshot,
    labels: &[Label],
    (place, filter): (&Place, &Filter),
    found: &People,
) -> (usize, Vec<DecisionKey>) {
    let me = viewer.annotator();
    let mine: HashSet<(Id, &str)> = labels
        .iter()
        .filter(|l| l.by == me && !l.adjudicates)
        .map(|l| (l.id, l.stage.as_str()))
        .collect();
    let given = |asked: &&Asked| mine.contains(&(asked.id, asked.stage.as_str()));
    let item = |asked: &Asked| (asked.id, asked.stage.clone());
    match (&place.of, place.adjudicate) {
        (_, true) => {
            let queue = viewer.queue(snapshot);
            let open = found.open.iter().map(|open| (open.id, open.stage.clone()));
            (queue.iter().filter(given).count(), open.collect())
        }
        (Some(list), _) => {
            let all = set(snapshot, list, filter);
            let open = all.iter().filter(|asked| !given(asked)).map(item);
            (all.iter().filter(given).count(), open.collect())
        }
        (None, _) => {
            let queue = viewer.queue(snapshot);
            let open = queue.iter().filter(|asked| !given(asked));
            let open = open.filter(|asked| viewer.is_for_me(asked, labels)).map(item);
            (queue.iter().filter(given).count(), open.collect())
        }
    }
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
fn just_now(at: &At, labels: &[Label], last: &str, me: &str) -> Markup {
    let (here, snapshot) = (at.here, at.here.snapshot);
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
                input type="hidden" name="back" value={ "work" ((at.query)(at.skip)) };
                @if label.adjudicates { input type="hidden" name="adjudicate" value="true"; }
                button data-key="z" { "undo" kbd { "z" } }
            }
        }
    }
}

/// The decision to label: the record as the stage met it, and nothing of what came of it.
fn decision(at: &At, life: &Life, stage: &str, open: Option<&Disagreement>) -> Markup {
    let At { here, query, skip } = at;
    let step = life.steps.iter().position(|step| step.decision.stage == stage);
    let known = step.and_then(|step| life.steps[step].known);
    let before = Life {
        steps: Vec::new(),
        story: story_of(&life.steps[..step.unwrap_or(0)]),
        ..life.clone()
    };
    let (question, shown) = match known.map(|kind| kind.does) {
        Some(Does::Judge) => ("Does the last picture meet the request?", Shown::Pictures),
        Some(Does::Compare) => {
            ("Is the last picture better than the one before it?", Shown::Pictures)
        }
        _ => ("May this record go on?", Shown::Texts),
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
        (trajectory(&before, shown, &|image, title, word, whole| here.draw(image, title, word, whole)))
        form.label.work method="post" action={ (here.base) "/label" } {
            input type="hidden" name="id" value=(life.id);
            input type="hidden" name="stage" value=(stage);
            input type="hidden" name="back" value={ "work" (query(*skip)) };
            @if open.is_some() { input type="hidden" name="adjudicate" value="true"; }
            b { (question) }
            button name="truth" value="accept" data-key="a" { "accept" kbd { "a" } }
            button name="truth" value="reject" data-key="d" { "reject" kbd { "d" } }
            a.button data-key="s" href={ (here.base) "/work" (query(skip + 1)) } { "skip" kbd { "s" } }
            input type="text" name="note" placeholder="note (i)" maxlength="2000" aria-label="note";
        }
    }
}
