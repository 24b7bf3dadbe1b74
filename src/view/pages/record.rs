//! A record: the trajectory as a conversation, then every stage's decision with its evidence,
//! calls and cost, and what people say of it.

use crate::archive::labels::{Label, Truth};
use crate::audit::lineage::{Life, life_in};
use crate::audit::show::{count, money};
use crate::audit::steps::{LifeCall, LifeStep};
use crate::call::Output;
use crate::record::{Disposition, Id};
use crate::view::pages::frame::{Here, said};
use crate::view::pages::rollout::{rollouts, talk};
use crate::view::pages::stage::{outcome, record_link};
use crate::view::pages::story::{figure, story};
use crate::view::query::Filter;
use crate::view::server::Viewer;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;

/// The stage whose list the record was opened from (empty: the search).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct List {
    list: String,
}

pub async fn record(
    State(viewer): State<Arc<Viewer>>,
    Path(id): Path<String>,
    Query(List { list }): Query<List>,
    Query(filter): Query<Filter>,
) -> Response {
    let snapshot = viewer.snapshot();
    let here = Here::of(&viewer, &snapshot);
    let id = match crate::audit::lineage::find(&snapshot.index.records.id, &id) {
        Ok(id) => id,
        Err(err) => return here.fault(&err),
    };
    let life = match life_in(&snapshot.run, &viewer.journal, &id).await {
        Ok(life) => life,
        Err(err) => return here.fault(&err),
    };
    let (plays, most) = match rollouts(&viewer, &snapshot, &id, &life.source).await {
        Ok(found) => found,
        Err(err) => return here.fault(&err),
    };
    let played = match talk(&viewer, &here, &id, (&plays, most)).await {
        Ok(played) => played,
        Err(err) => return here.fault(&err),
    };
    // Labels that cannot be read are not a reason to hide the record.
    let mut labels = snapshot.run.labels().await.unwrap_or_default();
    labels.retain(|label| label.id == id);
    here.page(
        &format!("Record {}", &id.hex()[..8]),
        "",
        html! {
            (beside(&here, &id, &list, &filter))
            h1.prompt { (said(&life.prompt)) }
            div.meta {
                span { (said(&life.category)) } span { (said(&life.source)) } span { (money(life.cost_usd)) }
                span.id { (id) }
            }
            @for part in &life.unreadable {
                p.alert { (part.name) " cannot be read: " (said(&part.what)) "; its decision is not shown." }
            }
            @if plays.is_empty() { (story(&here, &life)) } @else { (played) }
            (steps(&here, &life, &list, &filter, &Own { labels: &labels, me: viewer.annotator() }))
        },
    )
}

/// Links to the list and to the records beside this one in it.
fn beside(here: &Here, id: &Id, list: &str, filter: &Filter) -> Markup {
    let snapshot = here.snapshot;
    let records = &snapshot.index.records;
    let all = filter.clone();
    let stage = snapshot.index.stage(list);
    let ids: Vec<Id> = match stage {
        Some((number, rows)) => snapshot
            .rows(number, &all)
            .into_iter()
            .map(|row| records.id[rows.record[row] as usize])
            .collect(),
        None => snapshot.search(&all).into_iter().map(|r| records.id[r]).collect(),
    };
    let at = ids.iter().position(|other| other == id);
    let near = |step: isize| {
        let other = at?.checked_add_signed(step)?;
        ids.get(other).map(|id| record_link(here, &id.hex(), list, filter))
    };
    let up = match stage {
        Some(_) => here.stage(list, filter),
        None => format!("{}/search{}", here.base, filter.query()),
    };
    html! {
        div.pages {
            a #up href=(up) { "↑ " @if stage.is_some() { (list) } @else { "records" } }
            @if let Some(href) = near(-1) { a rel="prev" href=(href) { "← previous" } }
            @if let Some(at) = at { span { (count(at as u64 + 1)) " of " (count(ids.len() as u64)) } }
            @if let Some(href) = near(1) { a rel="next" href=(href) { "next →" } }
        }
    }
}

/// Labels on a record, and whose are one's own.
struct Own<'a> {
    labels: &'a [Label],
    me: &'a str,
}

fn steps(here: &Here, life: &Life, list: &str, filter: &Filter, labels: &Own) -> Markup {
    let own = record_link(here, &life.id.hex(), list, filter);
    let back = own.trim_start_matches(here.base).trim_start_matches('/');
    let marked = life.steps.iter().position(|step| step.decision.stage == list);
    let marked = marked.unwrap_or(life.steps.len().saturating_sub(1));
    html! {
        section { h2 { "Its life, stage by stage" }
            ol.life { @for (n, step) in life.steps.iter().enumerate() {
                li.step.marked[n == marked] id={ "step-" (step.decision.stage) } {
                    (step_head(here, step))
                    (evidence(step))
                    (label_form(here, life, step, back, labels))
                    @if !step.calls.is_empty() {
                        details { summary { (step.calls.len()) @if step.calls.len() == 1 { " call" } @else { " calls" } }
                            @for call in &step.calls { (one_call(here, call)) }
                        }
                    }
                }
            } }
        }
    }
}

fn step_head(here: &Here, step: &LifeStep) -> Markup {
    let d = &step.decision;
    html! {
        h3 {
            a href=(here.stage(&d.stage, &Filter::default())) { (d.stage) } " "
            (outcome(d.disposition, &d.port, &d.reason))
            @if let Some(score) = d.evidence.score { span.size { "score " (format!("{score:.2}")) } }
            @if d.cost.0 > 0 { span.size { (money(d.cost.usd())) } }
        }
    }
}

fn evidence(step: &LifeStep) -> Markup {
    let evidence = &step.decision.evidence;
    html! {
        @if !evidence.note.is_empty() { p.note { (said(&evidence.note)) } }
        @if !evidence.votes.is_empty() {
            p.votes { @for vote in &evidence.votes { code { (said(&vote.ask)) ": " (said(&vote.answer)) } " " } }
        }
        @if let Some(peer) = evidence.peer { p.note { "the other record: " (peer) } }
    }
}

/// A person can say yes or no to what a model or a filter decided; sources decide nothing.
fn label_form(here: &Here, life: &Life, step: &LifeStep, back: &str, own: &Own) -> Markup {
    let d = &step.decision;
    if !step.known.is_some_and(|kind| kind.does.can_be_labelled())
        || d.disposition == Disposition::Failed
    {
        return html! {};
    }
    let at_stage = |label: &&Label| label.stage == d.stage;
    let given = own.labels.iter().rev().filter(at_stage).find(|l| l.by == own.me && !l.adjudicates);
    // A label given in the queue says what the decision should have been.
    let accepted = step.known.and_then(|k| k.accepted(d.disposition, &d.port, &d.reason));
    let agreed = given.and_then(|label| {
        label.agree.or_else(|| Some((label.truth? == Truth::Accept) == accepted?))
    });
    let others: Vec<&Label> =
        own.labels.iter().filter(at_stage).filter(|l| l.by != own.me || l.adjudicates).collect();
    let note = given.map_or("", |label| label.note.as_str());
    html! {
        form.label method="post" action={ (here.base) "/label" } {
            input type="hidden" name="id" value=(life.id);
            input type="hidden" name="stage" value=(d.stage);
            input type="hidden" name="back" value=(back);
            // What Enter in the note presses: it must not turn a given answer round.
            @if agreed == Some(false) { button hidden name="agree" value="no" {} }
            button.on[agreed == Some(true)] name="agree" value="yes" { "agree" }
            button.on[agreed == Some(false)] name="agree" value="no" { "disagree" }
            input type="text" name="note" value=(note) placeholder="note" maxlength="2000" aria-label="note";
            @for other in &others { span.size {
                (said(&other.by)) @if other.adjudicates { " (adjudicated)" } ": "
                @match (other.truth, other.agree) {
                    (Some(Truth::Accept), _) => "accept",
                    (Some(Truth::Reject), _) => "reject",
                    (None, Some(true)) => "agrees",
                    (None, _) => "disagrees",
                }
            } }
        }
    }
}

fn one_call(here: &Here, call: &LifeCall) -> Markup {
    let Some(entry) = &call.entry else {
        return html! { div.call { p.alert { "call " (call.key) " is not in the journal" } } };
    };
    let reply = &entry.reply;
    html! {
        div.call {
            div.meta {
                span { b { (entry.request.role()) } } span { (said(entry.request.model())) }
                span { (count(reply.latency_ms)) " ms" }
                @if reply.attempts > 1 { span { (reply.attempts) " tries" } }
                span { (money(reply.cost.usd())) }
                span { (count(reply.usage.input)) " tokens in, " (count(reply.usage.output + reply.usage.thinking)) " out" }
                span.id { (&call.key.hex()[..12]) }
            }
            @let shown = call.shown();
            @if !shown.is_empty() { div.pictures.small { @for (n, image) in shown.iter().enumerate() {
                (figure(here, image, &format!("shown {}", n + 1), ""))
            } } }
            details { summary { "request" } pre.text { (said(&call.asked())) } }
            @if !call.reasoning().is_empty() { details { summary { "reasoning" } pre.text { (said(call.reasoning())) } } }
            @match &reply.output {
                Output::Text { text, .. } => pre.text.reply { (said(text)) },
                Output::Image { image, .. } => div.pictures.small { (figure(here, image, "drawn", "")) },
                Output::Refused { reason } => p.alert { "refused: " (said(reason)) },
            }
        }
    }
}
