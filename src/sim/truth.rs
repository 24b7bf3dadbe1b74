//! What a judge that cannot err would have answered: the truth of the simulated world, for whoever
//! holds a run's verdicts against it. A picture that this world did not draw has no truth here.

use crate::sim::World;
use crate::sim::mind::{Chat, Mind};
use bytes::Bytes;

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
