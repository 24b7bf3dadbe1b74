//! The tool-call grammar of the released agent (v1): what is well-formed, and what was wrong.

use crate::markup;
use crate::text::json;
use serde_json::Value;

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

impl Fault {
    /// The code of a judgement whose words conclude otherwise than its answers.
    pub const CONTRADICTION: &str = "contradiction";
}

impl From<String> for Fault {
    /// Of a reply without the JSON that was asked for.
    fn from(what: String) -> Fault {
        Fault { code: "unreadable", what }
    }
}

/// The tool's name in a call.
pub const TOOL: &str = "image_generation_tool";

/// The later release's second tool: changes the last picture.
pub const EDITING_TOOL: &str = "image_editing_tool";

/// Reads `<think>T</think> <tool_call>{…}</tool_call>`, leniently. T may instead come as the server's
/// `reasoning`. Exactly one call, one string argument `caption`, no answer and no judge turn. Forgiven is
/// what cannot mean anything else: a missing closing `</tool_call>` (clients stop on it and the server
/// strips it), a fence inside the tags, slips of JSON (`text::json`), arguments as a string, the call
/// without its tags when it is all there is, and one sentence after it, which is left out.
pub fn parse_call(text: &str, reasoning: &str) -> Result<Call, Fault> {
    let (thinking, rest) = split_thinking(text, reasoning)?;
    let thinking = broken_tags(&thinking);
    let refined = caption(&only_call(rest)?)?;
    if thinking.is_empty() {
        return Err(fault("no_thinking", "no <think> and no reasoning"));
    }
    if let Some(token) = markup::find(&thinking).or_else(|| markup::find(&refined)) {
        return Err(fault("control_token", format!("text holds `{token}`")));
    }
    Ok(Call { thinking, refined })
}

/// Thinking that speaks of the protocol's tags (its own request does) is no markup: their brackets
/// become typographic ones. Tokens of chat templates stay, and are a fault.
fn broken_tags(text: &str) -> String {
    const TAGS: [&str; 6] = ["think", "tool_call", "tool_response", "judge", "answer", "tools"];
    let mut out = text.to_owned();
    if !text.contains('<') {
        return out;
    }
    for tag in TAGS {
        for slash in ["", "/"] {
            out = out.replace(&format!("<{slash}{tag}>"), &format!("‹{slash}{tag}›"));
        }
    }
    out
}

fn fault(code: &'static str, what: impl Into<String>) -> Fault {
    Fault { code, what: what.into() }
}

/// The object of the turn's one call.
fn only_call(rest: &str) -> Result<Value, Fault> {
    let opens = rest.matches("<tool_call>").count();
    if opens > 1 {
        return Err(fault("many_tool_calls", format!("{opens} <tool_call> in one turn")));
    }
    if rest.contains("<answer>") {
        return Err(fault("call_and_answer", "a turn holds both a call and an answer"));
    }
    let Some((before, after)) = rest.split_once("<tool_call>") else { return bare_call(rest) };
    let (json, tail) = after.split_once("</tool_call>").unwrap_or((after, ""));
    if !before.trim().is_empty() || !is_one_sentence(tail) {
        let stray = if before.trim().is_empty() { tail } else { before };
        return Err(fault("stray_text", format!("text outside of the tags: {}", quote(stray))));
    }
    let what = |e| fault("bad_json", format!("the tool call is not the JSON asked for: {e}"));
    let mut objects = json::objects(json).map_err(what)?;
    match (objects.pop(), objects.len()) {
        (Some(call), 0) => Ok(call),
        (_, more) => Err(fault("many_tool_calls", format!("{} calls in one turn", more + 1))),
    }
}

/// A call without its tags: the only object, of the tool's name, with nothing before it.
fn bare_call(rest: &str) -> Result<Value, Fault> {
    let none = || fault("no_tool_call", format!("no <tool_call> in {}", quote(rest)));
    let bare = rest.trim().trim_start_matches("```json").trim_start_matches("```").trim_start();
    if !bare.starts_with('{') {
        return Err(none());
    }
    let mut objects = json::objects(bare).map_err(|_| none())?;
    let named = |call: &Value| call["name"] == TOOL && !call["arguments"].is_null();
    let tail = bare.rsplit('}').next().unwrap_or_default().trim().trim_start_matches("```");
    match (objects.pop().filter(named), objects.len()) {
        (Some(call), 0) if is_one_sentence(tail) => Ok(call),
        (Some(_), 1..) => Err(fault("many_tool_calls", "more than one call in one turn")),
        _ => Err(none()),
    }
}

/// Nothing, or one sentence without markup.
fn is_one_sentence(tail: &str) -> bool {
    let tail = tail.trim();
    let ends = tail.trim_end_matches(['.', '!', '?']).matches(['.', '!', '?', '\n']).count();
    ends == 0 && tail.chars().count() <= 160 && !tail.contains(['<', '{', '>', '}'])
}

fn caption(call: &Value) -> Result<String, Fault> {
    let name = call["name"].as_str().unwrap_or_default();
    if name.is_empty() {
        return Err(fault("bad_json", "the tool call is not the JSON asked for: it has no `name`"));
    }
    if name != TOOL {
        return Err(fault("wrong_tool", format!("calls `{}`; the tool is `{TOOL}`", clip(name))));
    }
    let read = |text: &str| json::objects(text).ok().filter(|o| o.len() == 1)?.pop();
    let given = match &call["arguments"] {
        Value::String(text) => read(text).unwrap_or_default(),
        other => other.clone(),
    };
    let arguments = given.as_object().cloned().unwrap_or_default();
    match (arguments.get("caption"), arguments.len()) {
        (Some(Value::String(caption)), 1) if caption.trim().is_empty() => {
            Err(fault("empty_caption", "the caption is empty"))
        }
        (Some(Value::String(caption)), 1) => Ok(caption.trim().to_owned()),
        _ => {
            let keys: Vec<&str> = arguments.keys().map(String::as_str).collect();
            let keys = quote(&keys.join(", "));
            let what = format!("the one argument is a text `caption`; got {keys}");
            Err(fault("wrong_arguments", what))
        }
    }
}

/// The thinking ends at the last `</think>` before the call: it may speak of the tag itself.
fn split_thinking<'a>(text: &'a str, reasoning: &str) -> Result<(String, &'a str), Fault> {
    let text = text.trim();
    match text.rsplit_once("</think>") {
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
        assert_eq!(code(&format!("<think>a</think>{call} bye")), "fine");
        assert_eq!(code(&format!("<think>a</think>{call} One. Two.")), "stray_text");
        assert_eq!(code(&format!("<think>a</think>Now: {call}")), "stray_text");
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

    #[test]
    fn what_can_mean_one_thing_only_is_read() {
        let name = "\"name\": \"image_generation_tool\"";
        for call in [
            format!("<tool_call>{{{name}, \"arguments\": {{\"caption\": \"x\",}},}}</tool_call>"),
            format!("<tool_call>```json\n{{{name}, \"arguments\": {{\"caption\": \"x\"}}}}\n```</tool_call>"),
            format!("<tool_call>{{{name}, \"arguments\": \"{{\\\"caption\\\": \\\"x\\\"}}\"}}</tool_call>"),
            "<tool_call>{“name”: “image_generation_tool”, “arguments”: {“caption”: “x”}}</tool_call>"
                .to_owned(),
            format!("{{{name}, \"arguments\": {{\"caption\": \"x\"}}}}"),
            format!("```json\n{{{name}, \"arguments\": {{\"caption\": \"x\"}}}}\n```"),
        ] {
            let read = parse_call(&format!("<think>a</think>{call}"), "").expect("read");
            assert_eq!(read.refined, "x", "{call}");
        }
        let lines = format!(
            "<think>I close with </think> and open <tool_call>.</think><tool_call>{{{name}, \
             \"arguments\": {{\"caption\": \"x\ny\"}}}}</tool_call>"
        );
        let read = parse_call(&lines, "").expect("read");
        assert_eq!(read.thinking, "I close with ‹/think› and open ‹tool_call›.");
        assert_eq!(read.refined, "x\ny");
        let other = "<think>a</think>{\"name\": \"other\", \"arguments\": {\"caption\": \"x\"}}";
        assert_eq!(code(other), "no_tool_call");
    }
}
