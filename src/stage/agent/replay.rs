//! A rollout read back from its calls.
//!
//! Each request says which rollout it belongs to and which of its requests it is (`numbered`), so a
//! call that was refused, and so never journaled, leaves a gap that is seen: it shifts nothing.

use crate::call::{Output, Reply, Request};
use crate::record::Rollout;
use crate::stage::agent::{Ask, Game, Heard, Rules};
use crate::stage::grammar::clip;

/// Requests of one rollout at most; three attempts of ten turns are thirty.
const REQUESTS: u32 = 1000;

/// The `draw` of an agent's request: the same conversation asked again, and another rollout, are
/// requests of their own.
pub fn numbered(rollout: u32, again: u32) -> u32 {
    rollout * REQUESTS + again
}

/// The rollout that a request belongs to.
fn rollout_of(request: &Request) -> u32 {
    match request {
        Request::Chat(chat) => chat.draw / REQUESTS,
        Request::Image(image) => image.draw,
    }
}

/// Plays rollout `number` again: its calls are those of `calls` that are its own, in order, after those
/// that it shares. What the journal lacks was refused, or is lost; either way the rollout goes on as
/// after a refusal.
pub fn replay<'a>(
    rules: &Rules,
    prompt: &str,
    number: u32,
    calls: impl IntoIterator<Item = (&'a Request, &'a Reply)>,
) -> Rollout {
    let calls: Vec<_> = calls.into_iter().collect();
    let of = |number: u32| {
        calls.iter().filter(move |(request, _)| rollout_of(request) == number).copied()
    };
    let shared = match rules.branch && number > 0 {
        true => up_to_a_picture(of(0)),
        false => Vec::new(),
    };
    let mut calls = shared.into_iter().chain(of(number)).peekable();
    let mut game = Game::new(rules, prompt, number);
    loop {
        let ask = game.ask();
        if ask == Ask::Nobody {
            return game.over();
        }
        let asks_as = game.asks_as();
        match calls.next_if(|(request, _)| answers(request, &ask, asks_as)) {
            Some((request, reply)) => take(&mut game, request, reply),
            None => game.refused("the journal holds no reply"),
        }
    }
}

/// A rollout's calls up to its first picture.
fn up_to_a_picture<'a>(
    calls: impl Iterator<Item = (&'a Request, &'a Reply)>,
) -> Vec<(&'a Request, &'a Reply)> {
    let mut out = Vec::new();
    for call in calls {
        out.push(call);
        if matches!(call.1.output, Output::Image { .. }) {
            break;
        }
    }
    out
}

/// Whether `request` is what is asked for now.
fn answers(request: &Request, ask: &Ask, number: u32) -> bool {
    match (request, ask) {
        (Request::Chat(chat), Ask::Agent { again, .. }) => chat.draw == numbered(number, *again),
        (Request::Image(image), Ask::Draw(caption)) => {
            image.prompt == *caption && image.edits.is_none()
        }
        (Request::Image(image), Ask::Edit { instruction, picture }) => {
            image.prompt == *instruction && image.edits.is_some_and(|e| e.digest == picture.digest)
        }
        _ => false,
    }
}

/// A reply into the game, as it was when it came.
pub fn take(game: &mut Game<'_>, request: &Request, reply: &Reply) {
    match (request, &reply.output) {
        (Request::Chat(_), Output::Text { text, reasoning }) => game.heard(&Heard {
            text: text.clone(),
            reasoning: reasoning.clone(),
            tokens_in: reply.usage.input,
            tokens_out: reply.usage.output + reply.usage.thinking,
            ms: reply.latency_ms,
        }),
        (Request::Image(asked), Output::Image { image, .. }) => {
            game.drawn(*image, asked.seed, reply.latency_ms);
        }
        (_, Output::Refused { reason }) => game.refused(&clip(reason)),
        (Request::Chat(_), Output::Image { .. }) => {
            game.refused("an image came back where text was asked");
        }
        (Request::Image(_), Output::Text { text, .. }) => game.refused(&clip(text)),
    }
}
