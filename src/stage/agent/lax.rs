//! A turn as the released clients read it: by searching for tags, wherever they stand.

use crate::stage::agent::{Act, Grammar, ToolCall};
use crate::stage::grammar::{EDITING_TOOL, TOOL};
use serde_json::Value;

/// What the client makes of a turn; Err where it raises, which ends the attempt.
pub fn act(grammar: Grammar, text: &str) -> Result<Act, String> {
    let done = match grammar {
        Grammar::V2 { .. } => text.contains("<answer>done</answer>"),
        Grammar::V1 | Grammar::Native => text.contains("</answer>"),
    };
    let call = match text.split("<tool_call>").nth(1) {
        Some(inner) => Some(tool_call(grammar, inner.split("</tool_call>").next().unwrap_or(""))?),
        None => None,
    };
    Ok(match (call, done) {
        (Some(call), false) => Act::Call(call),
        (Some(call), true) => Act::Both(call),
        (None, true) => Act::Answer,
        (None, false) => Act::Nothing,
    })
}

/// v1 never looks at the name and needs a caption; v2 looks at it and takes a missing caption for
/// an empty one.
fn tool_call(grammar: Grammar, json: &str) -> Result<ToolCall, String> {
    let call = serde_json::from_str::<Value>(json.trim());
    let call = match call {
        Ok(call) => call,
        Err(_) if grammar.is_v2() => {
            python(json).ok_or("the call is neither JSON nor a literal")?
        }
        Err(error) => return Err(format!("the call is not JSON: {error}")),
    };
    let argument = |name: &str| call["arguments"][name].as_str().map(str::to_owned);
    match (grammar, call["name"].as_str().unwrap_or_default()) {
        (Grammar::V1 | Grammar::Native, _) => argument("caption")
            .map(ToolCall::drawing)
            .ok_or_else(|| "no `arguments.caption`".to_owned()),
        (Grammar::V2 { .. }, TOOL) => {
            Ok(ToolCall::drawing(argument("caption").unwrap_or_default()))
        }
        (Grammar::V2 { edits: true }, EDITING_TOOL) => {
            Ok(ToolCall { text: argument("instruction").unwrap_or_default(), edits: true })
        }
        (Grammar::V2 { .. }, name) => Err(format!("`{name}` cannot be called here")),
    }
}

/// A Python literal of dictionaries and texts in single quotes, as JSON.
fn python(literal: &str) -> Option<Value> {
    let mut out = String::with_capacity(literal.len());
    let mut quote = None;
    let mut chars = literal.trim().chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\'' | '"', None) => {
                quote = Some(c);
                out.push('"');
            }
            (c, Some(open)) if c == open => {
                quote = None;
                out.push('"');
            }
            ('"', Some(_)) => out.push_str("\\\""),
            ('\\', Some(_)) => match chars.next()? {
                '\'' => out.push('\''),
                other => out.extend(['\\', other]),
            },
            (c, _) => out.push(c),
        }
    }
    serde_json::from_str(&out).ok()
}
