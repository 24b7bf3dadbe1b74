//! A trajectory as a conversation on a page: pictures side by side, then what was thought, asked and
//! judged. The viewer and the published report draw it alike; how a picture is shown is theirs.

use crate::audit::lineage::Life;
use crate::audit::panels::said;
use crate::audit::rounds::{StoryJudgement, StoryRound};
use crate::record::{Answer, ImageRef};
use maud::{Markup, html};

/// Draws a picture: its blob, its name, what is said of it (`satisfied`, … or empty), and whether
/// it is to be seen whole.
pub type Draw<'a> = &'a dyn Fn(&ImageRef, &str, &str, bool) -> Markup;

/// How much of what was decided before is told to who is to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// All of it.
    All,
    /// The texts, and none of the verdicts: for who reads whether they hold together.
    Texts,
    /// Requests, captions and pictures alone: what a reflector thinks tells what a judge had said.
    Pictures,
}

/// Pictures and turns.
pub fn trajectory(life: &Life, shown: Shown, draw: Draw) -> Markup {
    let story = &life.story;
    let all = shown == Shown::All;
    html! {
        @if story.reference.is_some() || story.rounds.iter().any(|r| r.image.is_some()) {
            section.pictures.three {
                @if let Some(image) = &story.reference { (draw(image, "reference (the hint)", "", true)) }
                @for (n, round) in story.rounds.iter().enumerate() {
                    @if let Some(image) = &round.image {
                        (draw(image, &format!("I{}", n + 1), if all { verdict(round) } else { "" }, true))
                    }
                }
            }
        }
        section.talk {
            div.turn.user { h3 { "user" } p.text { (said(&life.prompt)) } }
            @for (n, round) in story.rounds.iter().enumerate() { (turn(n, round, shown, draw)) }
            @if story.closed && all { div.turn.model { h3 { "answer" } p.text { "done" } } }
        }
        @if !story.draws.is_empty() {
            section { h2 { "Draws of the raw prompt" }
                div.pictures.small { @for (n, (image, word)) in story.draws.iter().enumerate() {
                    (draw(image, &format!("draw {}", n + 1), if all { word } else { "" }, false))
                } }
            }
        }
        @if !story.comparison.is_empty() && all {
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

/// A picture with its caption; `src` holds its bytes or leads to them, `href` to the whole of it.
pub fn figure(
    image: &ImageRef,
    (href, src): (Option<&str>, &str),
    title: &str,
    word: &str,
) -> Markup {
    let picture =
        html! { img src=(src) alt=(title) loading="lazy" width="192" height=(height(image)); };
    html! {
        figure {
            @match href { Some(href) => a href=(href) { (picture) }, None => (picture) }
            figcaption { b { (title) } @if !word.is_empty() { span class={ "word " (word) } { (word) } } span.size { (image.width) "×" (image.height) } }
        }
    }
}

/// What keeps its place while it loads. Sizes are a server's word, so they may be absurd.
fn height(image: &ImageRef) -> u64 {
    (192 * u64::from(image.height.max(1)) / u64::from(image.width.max(1))).clamp(1, 1920)
}

fn turn(n: usize, round: &StoryRound, shown: Shown, draw: Draw) -> Markup {
    let texts = shown != Shown::Pictures;
    html! {
        div.turn.model {
            h3 { "round " (n + 1) }
            @if texts && !round.thinking.is_empty() { details open { summary { "thinking" } p.text { (said(&round.thinking)) } } }
            @if !round.refined.is_empty() { p.tag { "refined prompt" } p.text.refined { (said(&round.refined)) } }
        }
        @if let Some(image) = &round.image {
            div.turn.tool { (draw(image, &format!("I{}", n + 1), "", false)) @if let Some(seed) = round.seed { span.size { "seed " (seed) } } }
        }
        @if let Some(judgement) = &round.judgement {
            @match shown {
                Shown::All => (judged(judgement)),
                Shown::Texts => div.turn.model { h3 { "judgement" } p.text { (said(&judgement.rationale)) } },
                Shown::Pictures => {},
            }
        }
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
