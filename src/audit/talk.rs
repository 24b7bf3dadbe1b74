//! A rollout as a conversation on a page: every turn as it was read, its pictures with their scores,
//! and what broke the grammar. The report and the viewer draw it alike; only how a picture is shown
//! is theirs.

use crate::audit::rollouts::{Play, Shot};
use crate::audit::show::{count, visible};
use crate::record::{ImageRef, RolloutTurn};
use maud::{Markup, html};

/// Draws a picture: its blob, its name, and what is said of it (`satisfied`, `unsatisfied` or empty).
pub type Draw<'a> = &'a dyn Fn(&ImageRef, &str, &str) -> Markup;

/// The rollouts of one record; `most` is the best score of a picture.
pub fn conversations(plays: &[Play], most: f64, draw: Draw<'_>) -> Markup {
    html! {
        @for play in plays { (conversation(play, most, plays.len() > 1, draw)) }
    }
}

fn conversation(play: &Play, most: f64, several: bool, draw: Draw<'_>) -> Markup {
    let rollout = &play.rollout;
    let mut place = 0;
    let counts = rollout.last_attempt().count();
    let earlier = rollout.turns.len() - counts;
    html! {
        section.talk.rollout {
            @if several { h2 { "Rollout " (rollout.draw + 1) } }
            (head(play))
            div.turn.user { h3 { "user" } p.text { (visible(&play.prompt)) } }
            @for (n, turn) in rollout.turns.iter().enumerate() {
                (one_turn(n + 1, turn))
                @if let Some(image) = &turn.picture {
                    // Scores are those of the attempt that counts.
                    @let shot = (n >= earlier).then(|| { place += 1; play.shots.get(place - 1) }).flatten();
                    div.turn.tool {
                        (draw(image, &picture_name(turn, place), word(shot, most)))
                        (scores(shot))
                        @if let Some(seed) = turn.seed { span.size { "seed " (seed) } }
                        @if turn.draw_ms > 0 { span.size { (seconds(turn.draw_ms)) } }
                    }
                }
            }
            @if let Some(image) = &rollout.instead {
                @let shot = play.shots.last();
                div.turn.tool {
                    p.tag { "instead of a picture of the agent's: the prompt itself, or one kept from an earlier attempt" }
                    (draw(image, "instead", word(shot, most))) (scores(shot))
                }
            }
        }
    }
}

fn picture_name(turn: &RolloutTurn, place: usize) -> String {
    match place {
        0 => format!("of attempt {}", turn.attempt),
        n => format!("I{n}"),
    }
}

/// How it ended, and what it took.
fn head(play: &Play) -> Markup {
    let turns = &play.rollout.turns;
    let faults = turns.iter().filter(|turn| !turn.fault.is_empty()).count();
    let sum = |of: fn(&RolloutTurn) -> u64| turns.iter().map(of).sum::<u64>();
    html! {
        div.meta {
            span { "ended: " b { (play.rollout.ended.as_str()) } }
            span { (turns.len()) " turns, " (play.rollout.pictures().len()) " pictures" }
            @if faults > 0 { span.bad { (faults) " broke the grammar" } }
            span { (count(sum(|t| t.tokens_in))) " tokens in, " (count(sum(|t| t.tokens_out))) " out" }
            span { (seconds(sum(|t| t.ms))) " of the agent, " (seconds(sum(|t| t.draw_ms))) " of pictures" }
        }
    }
}

fn one_turn(n: usize, turn: &RolloutTurn) -> Markup {
    html! {
        div.turn.model {
            h3 { "turn " (n)
                @if turn.attempt > 1 { span.size { "attempt " (turn.attempt) } }
                span.size { (count(turn.tokens_in)) " in, " (count(turn.tokens_out)) " out, " (seconds(turn.ms)) }
            }
            @if !turn.fault.is_empty() {
                p.alert { code { (turn.fault) } @if !turn.what.is_empty() { ": " (visible(&turn.what)) } }
            }
            @if let Some(text) = &turn.judgement { p.tag { "judgement" } p.text { (visible(text)) } }
            @if let Some(text) = &turn.thinking { details { summary { "thinking" } p.text { (visible(text)) } } }
            @if let Some(text) = &turn.caption { p.tag { @if turn.edits { "how to change the last picture" } @else { "caption" } } p.text.refined { (visible(text)) } }
            @if turn.answer { p.tag { "answers: done" } }
            @if !turn.text.is_empty() {
                details open[!turn.fault.is_empty()] { summary { "as it came" } pre.text { (visible(&turn.text)) } }
            }
        }
    }
}

fn seconds(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1000.0)
}

/// Good or not, by the truth where it is known.
fn word(shot: Option<&Shot>, most: f64) -> &'static str {
    match shot.and_then(|shot| shot.truth.or(shot.strict)) {
        Some(score) if score >= most - 1e-9 => "satisfied",
        Some(_) => "unsatisfied",
        None => "",
    }
}

fn scores(shot: Option<&Shot>) -> Markup {
    let Some(shot) = shot else { return html! {} };
    let number =
        |score: f64| format!("{score:.3}").trim_end_matches('0').trim_end_matches('.').to_owned();
    html! {
        @if let Some(score) = shot.strict { span.size { "score " (number(score)) } }
        @else if !shot.unscored.is_empty() { span.size.bad { "no score: " (shot.unscored) } }
        @if shot.official != shot.strict && let Some(score) = shot.official {
            span.size { "officially " (number(score)) }
        }
        @if let Some(truth) = shot.truth { span.size { "truth " (number(truth)) } }
    }
}
