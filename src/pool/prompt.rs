//! What a prompt must be, whatever the format: there, bounded, and free of the trajectory's grammar.

use crate::pool::{BadKind, Options};

/// Tags of the trajectory's grammar, which may not come in by a prompt (sources.md, rule 4).
const GRAMMAR: [&str; 15] = [
    "<image>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
    "<judge>",
    "</judge>",
    "<answer>",
    "</answer>",
    "<video>",
    "<audio>",
    "<|im_",
    "<|vision_",
];

/// The prompt of a row's text, or why it has none.
pub fn prompt(text: Option<&str>, options: &Options) -> Result<String, (BadKind, String)> {
    let text = text.unwrap_or("").trim();
    if text.is_empty() {
        let names = options.fields.prompt_names().join("`, `");
        let why = format!("the row has no prompt (looked for `{names}`)");
        return Err((BadKind::NoPrompt, why));
    }
    let length = text.chars().count();
    if length > options.max_chars {
        let why = format!("{length} characters; at most {} are taken", options.max_chars);
        return Err((BadKind::PromptTooLong, why));
    }
    let lower = text.to_lowercase();
    if let Some(tag) = GRAMMAR.iter().find(|tag| lower.contains(*tag)) {
        let why = format!("the prompt holds `{tag}`, which trajectories are written with");
        return Err((BadKind::GrammarTag, why));
    }
    Ok(text.to_owned())
}
