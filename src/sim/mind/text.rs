//! The roles that only read and write: writer, solver, and the verifiers of leaks and verdicts.

use crate::record::Spec;
use crate::sim::World;
use crate::sim::mind::chat::Chat;
use crate::sim::mind::{prose, riddle};
use crate::sim::scene::{self, Meaning, say};
use serde_json::{Value, json};

/// The spec that a request states.
pub fn spec_of(chat: &Chat) -> Option<Meaning> {
    serde_json::from_str::<Spec>(chat.tag("spec")).ok().map(|s| Meaning::from_spec(&s))
}

/// `riddle`.
pub fn write(world: &World, chat: &Chat) -> String {
    let plain = chat.tag("plain_meaning");
    let meaning = spec_of(chat).unwrap_or_else(|| scene::parse(plain));
    let style = chat.tag("style").split(':').next().unwrap_or_default();
    let spec = chat.tag("spec");
    let mut rng = world.rng(&["writer", plain, spec, style, &chat.draw()]);
    let flaw = rng.chance(world.riddle_error);
    json!({"prompt": riddle::write(&meaning, style, flaw, &mut rng)}).to_string()
}

/// `solve`.
pub fn solve(world: &World, chat: &Chat) -> String {
    match riddle::understand(world, "solver", chat.request()) {
        Some(meaning) => json!({
            "spec": bare(&meaning),
            "ambiguous": false,
            "why": format!("Clue by clue this comes to {}.", say::summary(&meaning)),
        })
        .to_string(),
        None => json!({
            "spec": {"include": []},
            "ambiguous": true,
            "why": "The clues fit several things and none of them for certain.",
        })
        .to_string(),
    }
}

fn bare(meaning: &Meaning) -> Value {
    serde_json::to_value(meaning.to_spec()).unwrap_or_else(|_| json!({"include": []}))
}

/// `leak`.
pub fn leak(world: &World, chat: &Chat) -> String {
    const CUES: [&str; 14] = [
        "reference image",
        "reference picture",
        "the reference",
        "the hint",
        "provided picture",
        "provided image",
        "provided example",
        "private note",
        "target image",
        "target picture",
        "second image shows",
        "second image",
        "ground truth",
        "as shown in the image",
    ];
    let texts = chat.tag("texts");
    let lower = texts.to_lowercase();
    let hit = CUES.iter().find_map(|cue| lower.find(cue));
    let wrong = world.rng(&["leak", texts]).chance(world.verifier_error);
    match hit.filter(|_| !wrong) {
        Some(at) => {
            let quote: String = lower[at..].chars().take(80).collect();
            json!({"leak": true, "quote": quote}).to_string()
        }
        None => json!({"leak": false, "quote": ""}).to_string(),
    }
}

/// `rederive`.
pub fn rederive(world: &World, chat: &Chat) -> String {
    if chat.unparsed(world) {
        return "It is hard to say.".to_owned();
    }
    let text = chat.tag("judgement");
    let wrong = world.rng(&["rederive", text]).chance(world.verifier_error);
    let verdict = match prose::conclusion(text) {
        (true, true) | (false, false) => "unclear",
        (faulty, _) => {
            if faulty != wrong {
                "unsatisfied"
            } else {
                "satisfied"
            }
        }
    };
    json!({ "verdict": verdict }).to_string()
}
