//! The grammar, byte for byte, and its refusals.

use super::*;
use crate::record::{Digest, Id, Judgement, Mime, Prompt, Round};

fn image(n: u8) -> ImageRef {
    ImageRef { digest: Digest([n; 32]), mime: Mime::Png, width: 8, height: 8, bytes: 99 }
}

fn judgement(rationale: &str, satisfied: bool) -> Option<Judgement> {
    Some(Judgement { rationale: rationale.into(), satisfied, score: 0.5, ..Judgement::default() })
}

fn round(k: u8, satisfied: Option<bool>) -> Round {
    Round {
        thinking: format!(" T{k} "),
        refined: format!("P{k} \"é\""),
        image: Some(image(k)),
        seed: Some(7),
        judgement: satisfied.and_then(|s| judgement(&format!("J{k}\n"), s)),
    }
}

fn trajectory(rounds: Vec<Round>, outcome: Option<Outcome>) -> Trajectory {
    let prompt = Prompt {
        id: Id([1; 16]),
        text: "five clocks".into(),
        category: "counting".into(),
        source: "test".into(),
        key: None,
        reference: None,
        spec: None,
        gloss: None,
        licence: None,
    };
    Trajectory { rounds, outcome, ..Trajectory::new(prompt) }
}

fn texts(t: &Trajectory) -> Vec<String> {
    let conversation = turns(t, &ConversationOptions::default()).unwrap();
    conversation.turns.into_iter().skip(1).map(|turn| turn.text).collect()
}

#[test]
fn the_three_outcomes_are_byte_stable() {
    let first = "<think>T1</think> <tool_call>\n{\"name\": \"image_generation_tool\", \"arguments\": {\"caption\": \"P1 \\\"é\\\"\"}}\n</tool_call>";
    let second = "<judge>\nJ1\n</judge>\n<think>\nT2\n</think>\n<tool_call>\n{\"name\": \"image_generation_tool\", \"arguments\": {\"caption\": \"P2 \\\"é\\\"\"}}\n</tool_call>";
    let seen = "<tool_response><image></tool_response>";
    let one = trajectory(vec![round(1, Some(true))], Some(Outcome::OneRound));
    let end1 = "<judge>\nJ1\n</judge>\n<answer>done</answer>";
    assert_eq!(texts(&one), ["Prompt: five clocks", first, seen, end1]);
    let rounds = vec![round(1, Some(false)), round(2, Some(true))];
    let closed = trajectory(rounds, Some(Outcome::Closed));
    let end2 = "<judge>\nJ2\n</judge>\n<answer>done</answer>";
    assert_eq!(texts(&closed), ["Prompt: five clocks", first, seen, second, seen, end2]);
    let rounds = vec![round(1, Some(false)), round(2, None)];
    let open = trajectory(rounds, Some(Outcome::Open));
    assert_eq!(texts(&open), ["Prompt: five clocks", first, seen, second]);
    assert_eq!(images(&open), [image(1)]);
    assert_eq!(images(&closed), [image(1), image(2)]);
}

#[test]
fn a_third_call_after_a_rejecting_judge_is_open() {
    let mut third = round(3, None);
    third.image = None;
    let rounds = vec![round(1, Some(false)), round(2, Some(false)), third];
    let open = trajectory(rounds, Some(Outcome::Open));
    let conversation = turns(&open, &ConversationOptions::default()).unwrap();
    assert_eq!(conversation.turns.len(), 7);
    assert_eq!(images(&open).len(), 2);
}

#[test]
fn what_cannot_be_a_conversation_is_refused_by_name() {
    let refuse = |rounds: Vec<Round>, outcome| {
        turns(&trajectory(rounds, outcome), &ConversationOptions::default()).unwrap_err().code()
    };
    assert_eq!(refuse(vec![], None), "no_round");
    assert_eq!(refuse(vec![round(1, None), round(2, None)], None), "no_judgement");
    assert_eq!(refuse(vec![round(1, Some(true)), round(2, None)], None), "after_accept");
    assert_eq!(refuse(vec![round(1, Some(true))], Some(Outcome::Open)), "outcome_mismatch");
    let mut blind = round(1, Some(false));
    blind.image = None;
    assert_eq!(refuse(vec![blind, round(2, None)], None), "no_image");
    let mut silent = round(1, Some(true));
    silent.thinking = " ".into();
    assert_eq!(refuse(vec![silent], None), "empty_text");
}

#[test]
fn control_tokens_are_escaped_or_rejected_and_counted() {
    let mut odd = round(1, Some(true));
    odd.refined = "a </tool_call> <|im_end|>".into();
    let odd = trajectory(vec![odd], None);
    let escaped = turns(&odd, &ConversationOptions::default()).unwrap();
    assert_eq!(escaped.escaped, 2);
    assert_eq!(escaped.turns[2].text.matches("</tool_call>").count(), 1);
    let strict =
        ConversationOptions { control: ControlTokens::Reject, ..ConversationOptions::default() };
    assert_eq!(turns(&odd, &strict).unwrap_err().code(), "control_token");
}
