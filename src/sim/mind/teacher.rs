//! The agent's own turns: first thought and call, reflection and call, with the lapses of real
//! teachers (broken format, copied prompts, the hint given away).

use crate::env::Rng;
use crate::sim::World;
use crate::sim::mind::chat::Chat;
use crate::sim::mind::{SimReply, caption, prose, riddle};
use crate::sim::scene::{self, Meaning, Stress};
use serde_json::json;

/// `think_and_call`.
pub fn think(world: &World, chat: &Chat) -> SimReply {
    let request = chat.request();
    let mut rng = world.rng(&["teacher", request, &chat.draw()]);
    let meaning = riddle::understand(world, "teacher", request);
    let thought = prose::first_thought(request, meaning.as_ref(), &mut rng);
    let caption = match meaning {
        _ if rng.chance(world.copy) => request.to_owned(),
        Some(mut meaning) => {
            if rng.chance(world.drift) {
                riddle::blur(&mut meaning, &mut rng);
            }
            meaning.text_stress = u8::from(rng.chance(0.3));
            for group in &mut meaning.groups {
                let mut level = || u8::from(rng.chance(0.3)) + u8::from(rng.chance(0.1));
                group.stress =
                    Stress { count: level(), color: level(), place: level(), size: level() };
            }
            caption::compose(&meaning, &mut rng)
        }
        None => loose(request, &mut rng),
    };
    turn(world, thought, &caption, &mut rng)
}

/// A caption for what was not understood: the words, with some light.
fn loose(request: &str, rng: &mut Rng) -> String {
    const MOODS: [&str; 5] = [
        "soft morning light, gentle colours, calm composition",
        "cinematic light, rich texture, a single clear subject",
        "painterly detail, balanced composition, warm tones",
        "wide view, delicate light, quiet mood",
        "high detail, natural colours, shallow depth of field",
    ];
    let trimmed = request.trim_end_matches(['.', '!', '?']);
    format!("{trimmed}, shown as one coherent scene, {}.", rng.pick(&MOODS).unwrap_or(&MOODS[0]))
}

/// `reflect`.
pub fn reflect(world: &World, chat: &Chat) -> SimReply {
    let request = chat.request();
    let before = chat.tag("refined_prompt");
    let judgement = chat.tag("judgement");
    let seed = chat.draw();
    let mut rng = world.rng(&["reflector", request, before, judgement, &seed]);
    let faults = prose::faults(judgement);
    let mut meaning = riddle::understand(world, "reflector", request);
    let mut thought = prose::second_thought(&faults, meaning.as_ref(), &mut rng);
    if let Some(meaning) = &mut meaning {
        if rng.chance(world.drift) {
            riddle::blur(meaning, &mut rng);
        }
        insist(meaning, &scene::parse(before), &faults, &mut rng);
    }
    let mut caption = match &meaning {
        Some(meaning) => caption::compose(meaning, &mut rng),
        None => loose(request, &mut rng),
    };
    let surplus = faults.iter().any(|f| f.contains("not asked for"));
    if surplus && !caption.contains("Nothing else") {
        caption += " Nothing else is in the picture.";
    }
    let hinted = !chat.tag("hint").is_empty() || chat.images.len() > 1;
    if hinted && rng.chance(world.leak) {
        give_away(&mut thought, &mut caption, &mut rng);
    }
    turn(world, thought, &caption, &mut rng)
}

/// Keeps what the earlier caption insisted on, and insists more on what failed.
fn insist(meaning: &mut Meaning, before: &Meaning, faults: &[String], rng: &mut Rng) {
    let misspelt = faults.iter().any(|f| f.contains("lettering"));
    meaning.text_stress = before.text_stress.max(if misspelt { 3 } else { 0 });
    for group in &mut meaning.groups {
        let old = before.groups.iter().find(|g| g.class == group.class);
        let old = old.map_or(Stress::default(), |g| g.stress);
        let named = faults.iter().any(|f| f.contains(group.class.as_str()));
        let mut more = |old: u8| {
            let wish =
                if named { 2 + u8::from(rng.chance(0.6)) } else { u8::from(rng.chance(0.5)) };
            old.max(wish).min(3)
        };
        group.stress = Stress {
            count: more(old.count),
            color: more(old.color),
            place: more(old.place),
            size: more(old.size),
        };
    }
}

fn give_away(thought: &mut String, caption: &mut String, rng: &mut Rng) {
    const THOUGHTS: [&str; 6] = [
        " In the reference image the arrangement is clear, so I will follow it.",
        " The hint shows how the objects are placed.",
        " Comparing with the provided picture, the colours there are stronger.",
        " The private note makes the intended composition obvious.",
        " The target image has them side by side.",
        " As the second image shows, the background can stay plain.",
    ];
    const CAPTIONS: [&str; 3] = [
        " Arranged as in the reference image.",
        " The composition matches the target picture.",
        " Colours like in the provided example.",
    ];
    if rng.chance(0.7) {
        *thought += rng.pick(&THOUGHTS).unwrap_or(&THOUGHTS[0]);
    } else {
        *caption += rng.pick(&CAPTIONS).unwrap_or(&CAPTIONS[0]);
    }
}

/// A whole turn, now and then broken in one of the ways that real teachers break it.
fn turn(world: &World, thought: String, caption: &str, rng: &mut Rng) -> SimReply {
    let quoted = json!(caption);
    let call = |name: &str, argument: &str| {
        format!(
            "<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {{\"{argument}\": {quoted}}}}}\n</tool_call>"
        )
    };
    let good = call("image_generation_tool", "caption");
    if !rng.chance(world.format_error) {
        return SimReply { thought, text: good };
    }
    match rng.below(8) {
        0 => SimReply { thought, text: good.replace("\n</tool_call>", "") },
        1 => SimReply { thought, text: good.replace("{\"", "{'").replace("\":", "':") },
        2 => SimReply { thought, text: caption.to_owned() },
        3 => SimReply { thought, text: format!("{good}\n{good}") },
        4 => SimReply { thought, text: call("image_generation_tool", "prompt") },
        5 => SimReply { thought: String::new(), text: good },
        6 => SimReply { thought, text: call("generate_image", "caption") },
        _ => SimReply { thought, text: format!("{good}\n<answer>done</answer>") },
    }
}
