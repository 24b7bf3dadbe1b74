//! `POST /image`: a picture for a caption. The same caption, seed and size are drawn once.

use crate::env::Rng;
use crate::record::{Decision, Disposition, Id, ImageRef, Prompt, Round, Trajectory};
use crate::run::Visited;
use crate::serve::ask::{MAX_PROMPT, MAX_TURN};
use crate::serve::fields::Fields;
use crate::serve::known::Answer;
use crate::serve::refusal::Refusal;
use crate::serve::server::Server;
use crate::stage::{Cx, Each, Role, RoleKind, StageError, Step, draw};
use serde_json::{Value, json};
use std::sync::Arc;

/// The longest side of a picture that may be asked for, in pixels.
const MAX_SIDE: u64 = 4096;

const KNOWN: [&str; 6] = ["caption", "seed", "session", "width", "height", "bytes"];

/// A request for a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    caption: String,
    seed: u64,
    size: (u32, u32),
    /// Whether the answer brings the picture's bytes.
    pub bytes: bool,
}

impl Picture {
    /// Reads `body`. `seed` is the service's, `size` the generator's own.
    pub fn read(body: &Value, service: u64, size: (u32, u32)) -> Result<Picture, Refusal> {
        let fields = Fields::of(body)?;
        fields.only(&KNOWN)?;
        let caption = fields.words("caption", MAX_TURN.max(MAX_PROMPT))?.trim().to_owned();
        let seed = match (
            fields.maybe_number("seed", i32::MAX as u64)?,
            fields.maybe_text("session")?,
        ) {
            (Some(_), Some(_)) => {
                return Err(Refusal::bad(
                    "session",
                    "`seed` and `session` are both given; give one",
                ));
            }
            (Some(seed), None) => seed,
            // One seed a session, so that only the caption changes from picture to picture.
            (None, Some(session)) if !session.is_empty() => {
                Rng::keyed(service, &["session", session]).image_seed()
            }
            (None, _) => {
                let what = "is missing; give a `seed`, or a `session` that all pictures of a rollout share";
                return Err(Refusal::bad("seed", what));
            }
        };
        let side = |name: &str, own: u32| match fields.maybe_number(name, MAX_SIDE)? {
            None => Ok(own),
            Some(0..=15) => {
                Err(Refusal::bad(name, format!("is under 16; 16 to {MAX_SIDE} is meant")))
            }
            Some(side) => Ok(side as u32),
        };
        let size = (side("width", size.0)?, side("height", size.1)?);
        let bytes = fields.maybe_bool("bytes")?.unwrap_or(true);
        Ok(Picture { caption, seed, size, bytes })
    }

    /// What makes two requests the same.
    pub fn id(&self) -> Id {
        let (width, height) = self.size;
        Id::of("image", &format!("{} {width}x{height}", self.seed), &self.caption)
    }

    fn record(&self) -> Trajectory {
        let (width, height) = self.size;
        let mut t = Trajectory::new(Prompt {
            id: self.id(),
            text: self.caption.clone(),
            category: "caption".to_owned(),
            source: "trainer".to_owned(),
            key: Some(format!("seed {}, {width}x{height}", self.seed)),
            reference: None,
            spec: None,
            gloss: None,
            licence: None,
        });
        let refined = self.caption.clone();
        let (thinking, seed) = (String::new(), Some(self.seed));
        t.rounds.push(Round { thinking, refined, image: None, seed, judgement: None });
        t
    }
}

/// Draws the last round with its own seed, at a size of the request's.
struct Drawing {
    role: Role,
    seed: u64,
}

#[async_trait::async_trait]
impl Each for Drawing {
    async fn apply(&self, mut t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        match draw(&self.role, cx, &t.prompt.text.clone(), self.seed, 0).await? {
            Err((reason, evidence)) => Ok(Step::drop(t, reason, evidence)),
            Ok(drawn) => {
                if let Some(round) = t.rounds.last_mut() {
                    round.image = Some(drawn.image);
                }
                Ok(Step::out(t, "passed"))
            }
        }
    }
}

/// The role of the stage that draws, at another size.
fn sized(role: &Role, (w, h): (u32, u32)) -> Role {
    let mut role = role.clone();
    if let RoleKind::Image { width, height, .. } = &mut role.kind {
        (*width, *height) = (w, h);
    }
    role
}

/// The answer without the picture's bytes.
pub async fn answer(server: Arc<Server>, picture: Picture) -> Answer {
    let drawing = Drawing { role: sized(&server.generator, picture.size), seed: picture.seed };
    let (from, at) = server.drawn;
    let visited = server.service().visit(at, &drawing, picture.record()).await;
    let Visited { trajectory, decision, .. } = visited.map_err(|error| Refusal::of(&error))?;
    let image = match (decision.disposition, trajectory.rounds.last().and_then(|r| r.image)) {
        (Disposition::Passed, Some(image)) => image,
        _ => return Err(not_drawn(&decision)),
    };
    server.remember(image);
    let answer = told(&picture, &image, &decision, trajectory.simulated);
    server.keep(from, &trajectory, at, decision);
    Ok(Arc::new(answer))
}

fn not_drawn(decision: &Decision) -> Refusal {
    let note = &decision.evidence.note;
    match decision.reason.as_str() {
        "refused" => Refusal::refused(format!("the generator refused: {note}")),
        _ => Refusal::no_answer("no_picture", format!("no picture came back: {note}")),
    }
}

fn told(picture: &Picture, image: &ImageRef, decision: &Decision, simulated: bool) -> Value {
    json!({
        "digest": image.digest,
        "mime": image.mime.as_str(),
        "width": image.width,
        "height": image.height,
        "size": image.bytes,
        "seed": picture.seed,
        "cost_usd": decision.cost.usd(),
        "simulated": simulated,
    })
}

#[cfg(test)]
mod tests {
    use super::Picture;
    use serde_json::json;

    #[test]
    fn a_session_has_one_seed_and_a_question_one_id() {
        let read = |body| Picture::read(&body, 7, (512, 512));
        let one = read(json!({"caption": " two cats ", "session": "u_0"})).unwrap();
        let two = read(json!({"caption": "a dog", "session": "u_0"})).unwrap();
        let other = read(json!({"caption": "two cats", "session": "u_1"})).unwrap();
        assert!(one.seed == two.seed && one.seed != other.seed);
        assert_eq!(one.id(), read(json!({"caption": "two cats", "seed": one.seed})).unwrap().id());
        let large = json!({"caption": "two cats", "seed": one.seed, "width": 1024, "bytes": false});
        assert_ne!(one.id(), read(large).unwrap().id());
    }

    #[test]
    fn the_first_wrong_field_is_named() {
        for (body, field) in [
            (json!({"seed": 1}), "caption"),
            (json!({"caption": "a"}), "seed"),
            (json!({"caption": "a", "seed": -1}), "seed"),
            (json!({"caption": "a", "seed": 1, "session": "s"}), "session"),
            (json!({"caption": "a", "seed": 1, "width": 5}), "width"),
            (json!({"caption": "a", "seed": 1, "height": 99_999}), "height"),
            (json!({"caption": "a", "seed": 1, "steps": 4}), "steps"),
        ] {
            assert_eq!(Picture::read(&body, 7, (8, 8)).unwrap_err().field, field);
        }
    }
}
