//! What a prompt must be, whatever the format: there, bounded, and free of the trajectory's grammar.

use crate::markup;
use crate::pool::{BadKind, Options};

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
    // A prompt may not bring the trajectory's grammar in.
    if let Some(tag) = markup::find(text) {
        let why = format!("the prompt holds `{tag}`, which trajectories are written with");
        return Err((BadKind::GrammarTag, why));
    }
    Ok(text.to_owned())
}
