//! What a judge that cannot err would have answered: the truth of the simulated world, for whoever
//! holds a run's verdicts against it. A picture that this world did not draw has no truth here.

use crate::call::{ChatRequest, Request};
use crate::record::{Part, Speaker};
use crate::sim::World;
use crate::sim::mind::{Chat, Mind};
use bytes::Bytes;
use std::sync::Arc;

/// The world with nothing to turn an answer.
fn faultless() -> World {
    World {
        judge_error: 0.0,
        rubber_stamp: 0.0,
        unparsed: 0.0,
        place_bias: 0.0,
        contradiction: 0.0,
        decode_error: 0.0,
        verifier_error: 0.0,
        ..World::default()
    }
}

/// Answers requests to judges as they are, not as they look.
pub struct Truth(Mind);

impl Default for Truth {
    fn default() -> Truth {
        Truth(Mind::new(faultless()))
    }
}

impl Truth {
    /// The true answer to a judge's request, in the form that it asks for.
    pub fn answer(&self, model: &str, system: &str, user: &str, images: Vec<Bytes>) -> String {
        let chat = Chat {
            model: model.to_owned(),
            system: system.to_owned(),
            user: user.to_owned(),
            images,
            ..Chat::default()
        };
        self.0.answer(&chat).text
    }
}

/// Answers a request to a judge that shows these pictures; None for what is no question to a judge.
pub type Answers = Arc<dyn Fn(&Request, Vec<Bytes>) -> Option<String> + Send + Sync>;

/// The simulated world as the judge that cannot err.
pub fn truth() -> Answers {
    let world = Truth::default();
    Arc::new(move |request, pictures| {
        let Request::Chat(chat) = request else { return None };
        let (system, user) = (said(chat, true), said(chat, false));
        Some(world.answer(&chat.model, &system, &user, pictures))
    })
}

/// What the system says in it, or what all others say; a picture is a line of its own.
fn said(chat: &ChatRequest, system: bool) -> String {
    let of = chat.messages.iter().filter(|m| (m.speaker == Speaker::System) == system);
    let parts = of.flat_map(|m| &m.parts);
    parts
        .map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Image(_) => "\n",
        })
        .collect()
}
