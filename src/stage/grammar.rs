//! The tool-call grammar of the released agent (v1): what is well-formed, and what was wrong.

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
    let fault = |code, what: String| Err(Fault { code, what });
    let (thinking, rest) = split_thinking(text, reasoning)?;
    let opens = rest.matches("<tool_call>").count();
    if opens == 0 {
        return fault("no_tool_call", format!("no <tool_call> in {}", quote(rest)));
    }
    if opens > 1 {
        return fault("many_tool_calls", format!("{opens} <tool_call> in one turn"));
    }
    if rest.contains("<answer>") {
        return fault("call_and_answer", "a turn holds both a call and an answer".into());
    }
    let (before, after) = rest.split_once("<tool_call>").unwrap_or((rest, ""));
    let (json, tail) = after.split_once("</tool_call>").unwrap_or((after, ""));
    if !before.trim().is_empty() || !tail.trim().is_empty() {
        let stray = if before.trim().is_empty() { tail } else { before };
        return fault("stray_text", format!("text outside of the tags: {}", quote(stray)));
    }
    let raw: RawCall = match serde_json::from_str(json.trim()) {
        Ok(raw) => raw,
        Err(e) => return fault("bad_json", format!("tool call is not the JSON asked for: {e}")),
    };
    if raw.name != TOOL {
        return fault("wrong_tool", format!("calls `{}`; the tool is `{TOOL}`", clip(&raw.name)));
    }
    let caption = match (raw.arguments.get("caption"), raw.arguments.len()) {
        (Some(serde_json::Value::String(caption)), 1) => caption.trim(),
        _ => {
            let keys: Vec<&str> = raw.arguments.keys().map(String::as_str).collect();
            return fault(
                "wrong_arguments",
                format!("the one argument is a text `caption`; got {}", quote(&keys.join(", "))),
            );
        }
    };
    if caption.is_empty() {
        return fault("empty_caption", "the caption is empty".into());
    }
    if thinking.is_empty() {
        return fault("no_thinking", "no <think> and no reasoning".into());
    }
    if let Some(token) = control_token(&thinking).or_else(|| control_token(caption)) {
        return fault("control_token", format!("text holds `{token}`"));
    }
    Ok(Call { thinking, refined: caption.to_owned() })
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

/// A tag or token that would break the conversation if it stood in a text.
pub fn control_token(text: &str) -> Option<&'static str> {
    const TOKENS: [&str; 16] = [
        "<|",
        "<image>",
        "<video>",
        "<audio>",
        "<think>",
        "</think>",
        "<tool_call>",
        "</tool_call>",
        "<tool_response>",
        "</tool_response>",
        "<judge>",
        "</judge>",
        "<answer>",
        "</answer>",
        "<tools>",
        "</tools>",
    ];
    TOKENS.into_iter().find(|token| text.contains(token))
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
