//! What a prompt must be, whatever the format: there, bounded, and free of the trajectory's grammar.

use crate::markup;
use crate::pool::{BadKind, SourceOptions};

/// The prompt of a row's text, or why it has none.
///
/// `unread` is what the row has in its place.
pub fn prompt(
    text: Option<&str>,
    unread: Option<&str>,
    options: &SourceOptions,
) -> Result<String, (BadKind, String)> {
    let text = text.unwrap_or("").trim();
    if text.chars().all(is_unseen) {
        return Err((BadKind::NoPrompt, absent(text, unread, options)));
    }
    if let Some(odd) = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        let why = format!("the prompt holds the control character U+{:04X}", u32::from(odd));
        return Err((BadKind::Encoding, why));
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

/// White space and characters of no width, which may stand within a prompt (emoji are joined by one).
fn is_unseen(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}' | '\u{180e}')
        || matches!(c, '\u{fe00}'..='\u{fe0f}')
}

fn absent(text: &str, unread: Option<&str>, options: &SourceOptions) -> String {
    if !text.is_empty() {
        return "the prompt is of characters that are not seen".to_owned();
    }
    let names = options.fields.prompt_names();
    let more = if names.len() > 4 { ", …" } else { "" };
    let names = names[..names.len().min(4)].join("`, `");
    let there = unread.map(|there| format!("; {there}")).unwrap_or_default();
    format!(
        "the row has no prompt{there} (looked for `{names}`{more}; `--field prompt=…` names another)"
    )
}
