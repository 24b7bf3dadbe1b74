//! Turns and games without a model: what is read of a turn, and whose turn is next.

use super::{
    Act, Ask, Game, Grammar, Heard, Rules, ToolCall, conversation, numbered, read, replay,
};
use crate::call::{ChatRequest, ImageRequest, Output, Reply, Request, Sampling, Usage};
use crate::export::conversation::{ConversationOptions, Speaker as Says, call_json, turns};
use crate::record::{Digest, Ended, Id, ImageRef, Mime, Prompt, Rollout, Trajectory};

fn call(caption: &str) -> String {
    format!("<tool_call>\n{}\n</tool_call>", call_json(caption))
}

fn picture(n: u8) -> ImageRef {
    ImageRef { digest: Digest([n; 32]), mime: Mime::Png, width: 1, height: 1, bytes: 1 }
}

/// Plays `script`, turn by turn; stops with the script.
fn play(rules: &Rules, script: &[&str]) -> (Rollout, Vec<Ask>) {
    let mut game = Game::new(rules, "two cats", 0);
    let (mut script, mut drawn, mut asks) = (script.iter(), 0, Vec::new());
    loop {
        let ask = game.ask();
        asks.push(ask.clone());
        match ask {
            Ask::Nobody => break,
            Ask::Draw(_) | Ask::Edit { .. } => {
                drawn += 1;
                game.drawn(picture(drawn), 5, 0);
            }
            Ask::Agent { .. } => {
                let Some(text) = script.next() else { break };
                game.heard(&Heard { text: (*text).to_owned(), ..Heard::default() });
            }
        }
    }
    (game.over(), asks)
}

#[test]
fn each_fault_of_a_turn_has_its_name_and_hides_no_call() {
    let good = call("p");
    let code = |first: bool, text: &str| read(Grammar::V1, first, text, "").fault.map(|f| f.0);
    assert_eq!(code(true, &format!("<think>t</think> {good}")), None);
    assert_eq!(code(false, "<judge>\nj\n</judge>\n<answer>done</answer>"), None);
    assert_eq!(code(false, &format!("<judge>j</judge><think>t</think>{good}")), None);
    for (first, text, expected) in [
        (true, "<think>t</think>".to_owned(), "no_tool_call"),
        (true, "<think>t".to_owned(), "unclosed_think"),
        (true, good.clone(), "no_thinking"),
        (true, format!("Sure! <think>t</think>{good}"), "stray_text"),
        (true, format!("<think>t</think>{good}{good}"), "many_tool_calls"),
        (true, format!("<think>t</think>{good}<answer>done</answer>"), "call_and_answer"),
        (true, format!("<think>t</think>{}", good.replace("caption", "prompt")), "wrong_arguments"),
        (true, format!("<think>t</think>{}", good.replace("image_", "")), "wrong_tool"),
        (true, format!("<think>t</think>{}", good.replace("}}", "}")), "bad_json"),
        (true, format!("<think>t</think>{}", call(" ")), "empty_caption"),
        (true, "<answer>done</answer>".to_owned(), "early_answer"),
        (false, format!("<think>t</think>{good}"), "no_judge"),
        (false, format!("<think>t</think><judge>j</judge>{good}"), "tag_order"),
        (false, "<judge>j</judge><answer>yes</answer>".to_owned(), "wrong_answer"),
        (false, "<judge> </judge><answer>done</answer>".to_owned(), "empty_text"),
        (true, format!("<think>a <|im_end|></think>{good}"), "control_token"),
    ] {
        assert_eq!(code(first, &text), Some(expected), "{text}");
    }
    let stray = read(Grammar::V1, true, &format!("Sure! <think>t</think>{good}"), "");
    assert_eq!(stray.act, Act::Call(ToolCall::drawing("p")));
    // v2 thinks before it judges.
    let later = format!("<think>t</think><judge>j</judge>{good}");
    assert_eq!(read(Grammar::V2 { edits: false }, false, &later, "").fault, None);
    // Thinking that the server serves apart is thinking.
    assert_eq!(read(Grammar::V1, true, &good, "t").fault, None);
}

#[test]
fn strict_play_judges_the_last_picture_and_asks_nothing_twice() {
    let rules = Rules::of("v1", "strict", "agent", 2, "");
    let first = format!("<think>t</think> {}", call("one"));
    let again = format!("<judge>\nno\n</judge>\n<think>\nt\n</think>\n{}", call("two"));
    let done = "<judge>\nyes\n</judge>\n<answer>done</answer>";
    let (rollout, _) = play(&rules, &[&first, &again, done]);
    assert_eq!(
        (rollout.ended, rollout.turns.len(), rollout.pictures().len()),
        (Ended::Answer, 3, 2)
    );
    assert!(rollout.is_whole());
    // A third call is heard and not run.
    let (rollout, _) = play(&rules, &[&first, &again, &again]);
    assert_eq!((rollout.ended, rollout.turns.len(), rollout.pictures().len()), (Ended::Cut, 3, 2));
    // Nothing can be done with this turn; it is kept.
    let (rollout, _) = play(&rules, &[&first, "I like it."]);
    assert_eq!((rollout.ended, rollout.turns.len()), (Ended::Malformed, 2));
    assert!(!rollout.is_whole());
    let rules = Rules::of("v1", "strict", "without_tool", 3, "");
    let (rollout, _) = play(&rules, &[&first]);
    assert_eq!((rollout.ended, rollout.pictures().len()), (Ended::Cut, 1));
    let rules = Rules::of("v1", "strict", "raw", 3, "");
    let (rollout, asks) = play(&rules, &[]);
    assert_eq!(asks[0], Ask::Draw("two cats".into()));
    assert_eq!((rollout.ended, rollout.pictures().len(), rollout.turns.len()), (Ended::Raw, 1, 0));
}

fn flat(asks: &[Ask]) -> Vec<Vec<(String, String)>> {
    let messages = asks.iter().filter_map(|ask| match ask {
        Ask::Agent { messages, .. } => Some(messages),
        Ask::Draw(_) | Ask::Edit { .. } | Ask::Nobody => None,
    });
    let text = |parts: &[crate::record::Part]| -> String {
        parts
            .iter()
            .map(|part| match part {
                crate::record::Part::Text(text) => text.as_str(),
                crate::record::Part::Image(_) => "<image>",
            })
            .collect()
    };
    let of = |m: &crate::record::Message| (format!("{:?}", m.speaker), text(&m.parts));
    messages.map(|m| m.iter().map(of).collect()).collect()
}

#[test]
fn the_history_that_is_sent_is_the_row_that_is_trained_on() {
    let rules = Rules::of("v1", "strict", "agent", 3, "");
    // As a server gives them that stops at the call's closing tag.
    let first = format!("<think>Two of them.</think> {}", call("two \"cats\""));
    let again =
        format!("<judge>\nOne is there.\n</judge>\n<think>\nMore.\n</think>\n{}", call("2"));
    let cut = |text: &str| text.replace("\n</tool_call>", "\n");
    let done = "<judge>\nTwo are there.\n</judge>\n<answer>done</answer>";
    let (rollout, asks) = play(&rules, &[&cut(&first), &cut(&again), done]);
    let prompt = Prompt {
        id: Id::of("t", "1", "two cats"),
        text: "two cats".into(),
        category: "c".into(),
        source: "t".into(),
        key: None,
        reference: None,
        spec: None,
        gloss: None,
        licence: None,
    };
    let mut t = Trajectory::new(prompt);
    assert!(conversation(&mut t, &rollout));
    let row = turns(&t, &ConversationOptions::default()).unwrap();
    let row: Vec<(String, String)> = row
        .turns
        .iter()
        .map(|turn| {
            let speaker = match turn.speaker {
                Says::System => "System",
                Says::User | Says::Observation => "User",
                Says::Model => "Assistant",
            };
            (speaker.to_owned(), turn.text.clone())
        })
        .collect();
    let asked = flat(&asks);
    let last = asked.last().unwrap();
    assert_eq!(last[..], row[..last.len()]);
    assert_eq!(last.len() + 1, row.len());
    // And every request is the one before it, longer: a prefix cache holds.
    for pair in asked.windows(2) {
        assert_eq!(pair[1][..pair[0].len()], pair[0][..]);
    }
}

#[derive(serde::Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    what: String,
    grammar: Option<String>,
    /// Something edits.
    #[serde(default)]
    edits: bool,
    n_max: Option<usize>,
    /// The agent's turns, `{P}` for a call of caption P.
    says: Vec<String>,
    /// `A` an agent's request with so many messages, `D` a draw of a caption.
    asks: Vec<String>,
    ended: String,
    pictures: usize,
}

/// `{cats}` is a call as a server that stops at its closing tag gives it.
fn spelt(text: &str) -> String {
    match (text.find('{'), text.rfind('}')) {
        (Some(open), Some(close)) if !text.contains("tool_call") => {
            let call = format!("<tool_call>\n{}\n", call_json(&text[open + 1..close]));
            format!("{}{call}{}", &text[..open], &text[close + 1..])
        }
        _ => text.to_owned(),
    }
}

#[test]
fn parity_does_what_the_released_client_does() {
    let cases: Cases =
        toml::from_str(include_str!("../../../tests/cases/agent/parity.toml")).unwrap();
    assert!(cases.case.len() >= 20);
    for case in cases.case {
        let grammar = case.grammar.as_deref().unwrap_or("v1");
        let rules = Rules::of(grammar, "parity", "agent", case.n_max.unwrap_or(2), "");
        let rules = if case.edits { rules.editing() } else { rules };
        let says: Vec<String> = case.says.iter().map(|text| spelt(text)).collect();
        let says: Vec<&str> = says.iter().map(String::as_str).collect();
        let (rollout, asks) = play(&rules, &says);
        let seen: Vec<String> = asks
            .iter()
            .filter_map(|ask| match ask {
                Ask::Agent { messages, .. } => Some(format!("A{}", messages.len())),
                Ask::Draw(caption) => Some(format!("D {caption}")),
                Ask::Edit { instruction, picture } => {
                    Some(format!("E {instruction} of {}", picture.digest.0[0]))
                }
                Ask::Nobody => None,
            })
            .collect();
        assert_eq!(seen, case.asks, "{}", case.what);
        assert_eq!(rollout.ended.as_str(), case.ended, "{}", case.what);
        assert_eq!(rollout.pictures().len(), case.pictures, "{}", case.what);
    }
}

fn asked(draw: u32) -> Request {
    Request::Chat(ChatRequest {
        role: "agent".into(),
        model: "m".into(),
        messages: Vec::new(),
        sampling: Sampling::default(),
        schema: None,
        draw,
    })
}

fn drawing(caption: &str, draw: u32) -> Request {
    Request::Image(ImageRequest {
        role: "generator".into(),
        model: "g".into(),
        prompt: caption.into(),
        negative_prompt: None,
        width: 1,
        height: 1,
        steps: None,
        guidance: None,
        seed: 7,
        draw,
        edits: None,
    })
}

fn reply(output: Output) -> Reply {
    Reply {
        output,
        finish: String::new(),
        usage: Usage::default(),
        served: String::new(),
        cost: Default::default(),
        simulated: true,
        attempts: 1,
        latency_ms: 9,
    }
}

#[test]
fn a_refused_call_shifts_no_other_rollout() {
    let rules = Rules::of("v1", "strict", "agent", 3, "");
    let text = |text: String| reply(Output::Text { text, reasoning: String::new() });
    let first = |caption: &str| text(format!("<think>t</think> {}", call(caption)));
    let shown = |n: u8| reply(Output::Image { image: picture(n), blank: false, bytes: None });
    let done = text("<judge>\nyes\n</judge>\n<answer>done</answer>".to_owned());
    // The second turn of the first rollout outgrew the context: nothing of it was journaled.
    let calls = [
        (asked(numbered(0, 0)), first("a")),
        (drawing("a", 0), shown(1)),
        (asked(numbered(1, 0)), first("b")),
        (drawing("b", 1), shown(2)),
        (asked(numbered(1, 1)), done),
    ];
    let of = |number| replay(&rules, "two cats", number, calls.iter().map(|(r, a)| (r, a)));
    let (one, two) = (of(0), of(1));
    assert_eq!((one.ended, one.turns.len(), one.pictures()), (Ended::Refused, 2, vec![picture(1)]));
    assert_eq!((two.ended, two.turns.len(), two.pictures()), (Ended::Answer, 2, vec![picture(2)]));
    assert_eq!((two.turns[0].seed, two.turns[0].draw_ms), (Some(7), 9));
    // A rollout of which nothing is left is no endless loop.
    assert_eq!(of(2).ended, Ended::Refused);
    let lax = Rules::of("v1", "parity", "agent", 3, "");
    assert_eq!(replay(&lax, "two cats", 2, []).ended, Ended::Refused);
}

#[test]
fn rollouts_that_part_after_the_first_picture_are_read_back_whole() {
    let rules = Rules::of("v1", "strict", "agent", 3, "").branching(true);
    let text = |text: String| reply(Output::Text { text, reasoning: String::new() });
    let shown = |n: u8| reply(Output::Image { image: picture(n), blank: false, bytes: None });
    let done = || text("<judge>\nyes\n</judge>\n<answer>done</answer>".to_owned());
    let again = format!("<judge>\nno\n</judge>\n<think>t</think>\n{}", call("b"));
    let first = [
        (asked(numbered(0, 0)), text(format!("<think>t</think> {}", call("a")))),
        (drawing("a", 0), shown(1)),
    ];
    // As a row has them: what is shared stands before each rollout's own.
    let mut calls = first.to_vec();
    calls.push((asked(numbered(0, 1)), done()));
    calls.extend(first);
    calls.push((asked(numbered(1, 1)), text(again)));
    calls.push((drawing("b", 1), shown(2)));
    calls.push((asked(numbered(1, 2)), done()));
    let of = |number| replay(&rules, "two cats", number, calls.iter().map(|(r, a)| (r, a)));
    let (one, two) = (of(0), of(1));
    assert_eq!((one.ended, one.pictures()), (Ended::Answer, vec![picture(1)]));
    assert_eq!((two.ended, two.pictures()), (Ended::Answer, vec![picture(1), picture(2)]));
}

#[test]
fn a_v2_agent_has_its_last_picture_changed_where_something_edits() {
    let edit = |text: &str| {
        let call =
            serde_json::json!({"name": "image_editing_tool", "arguments": {"instruction": text}});
        format!("<tool_call>\n{call}\n</tool_call>")
    };
    let first = format!("<think>t</think> {}", call("one"));
    let change = format!("<think>t</think><judge>no</judge>{}", edit("make it red"));
    let done = "<think>t</think><judge>yes</judge><answer>done</answer>";
    let rules = Rules::of("v2", "strict", "agent", 3, "").editing();
    assert!(rules.system.contains("image_editing_tool"));
    let (rollout, asks) = play(&rules, &[&first, &change, done]);
    let wanted = Ask::Edit { instruction: "make it red".into(), picture: picture(1) };
    assert!(asks.contains(&wanted), "{asks:?}");
    assert_eq!((rollout.ended, rollout.pictures().len()), (Ended::Answer, 2));
    assert!(rollout.is_whole() && rollout.turns[1].edits);
    // Nothing edits, or nothing is there to be edited.
    let without = Rules::of("v2", "strict", "agent", 3, "");
    let (rollout, _) = play(&without, &[&first, &change]);
    assert_eq!((rollout.ended, rollout.turns[1].fault.as_str()), (Ended::Malformed, "wrong_tool"));
    let early = read(rules.grammar, true, &format!("<think>t</think>{}", edit("x")), "");
    assert_eq!(early.fault.map(|f| f.0), Some("wrong_tool"));
}

/// `tests/trainers/verl_rl_check.py` holds the loops to the same lines.
#[test]
fn a_trainers_loop_draws_what_is_called_for_here() {
    for line in include_str!("../../../tests/cases/rl/calls.jsonl").lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let turn = case["turn"].as_str().expect("a turn");
        let called = match read(Grammar::V1, false, turn, "").act {
            Act::Call(call) | Act::Both(call) => Some(call.text),
            Act::Answer | Act::Nothing => None,
        };
        assert_eq!(called.as_deref(), case["caption"].as_str(), "{turn}");
    }
}
