//! One record in two RUNs: pictures in pairs, texts with what differs marked, decisions side by side.

use crate::audit::evidence::outcome;
use crate::audit::lineage::{Life, life_in};
use crate::audit::panels::said;
use crate::audit::rollouts::Play;
use crate::audit::rounds::StoryRound;
use crate::audit::show::count;
use crate::audit::steps::LifeStep;
use crate::audit::textdiff::{Has, words};
use crate::record::{Id, ImageRef};
use crate::view::pages::compare::{self, Two, what};
use crate::view::pages::frame::Here;
use crate::view::pages::rollout::{rollouts, talk};
use crate::view::query::Versus;
use crate::view::server::Viewer;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use std::sync::Arc;

/// What one side says of the record.
struct Told {
    life: Life,
    plays: Vec<Play>,
    most: f64,
}

pub async fn versus(
    State(viewer): State<Arc<Viewer>>,
    Path(id): Path<String>,
    Query(filter): Query<Versus>,
) -> Response {
    let first = viewer.snapshot();
    let here = Here::of(&viewer, &first);
    let Some(against) = &viewer.against else { return here.nothing_against() };
    let second = against.snapshot();
    let held = against.held(&first, &second);
    let two = Two { against, first: &first, second: &second, held: &held };
    let known: Vec<Id> = held.pairs.pairs.iter().map(|pair| pair.id).collect();
    let id = match crate::audit::lineage::find(&known, &id) {
        Ok(id) => id,
        Err(err) => return here.fault(&err),
    };
    let Some(pair) = held.pairs.pairs.iter().find(|pair| pair.id == id) else {
        let what = format!("no record `{id}` in either RUN");
        return here.fault(&crate::audit::AuditError::input(what));
    };
    let sides = [
        (pair.a.is_some(), &first, &viewer.journal),
        (pair.b.is_some(), &second, &against.journal),
    ];
    let mut told: [Option<Told>; 2] = [None, None];
    for ((is_there, snapshot, journal), told) in sides.into_iter().zip(&mut told) {
        if !is_there {
            continue;
        }
        let life = match life_in(&snapshot.run, journal, &id).await {
            Ok(life) => life,
            Err(err) => return here.fault(&err),
        };
        let truth = viewer.truth.clone();
        match rollouts(&snapshot.run, journal, truth, &id, &life.source).await {
            Ok((plays, most)) => *told = Some(Told { life, plays, most }),
            Err(err) => return here.fault(&err),
        }
    }
    let known = told.iter().flatten().next();
    let prompt = known.map_or("", |told| told.life.prompt.as_str());
    here.page(
        &format!("Compare {}", &id.hex()[..8]),
        "compare",
        html! {
            (beside(&here, &two, &id, &filter))
            h1.prompt { (said(prompt)) }
            div.meta {
                span { (compare::words(what(pair))) }
                @if let Some(told) = known { span { (said(&told.life.category)) } span { (said(&told.life.source)) } }
                span.id { (id) }
            }
            div.versus.heads { b { "A " (said(&two.sides().0.name)) } b { "B " (said(&two.sides().1.name)) } }
            (pictures(&here, &told))
            (talks(&here, &told))
            (texts(&told))
            (decisions(&two, &told))
        },
    )
}

fn beside(here: &Here, two: &Two, id: &Id, filter: &Versus) -> Markup {
    let listed = two.listed(filter);
    let at = listed.iter().position(|pair| pair.id == *id);
    let near = |step: isize| {
        let other = at?.checked_add_signed(step)?;
        listed.get(other).map(|pair| here.versus(&pair.id.hex(), filter))
    };
    html! {
        div.pages {
            a #up href=(here.versus("", filter)) { "↑ compare" }
            @if let Some(href) = near(-1) { a rel="prev" href=(href) { "← previous" } }
            @if let Some(at) = at { span { (count(at as u64 + 1)) " of " (count(listed.len() as u64)) } }
            @if let Some(href) = near(1) { a rel="next" href=(href) { "next →" } }
        }
    }
}

/// Pictures of the same name beside each other, A's first.
fn pictures(here: &Here, told: &[Option<Told>; 2]) -> Markup {
    let of = |side: usize| -> Vec<(String, ImageRef)> {
        told[side].as_ref().map(|told| told.life.story.pictures()).unwrap_or_default()
    };
    let both = [of(0), of(1)];
    let mut names: Vec<&String> = both.iter().flatten().map(|(name, _)| name).collect();
    // Draws, the reference, I1, I2 …: each name once, where it first stands.
    let mut seen = Vec::new();
    names.retain(|name| {
        !seen.contains(name) && {
            seen.push(name);
            true
        }
    });
    let find = |side: usize, name: &str| both[side].iter().find(|(n, _)| n == name).map(|(_, i)| i);
    html! {
        @if !names.is_empty() { section { h2 { "Pictures" }
            div.pictures.two { @for name in names {
                @let (a, b) = (find(0, name), find(1, name));
                @let same = a.zip(b).is_some_and(|(a, b)| a.digest == b.digest);
                @for (side, image) in [("A", a), ("B", b)] {
                    @match image {
                        Some(image) => (here.draw(image, &format!("{side} {name}"), if same { "same" } else { "" }, true)),
                        None => div.none { (side) " has no " (name) },
                    }
                }
            } }
        } }
    }
}

fn talks(here: &Here, told: &[Option<Told>; 2]) -> Markup {
    html! {
        @if told.iter().flatten().any(|told| !told.plays.is_empty()) {
            div.versus { @for told in told { div {
                @if let Some(told) = told { (talk(here, &told.plays, told.most)) }
            } } }
        }
    }
}

/// Reads one text off a round.
type TextOf = fn(&StoryRound) -> &str;

/// The texts of each round, with the words that only one side has marked.
fn texts(told: &[Option<Told>; 2]) -> Markup {
    let rounds = |side: usize| told[side].as_ref().map_or(&[][..], |t| &t.life.story.rounds[..]);
    let most = rounds(0).len().max(rounds(1).len());
    let parts: [(&str, TextOf); 3] = [
        ("thinking", |round| &round.thinking),
        ("refined prompt", |round| &round.refined),
        ("judgement", |round| round.judgement.as_ref().map_or("", |j| &j.rationale)),
    ];
    html! {
        @if most > 0 { section { h2 { "Texts" }
            @for n in 0..most { @for (name, of) in parts {
                @let (a, b) = (rounds(0).get(n).map_or("", of), rounds(1).get(n).map_or("", of));
                @if !a.is_empty() || !b.is_empty() { (text(&format!("round {}, {name}", n + 1), a, b)) }
            } }
        } }
    }
}

fn text(title: &str, a: &str, b: &str) -> Markup {
    if a == b {
        return html! { details { summary { (title) ": the same" } p.text { (said(a)) } } };
    }
    let diff = words(a, b);
    let side = |mine: Has| {
        html! { p.text { @for (has, run) in &diff {
            @if *has == Has::Both { (said(run)) }
            @else if *has == mine { @if mine == Has::A { del { (said(run)) } } @else { ins { (said(run)) } } }
        } } }
    };
    html! {
        details open { summary { (title) ": differs" }
            div.versus { div { (side(Has::A)) } div { (side(Has::B)) } }
        }
    }
}

/// Every stage's decision on both sides.
fn decisions(two: &Two, told: &[Option<Told>; 2]) -> Markup {
    let step = |side: usize, stage: &str| -> Option<&LifeStep> {
        let told = told[side].as_ref()?;
        told.life.steps.iter().find(|step| step.decision.stage == stage)
    };
    let pair = told.iter().flatten().next().map(|told| told.life.id);
    let pair = two.held.pairs.pairs.iter().find(|p| Some(p.id) == pair);
    html! {
        section { h2 { "Decisions" }
            div.scroll { table {
                thead { tr { th { "stage" } th { "A" } th { "B" } } }
                tbody { @for (at, stage) in two.held.pairs.stages.iter().enumerate() {
                    @let (a, b) = (step(0, stage), step(1, stage));
                    @let at = at as u16;
                    @if a.is_some() || b.is_some() {
                        tr.changed[pair.is_some_and(|p| p.decided.contains(&at))] {
                            td { b { (stage) }
                                @if pair.is_some_and(|p| p.decided.contains(&at)) { p.note { "changed here" } }
                                @else if pair.is_some_and(|p| p.said.contains(&at)) { p.note { "other calls" } }
                            }
                            td { (decided(a)) } td { (decided(b)) }
                        }
                    }
                } }
            } }
        }
    }
}

fn decided(step: Option<&LifeStep>) -> Markup {
    let Some(step) = step else { return html! { span.note { "not there" } } };
    let d = &step.decision;
    html! {
        (outcome(d.disposition, &d.port, &d.reason))
        @if let Some(score) = d.evidence.score { span.size { "score " (format!("{score:.2}")) } }
        @if !d.evidence.note.is_empty() { p.note { (said(&d.evidence.note)) } }
    }
}
