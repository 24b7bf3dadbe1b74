//! The judges of evaluation sets: they look at the pixels, ask of them what the prompt means, and
//! answer in each set's own form.

use crate::record::Answer;
use crate::sim::World;
use crate::sim::mind::chat::Chat;
use crate::sim::mind::{Mind, judge, riddle};
use serde_json::json;

/// The share of what the prompt asks for that the picture shows, 0..=1, and a fault in words.
fn fulfilled(mind: &Mind, chat: &Chat) -> (f64, String) {
    let Some((seen, name)) = mind.look(chat, 0) else { return (0.0, "no picture".to_owned()) };
    let world = &mind.world;
    // A judge knows what is meant: the set tells it.
    let sure = World { decode_error: 0.0, ..world.clone() };
    let meaning = riddle::understand(&sure, "judge", chat.request());
    let Some(meaning) = meaning.filter(|_| !seen.is_blank()) else {
        return (0.0, "nothing of what was meant can be made out".to_owned());
    };
    let mut findings = judge::findings(&seen, &meaning);
    for (at, finding) in findings.iter_mut().enumerate() {
        let mut rng = world.rng(&["evaluate", &name, chat.request(), &at.to_string()]);
        if rng.chance(world.judge_error) {
            finding.answer = match finding.answer {
                Answer::Yes => Answer::No,
                _ => Answer::Yes,
            };
        }
    }
    let good = findings.iter().filter(|f| f.answer == Answer::Yes).count();
    let fault = findings.iter().find(|f| f.answer != Answer::Yes);
    let fault = fault.map_or("nothing is wrong".to_owned(), |f| f.fact.clone());
    (good as f64 / findings.len().max(1) as f64, fault)
}

/// The answer of the judge of the set that is named by the task.
pub fn answer(mind: &Mind, chat: &Chat) -> String {
    let (share, fault) = fulfilled(mind, chat);
    let whole = share > 0.999;
    let step = |low: f64| if whole { 2 } else { u8::from(share >= low) };
    match chat.task() {
        "geneval_pp" => json!({"correct": u8::from(whole), "reason": fault}).to_string(),
        "wise_verified" => format!("Score: {}", u8::from(whole)),
        "wise_legacy" => format!(
            "Consistency: {}\nRealism: {}\nAesthetic Quality: 1",
            step(0.5),
            u8::from(share > 0.3)
        ),
        _ => {
            let fulfilment = (share * 9.0).round() as u8 + u8::from(whole);
            let identity = ((0.4 + 0.6 * share) * 10.0).round() as u8;
            format!(
                "Fantasy Fulfillment: {fulfilment}\nReason: {fault}.\n\nIdentity Preservation: \
                 {identity}\nReason: it can be recognised.\n\nAesthetic Quality: 7\nReason: plain \
                 and clear."
            )
        }
    }
}
