//! The agent: a model that was, or was not yet, trained to take turns with a generator. Which of
//! the two it is like is told by its name (`base`), and how it errs by rates; the pictures it is
//! shown are looked at, so that what it says of them can be held against the truth.

use crate::env::Rng;
use crate::record::Answer;
use crate::sim::mind::chat::Chat;
use crate::sim::mind::{Mind, SimReply, caption, checklist, judge, prose, riddle};
use crate::sim::scene::{Meaning, Stress};
use serde_json::json;

/// How an agent errs.
struct Habits {
    /// A turn breaks the grammar.
    malformed: f64,
    /// The caption is the user's words again.
    copies: f64,
    /// A fault that is there is not seen.
    blind: f64,
    /// A good picture is found fault with.
    fussy: f64,
    /// A second caption says what was wrong.
    learns: f64,
}

/// The base model of the paper's Table 1: errs in 13 turns of 100, repeats the prompt in half of
/// its calls, and gains next to nothing from looking.
const BASE: Habits =
    Habits { malformed: 0.13, copies: 0.45, blind: 0.75, fussy: 0.02, learns: 0.2 };
/// After fine-tuning: hardly errs, never repeats, and rejects some pictures that were good.
const TRAINED: Habits =
    Habits { malformed: 0.004, copies: 0.0, blind: 0.12, fussy: 0.10, learns: 0.95 };

/// Whether a conversation is an agent's: its system turn explains the grammar.
pub fn is_agent(chat: &Chat) -> bool {
    let system = chat.system.as_str();
    system.contains("<judge>") && system.contains("image_generation_tool")
}

/// The next turn.
pub fn turn(mind: &Mind, chat: &Chat) -> SimReply {
    let habits = if chat.model.to_lowercase().contains("base") { &BASE } else { &TRAINED };
    let request = request(chat);
    let round = chat.images.len();
    let seed = chat.seed.unwrap_or(0).to_string();
    let names = ["agent", &chat.model, request, &round.to_string(), &seed];
    let mut rng = mind.world.rng(&names);
    let text = match round {
        0 => first(mind, request, habits, &mut rng),
        _ => later(mind, chat, request, habits, &mut rng),
    };
    let broken = rng.chance(habits.malformed);
    SimReply { thought: String::new(), text: if broken { break_up(&text, &mut rng) } else { text } }
}

/// The user's words, out of the agent's own first turn.
fn request(chat: &Chat) -> &str {
    let text = chat.user.split("<tool_response>").next().unwrap_or(&chat.user);
    let text = text.split_once("Prompt:").map_or(text, |(_, rest)| rest);
    text.split("\n<think>").next().unwrap_or(text).trim()
}

fn call(caption: &str) -> String {
    let caption = json!(caption);
    format!(
        "<tool_call>\n{{\"name\": \"image_generation_tool\", \"arguments\": {{\"caption\": {caption}}}}}\n</tool_call>"
    )
}

/// The later release's second tool.
const EDITING: &str = "image_editing_tool";

fn editing(instruction: &str) -> String {
    let instruction = json!(format!("Change it so that it shows: {instruction}"));
    format!(
        "<tool_call>\n{{\"name\": \"{EDITING}\", \"arguments\": {{\"instruction\": {instruction}}}}}\n</tool_call>"
    )
}

fn first(mind: &Mind, request: &str, habits: &Habits, rng: &mut Rng) -> String {
    let meaning = riddle::understand(&mind.world, "agent", request);
    let thought = prose::first_thought(request, meaning.as_ref(), rng);
    let caption = match meaning {
        Some(meaning) if !rng.chance(habits.copies) => compose(meaning, 0.25, rng),
        _ if habits.copies > 0.0 => request.to_owned(),
        _ => format!(
            "{}, shown as one coherent scene with soft daylight, calm composition and clear, natural colours.",
            request.trim_end_matches(['.', '!', '?'])
        ),
    };
    format!("<think>{thought}</think> {}", call(&caption))
}

/// A caption that insists with chance `emphasis` on each thing.
fn compose(mut meaning: Meaning, emphasis: f64, rng: &mut Rng) -> String {
    meaning.text_stress = 2 * u8::from(rng.chance(emphasis));
    for group in &mut meaning.groups {
        let mut level = || 2 * u8::from(rng.chance(emphasis)) + u8::from(rng.chance(emphasis));
        group.stress = Stress { count: level(), color: level(), place: level(), size: level() };
    }
    caption::compose(&meaning, rng)
}

fn later(mind: &Mind, chat: &Chat, request: &str, habits: &Habits, rng: &mut Rng) -> String {
    let Some((seen, _)) = mind.look(chat, chat.images.len() - 1) else {
        return "<judge>\nNo picture came back.\n</judge>\n<answer>done</answer>".to_owned();
    };
    let meaning = riddle::understand(&mind.world, "agent", request);
    let mut findings = meaning.as_ref().map_or(Vec::new(), |m| judge::findings(&seen, m));
    let good = findings.iter().all(|f| f.answer == Answer::Yes);
    let accepts = match good {
        true => !rng.chance(habits.fussy),
        false => rng.chance(habits.blind),
    };
    findings.retain(|f| accepts == (f.answer == Answer::Yes) && !f.fact.is_empty());
    let rationale = prose::rationale(&seen, &findings, accepts, rng);
    let judged = format!("<judge>\n{rationale}\n</judge>");
    let v2 = thinks_first(chat);
    if accepts {
        let thought = if v2 { "<think>\nNow to look at what came back.\n</think>\n" } else { "" };
        return format!("{thought}{judged}\n<answer>done</answer>");
    }
    let faults: Vec<String> = findings.iter().map(|f| f.fact.clone()).collect();
    let thought = prose::second_thought(&faults, meaning.as_ref(), rng);
    let emphasis = if rng.chance(habits.learns) { 0.8 } else { 0.1 };
    let caption = match meaning {
        Some(meaning) if !rng.chance(habits.copies) => compose(meaning, emphasis, rng),
        _ => format!("{request}, once more, with every part of it clearly visible"),
    };
    let thought = format!("<think>\n{thought}\n</think>");
    let (one, two) = if v2 { (thought, judged) } else { (judged, thought) };
    let edits = chat.system.contains(EDITING) && rng.chance(0.5);
    let call = if edits { editing(&caption) } else { call(&caption) };
    format!("{one}\n{two}\n{call}")
}

/// The later grammar thinks before it judges; its system turn says so.
fn thinks_first(chat: &Chat) -> bool {
    chat.system.contains("think first: <think>")
}

/// One of the ways in which models break the grammar.
fn break_up(text: &str, rng: &mut Rng) -> String {
    match rng.below(6) {
        0 => text.replace("<tool_call>", "").replace("</tool_call>", "").replace("<answer>", ""),
        1 => text.replace("{\"", "{'").replace("\":", "':"),
        2 => text.replace("\"caption\"", "\"prompt\""),
        3 => format!("{text}\nI hope that this is what was wanted."),
        4 => text.replace("</think>", "").replace("</judge>", ""),
        _ => format!("{text}\n<answer>done</answer>"),
    }
}

/// What there is to see of a meaning, by the questions of its checklist.
pub fn questions(meaning: &Meaning) -> Vec<(String, String)> {
    let text =
        |value: &serde_json::Value, name: &str| value[name].as_str().unwrap_or("").to_owned();
    let atoms = checklist::atoms(meaning);
    atoms.iter().map(|atom| (text(atom, "question"), text(atom, "expected"))).collect()
}
