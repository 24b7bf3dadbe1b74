//! A turn of an agent, read strictly: what it does, and the first thing that breaks its grammar.
//!
//! A fault does not hide what can be done with the turn: a call that can be run is run, so that a
//! stray word costs a count and not the rollout.

use crate::stage::agent::Grammar;
use crate::stage::grammar::{EDITING_TOOL, TOOL, clip};
use serde_json::Value;

/// What a turn does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    Call(ToolCall),
    Answer,
    /// A call and an answer in one turn.
    Both(ToolCall),
    /// Nothing that can be done.
    Nothing,
}

/// A call that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// A caption to draw, or how the last picture is to be changed.
    pub text: String,
    /// It is the editing tool that is called.
    pub edits: bool,
}

impl ToolCall {
    /// A call that draws anew.
    pub fn drawing(text: impl Into<String>) -> ToolCall {
        ToolCall { text: text.into(), edits: false }
    }
}

/// A turn taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub act: Act,
    pub thinking: Option<String>,
    pub judgement: Option<String>,
    /// A stable code, and what is wrong in words.
    pub fault: Option<(&'static str, String)>,
}

const TAGS: [&str; 4] = ["think", "judge", "tool_call", "answer"];

struct Parts<'a> {
    /// Tag and what it holds, in order.
    found: Vec<(&'static str, &'a str)>,
    fault: Option<(&'static str, String)>,
}

/// Reads a turn; `first`: no picture has come back yet. `thought` is thinking that the server gave
/// apart where a turn may not begin with it.
pub fn read(grammar: Grammar, first: bool, text: &str, thought: &str) -> Seen {
    let Parts { found, fault } = parts(text);
    let all =
        |tag: &'static str| found.iter().filter(move |(t, _)| *t == tag).map(|(_, inner)| *inner);
    // There is nothing to edit before the first picture.
    let edits = grammar == Grammar::V2 { edits: true } && !first;
    let calls: Vec<Result<ToolCall, (&'static str, String)>> =
        all("tool_call").map(|json| tool_call(json, edits)).collect();
    let runs = calls.iter().find_map(|call| call.as_ref().ok().cloned());
    let act = match (runs, all("answer").next()) {
        (Some(call), None) => Act::Call(call),
        (Some(call), Some(_)) => Act::Both(call),
        (None, Some(_)) => Act::Answer,
        (None, None) => Act::Nothing,
    };
    let thinking = all("think").next().map(str::trim).map(str::to_owned);
    let thinking = thinking.or_else(|| Some(thought.trim().to_owned()).filter(|t| !t.is_empty()));
    let judgement = all("judge").next().map(str::trim).map(str::to_owned);
    let kinds: Vec<&str> = found.iter().map(|(tag, _)| *tag).collect();
    let fault = fault
        .or_else(|| calls.iter().find_map(|call| call.as_ref().err().cloned()))
        .or_else(|| order(grammar, first, &kinds, !thought.trim().is_empty()))
        .or_else(|| inside(&found));
    Seen { act, thinking, judgement, fault }
}

/// Tags at the top of the text, one after the other.
fn parts(text: &str) -> Parts<'_> {
    let mut out = Parts { found: Vec::new(), fault: None };
    let mut rest = text.trim();
    while !rest.is_empty() {
        let opened =
            TAGS.iter().filter_map(|tag| Some((rest.find(&format!("<{tag}>"))?, *tag))).min();
        let Some((at, tag)) = opened else {
            out.stray(rest);
            break;
        };
        out.stray(&rest[..at]);
        let inner = &rest[at + tag.len() + 2..];
        let close = format!("</{tag}>");
        match inner.find(&close) {
            Some(end) => {
                out.found.push((tag, &inner[..end]));
                rest = inner[end + close.len()..].trim_start();
            }
            // Clients stop at the closing tag, and servers leave it out.
            None if tag == "tool_call" => {
                out.found.push((tag, inner));
                break;
            }
            None => {
                let code = if tag == "think" { "unclosed_think" } else { "unclosed_tag" };
                out.fault.get_or_insert((code, format!("<{tag}> is never closed")));
                out.found.push((tag, inner));
                break;
            }
        }
    }
    out
}

impl Parts<'_> {
    fn stray(&mut self, text: &str) {
        if !text.trim().is_empty() {
            let what = format!("text outside of the tags: “{}”", clip(text));
            self.fault.get_or_insert(("stray_text", what));
        }
    }
}

/// A call of one of the tools; Err says what is wrong with it.
fn tool_call(json: &str, edits: bool) -> Result<ToolCall, (&'static str, String)> {
    let call: Value = serde_json::from_str(json.trim())
        .map_err(|e| ("bad_json", format!("the call is not JSON: {e}")))?;
    let name = call["name"].as_str().unwrap_or_default();
    let edits = match name {
        TOOL => false,
        EDITING_TOOL if edits => true,
        _ => return Err(("wrong_tool", format!("calls `{}`; the tool is `{TOOL}`", clip(name)))),
    };
    let argument = if edits { "instruction" } else { "caption" };
    let wrong = || ("wrong_arguments", format!("the one argument is a text `{argument}`"));
    let arguments = call["arguments"].as_object().filter(|all| all.len() == 1).ok_or_else(wrong)?;
    let text = arguments.get(argument).and_then(Value::as_str).ok_or_else(wrong)?.trim();
    match text {
        "" => Err(("empty_caption", format!("the {argument} is empty"))),
        text => Ok(ToolCall { text: text.to_owned(), edits }),
    }
}

/// Whether the tags are those of a turn, in its order.
fn order(
    grammar: Grammar,
    first: bool,
    kinds: &[&str],
    thought: bool,
) -> Option<(&'static str, String)> {
    let v2 = grammar.is_v2();
    let forms: &[&[&str]] = match (first, v2) {
        (true, _) => &[&["think", "tool_call"]],
        (false, false) => &[&["judge", "answer"], &["judge", "think", "tool_call"]],
        (false, true) => &[&["think", "judge", "answer"], &["think", "judge", "tool_call"]],
    };
    let fits = |form: &&&[&str]| {
        let bare: Vec<&str> = form.iter().copied().filter(|tag| *tag != "think").collect();
        kinds == **form || (thought && kinds == bare)
    };
    if forms.iter().any(|form| fits(&form)) {
        return None;
    }
    let count = |tag: &str| kinds.iter().filter(|t| **t == tag).count();
    let said = |code, what: &str| Some((code, what.to_owned()));
    match (count("tool_call"), count("answer")) {
        (0, 0) if first => {
            said("no_tool_call", "neither thinking and a call, nor anything to draw")
        }
        (0, 0) => said("no_tool_call", "neither a call nor an answer"),
        (0, _) if first => said("early_answer", "an answer before any picture"),
        (1.., 1..) => said("call_and_answer", "a call and an answer in one turn"),
        (2.., _) => said("many_tool_calls", "more than one call"),
        (0, 2..) => said("many_answers", "more than one answer"),
        _ if !first && count("judge") == 0 => {
            said("no_judge", "a picture came back and was not judged")
        }
        (1, _) if count("think") == 0 && !thought => said("no_thinking", "a call without thinking"),
        _ => said("tag_order", &format!("tags in another order: {}", kinds.join(", "))),
    }
}

/// Texts hold no tag of the grammar, and the parts that a reader needs are not empty.
fn inside(found: &[(&'static str, &str)]) -> Option<(&'static str, String)> {
    for (tag, text) in found {
        if *tag == "answer" && text.trim() != "done" {
            return Some(("wrong_answer", format!("answers “{}”", clip(text))));
        }
        if let Some(token) = crate::markup::find(text) {
            return Some(("control_token", format!("<{tag}> holds `{token}`")));
        }
        if text.trim().is_empty() {
            return Some(("empty_text", format!("<{tag}> is empty")));
        }
    }
    None
}
