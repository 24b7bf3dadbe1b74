//! What a stage decided of a record and by which calls, as parts of a page. The viewer and the published
//! report draw them alike; how a picture is shown is theirs.

use crate::audit::panels::said;
use crate::audit::show::{count, money, way};
use crate::audit::steps::{LifeCall, LifeStep};
use crate::audit::trajectory::Draw;
use crate::call::Output;
use crate::record::Disposition;
use maud::{Markup, html};

/// `● passed unsatisfied`
pub fn outcome(disposition: Disposition, port: &str, reason: &str) -> Markup {
    html! {
        span { span class={ "dot " (disposition.as_str()) } {} (said(&way(disposition, port, reason))) }
    }
}

/// Note, votes and the other record of a decision.
pub fn evidence(step: &LifeStep) -> Markup {
    let evidence = &step.decision.evidence;
    html! {
        @if !evidence.note.is_empty() { p.note { (said(&evidence.note)) } }
        @if !evidence.votes.is_empty() {
            p.votes { @for vote in &evidence.votes { code { (said(&vote.ask)) ": " (said(&vote.answer)) } " " } }
        }
        @if let Some(peer) = evidence.peer { p.note { "the other record: " (peer) } }
    }
}

/// The calls of a step, closed until they are opened.
pub fn calls(step: &LifeStep, draw: Draw) -> Markup {
    html! {
        @if !step.calls.is_empty() {
            details { summary { (step.calls.len()) @if step.calls.len() == 1 { " call" } @else { " calls" } }
                @for call in &step.calls { (one(call, draw)) }
            }
        }
    }
}

fn one(call: &LifeCall, draw: Draw) -> Markup {
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
                (draw(image, &format!("shown {}", n + 1), "", false))
            } } }
            details { summary { "request" } pre.text { (said(&call.asked())) } }
            @if !call.reasoning().is_empty() { details { summary { "reasoning" } pre.text { (said(call.reasoning())) } } }
            @match &reply.output {
                Output::Text { text, .. } => pre.text.reply { (said(text)) },
                Output::Image { image, .. } => div.pictures.small { (draw(image, "drawn", "", false)) },
                Output::Refused { reason } => p.alert { "refused: " (said(reason)) },
            }
        }
    }
}
