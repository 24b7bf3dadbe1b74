//! The tool-call grammar of the released agent (v1): what is well-formed, and what was wrong.

use crate::markup;
use serde::Deserialize;

/// T and P of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub thinking: String,
    pub refined: String,
}

/// What was wrong with a turn; `code` is the drop reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub code: &'static str,
    pub what: String,
}

impl From<String> for Fault {
    /// Of a reply without the JSON that was asked for.
    fn from(what: String) -> Fault {
        Fault { code: "unreadable", what }
    }
}

/// The tool's name in a call.
pub const TOOL: &str = "image_generation_tool";

#[derive(Deserialize)]
struct RawCall {
    name: String,
    arguments: serde_json::Map<String, serde_json::Value>,
}

/// Reads `<think>T</think> <tool_call>{…}</tool_call>`. T may instead come as the server's
/// `reasoning`. Exactly one call, one string argument `caption`, no answer, no judge turn, no
/// text after the call. A missing closing `</tool_call>` at the very end is forgiven: clients stop
/// on it and the server strips it.
pub fn parse_call(text: &str, reasoning: &str) -> Result<Call, Fault> {
    let (thinking, rest) = split_thinking(text, reasoning)?;
    let refined = caption(only_call(rest)?)?;
    if thinking.is_empty() {
        return Err(fault("no_thinking", "no <think> and no reasoning"));
    }
    if let Some(token) = markup::find(&thinking).or_else(|| markup::find(&refined)) {
        return Err(fault("control_token", format!("text holds `{token}`")));
    }
    Ok(Call { thinking, refined })
}

fn fault(code: &'static str, what: impl Into<String>) -> Fault {
    Fault { code, what: what.into() }
}

/// The JSON of the turn's one call.
fn only_call(rest: &str) -> Result<&str, Fault> {
    let opens = rest.matches("<tool_call>").count();
    if opens == 0 {
        return Err(fault("no_tool_call", format!("no <tool_call> in {}", quote(rest))));
    }
    if opens > 1 {
        return Err(fault("many_tool_calls", format!("{opens} <tool_call> in one turn")));
    }
    if rest.contains("<answer>") {
        return Err(fault("call_and_answer", "a turn holds both a call and an answer"));
    }
    let (before, after) = rest.split_once("<tool_call>").unwrap_or((rest, ""));
    let (json, tail) = after.split_once("</tool_call>").unwrap_or((after, ""));
    if !before.trim().is_empty() || !tail.trim().is_empty() {
        let stray = if before.trim().is_empty() { tail } else { before };
        return Err(fault("stray_text", format!("text outside of the tags: {}", quote(stray))));
    }
    Ok(json)
}

fn caption(json: &str) -> Result<String, Fault> {
    let raw: RawCall = serde_json::from_str(json.trim())
        .map_err(|e| fault("bad_json", format!("tool call is not the JSON asked for: {e}")))?;
    if raw.name != TOOL {
        let what = format!("calls `{}`; the tool is `{TOOL}`", clip(&raw.name));
        return Err(fault("wrong_tool", what));
    }
    match (raw.arguments.get("caption"), raw.arguments.len()) {
        (Some(serde_json::Value::String(caption)), 1) if caption.trim().is_empty() => {
            Err(fault("empty_caption", "the caption is empty"))
        }
        (Some(serde_json::Value::String(caption)), 1) => Ok(caption.trim().to_owned()),
        _ => {
            let keys: Vec<&str> = raw.arguments.keys().map(String::as_str).collect();
            let keys = quote(&keys.join(", "));
            let what = format!("the one argument is a text `caption`; got {keys}");
            Err(fault("wrong_arguments", what))
        }
    }
}

fn split_thinking<'a>(text: &'a str, reasoning: &str) -> Result<(String, &'a str), Fault> {
    let text = text.trim();
    match text.split_once("</think>") {
        Some((head, rest)) => {
            let head = head.trim_start();
            let thinking = head.strip_prefix("<think>").unwrap_or(head);
            Ok((thinking.trim().to_owned(), rest))
        }
        None if text.contains("<think>") => {
            Err(Fault { code: "unclosed_think", what: "<think> is never closed".into() })
        }
        None => Ok((reasoning.trim().to_owned(), text)),
    }
}

/// At most 80 characters, for evidence.
pub fn clip(text: &str) -> String {
    let mut out: String = text.trim().chars().take(80).collect();
    if text.trim().chars().nth(80).is_some() {
        out.push('…');
    }
    out
}

fn quote(text: &str) -> String {
    format!("“{}”", clip(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        parse_call(text, "").map_or_else(|f| f.code, |_| "fine")
    }

    #[test]
    fn the_released_form_is_read() {
        let text = "<think>Three cats.</think> <tool_call>\n{\"name\": \"image_generation_tool\", \
                    \"arguments\": {\"caption\": \"three cats\"}}\n</tool_call>";
        let call = parse_call(text, "ignored").expect("well-formed");
        assert_eq!(call, Call { thinking: "Three cats.".into(), refined: "three cats".into() });
        let bare = text.split_once("</think> ").map_or("", |(_, rest)| rest);
        assert_eq!(
            parse_call(bare, "From the server.").expect("well-formed").thinking,
            "From the server."
        );
    }

    #[test]
    fn each_fault_has_its_name() {
        let call = "<tool_call>{\"name\": \"image_generation_tool\", \"arguments\": {\"caption\": \"x\"}}</tool_call>";
        assert_eq!(code("<think>a</think>"), "no_tool_call");
        assert_eq!(code("<think>a"), "unclosed_think");
        assert_eq!(code(call), "no_thinking");
        assert_eq!(code(&format!("<think>a</think>{call}{call}")), "many_tool_calls");
        assert_eq!(code(&format!("<think>a</think>{call} bye")), "stray_text");
        assert_eq!(
            code(&format!("<think>a</think>{call}<answer>done</answer>")),
            "call_and_answer"
        );
        assert_eq!(
            code(&format!("<think>a</think>{}", call.replace("caption", "prompt"))),
            "wrong_arguments"
        );
        assert_eq!(
            code(&format!("<think>a</think>{}", call.replace("\"x\"", "\" \""))),
            "empty_caption"
        );
        assert_eq!(
            code(&format!("<think>a</think>{}", call.replace("image_g", "g"))),
            "wrong_tool"
        );
        assert_eq!(code(&format!("<think>a</think>{}", call.replace("}}", "}"))), "bad_json");
        assert_eq!(code(&format!("<think>a <|im_end|></think>{call}")), "control_token");
    }
}
