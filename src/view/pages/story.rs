//! A trajectory as a conversation: pictures side by side, then what was thought, asked and judged.

use crate::audit::lineage::Life;
use crate::audit::rounds::{StoryJudgement, StoryRound};
use crate::record::{Answer, ImageRef};
use crate::view::pages::frame::{Here, said};
use maud::{Markup, html};

/// Pictures and turns.
pub fn story(here: &Here, life: &Life) -> Markup {
    let story = &life.story;
    html! {
        @if story.reference.is_some() || story.rounds.iter().any(|r| r.image.is_some()) {
            section.pictures.three {
                @if let Some(image) = &story.reference { (large(here, image, "reference (the hint)", "")) }
                @for (n, round) in story.rounds.iter().enumerate() {
                    @if let Some(image) = &round.image {
                        (large(here, image, &format!("I{}", n + 1), verdict(round)))
                    }
                }
            }
        }
        section.talk {
            div.turn.user { h3 { "user" } p.text { (said(&life.prompt)) } }
            @for (n, round) in story.rounds.iter().enumerate() { (turn(here, n, round)) }
            @if story.closed { div.turn.model { h3 { "answer" } p.text { "done" } } }
        }
        @if !story.draws.is_empty() {
            section { h2 { "Draws of the raw prompt" }
                div.pictures.small { @for (n, (image, word)) in story.draws.iter().enumerate() {
                    (figure(here, image, &format!("draw {}", n + 1), word))
                } }
            }
        }
        @if !story.comparison.is_empty() {
            section { h2 { "I1 against I2" } p { @for word in &story.comparison { code { (word) } " " } } }
        }
    }
}

fn verdict(round: &StoryRound) -> &'static str {
    match &round.judgement {
        Some(j) if j.satisfied => "satisfied",
        Some(_) => "unsatisfied",
        None => "",
    }
}

/// A thumbnail that opens the whole picture.
pub fn figure(here: &Here, image: &ImageRef, title: &str, word: &str) -> Markup {
    drawn(here, image, &here.thumb(image), title, word)
}

/// The picture itself: what is to be judged must be seen sharp.
fn large(here: &Here, image: &ImageRef, title: &str, word: &str) -> Markup {
    drawn(here, image, &here.image(image), title, word)
}

fn drawn(here: &Here, image: &ImageRef, src: &str, title: &str, word: &str) -> Markup {
    html! {
        figure {
            a href=(here.image(image)) { img src=(src) alt=(title) loading="lazy" width="192" height=(height(image)); }
            figcaption { b { (title) } @if !word.is_empty() { span class={ "word " (word) } { (word) } } span.size { (image.width) "×" (image.height) } }
        }
    }
}

/// What keeps its place while it loads. Sizes are a server's word, so they may be absurd.
fn height(image: &ImageRef) -> u64 {
    (192 * u64::from(image.height.max(1)) / u64::from(image.width.max(1))).clamp(1, 1920)
}

fn turn(here: &Here, n: usize, round: &StoryRound) -> Markup {
    html! {
        div.turn.model {
            h3 { "round " (n + 1) }
            @if !round.thinking.is_empty() { details open { summary { "thinking" } p.text { (said(&round.thinking)) } } }
            @if !round.refined.is_empty() { p.tag { "refined prompt" } p.text.refined { (said(&round.refined)) } }
        }
        @if let Some(image) = &round.image {
            div.turn.tool { (figure(here, image, &format!("I{}", n + 1), "")) @if let Some(seed) = round.seed { span.size { "seed " (seed) } } }
        }
        @if let Some(judgement) = &round.judgement { (judged(judgement)) }
    }
}

fn judged(judgement: &StoryJudgement) -> Markup {
    let word = if judgement.satisfied { "satisfied" } else { "unsatisfied" };
    html! {
        div.turn.model {
            h3 { "judgement " span class={ "word " (word) } { (word) }
                @if let Some(score) = judgement.score { span.size { "score " (format!("{score:.2}")) } }
            }
            p.text { (said(&judgement.rationale)) }
            @if !judgement.checks.is_empty() {
                details open[!judgement.satisfied] { summary { (judgement.checks.len()) " checks, " (judgement.checks.iter().filter(|c| c.answer == Answer::Yes).count()) " passed" }
                    div.scroll { table.checks { tbody { @for check in &judgement.checks { tr {
                        td { span class={ "answer " (answer(check.answer)) } { (answer(check.answer)) } }
                        td { span.id { (said(&check.id)) } (said(&check.question)) @if !check.evidence.is_empty() { p.note { (said(&check.evidence)) } } }
                    } } } } }
                }
            }
        }
    }
}

fn answer(answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => "yes",
        Answer::No => "no",
        Answer::Unsure => "unsure",
        Answer::Void => "void",
    }
}
