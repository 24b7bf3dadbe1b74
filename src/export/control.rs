//! Control tokens: strings that a trainer's tokenizer or loader takes for structure, and what is
//! done when a prompt or a model's text holds one.
//!
//! Not here: the tags that `conversation` itself writes. The one idea: text from outside never
//! opens or closes a turn, a tag or an image slot, whatever it says.

use std::borrow::Cow;

/// The loaders' media slots (LLaMAFactory, verl, ms-swift) and ms-swift's inline markers.
pub const SLOTS: &[&str] = &[
    "<image>",
    "<video>",
    "<audio>",
    "<img>",
    "</img>",
    "<bbox>",
    "<ref-object>",
    "<cot-process>",
    "<start-image>",
];

/// The grammar's own tags.
pub const TAGS: &[&str] = &[
    "<tool_response>",
    "</tool_response>",
    "<tool_call>",
    "</tool_call>",
    "<tools>",
    "</tools>",
    "<think>",
    "</think>",
    "<judge>",
    "</judge>",
    "<answer>",
    "</answer>",
];

/// What to do with a control token in text from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ControlTokens {
    /// Put a space behind its `<`: it reads the same and is plain text to every tokenizer.
    #[default]
    Escape,
    /// Leave the whole trajectory out.
    Reject,
}

/// The first control token of `text`: one of `SLOTS` or `TAGS`, any `<|…|>` of at most 64 bytes, or
/// a control character other than newline and tab.
pub fn find(text: &str) -> Option<&str> {
    text.char_indices().find_map(|(at, c)| token_at(&text[at..], c))
}

/// The first token that may not stand in a system turn: a slot or a `<|…|>`. Tags may: the system
/// turn explains them.
pub fn find_in_system(text: &str) -> Option<&str> {
    let mut tokens = text.match_indices('<').filter_map(|(at, _)| token_at(&text[at..], '<'));
    tokens.find(|token| !TAGS.contains(token))
}

/// `text` with every control token broken, and how many there were.
pub fn escape(text: &str) -> (Cow<'_, str>, usize) {
    if find(text).is_none() {
        return (Cow::Borrowed(text), 0);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut count = 0;
    for (at, c) in text.char_indices() {
        match token_at(&text[at..], c) {
            Some(_) if c == '<' => out.push_str("< "),
            Some(_) => out.push(' '),
            None => {
                out.push(c);
                continue;
            }
        }
        count += 1;
    }
    (Cow::Owned(out), count)
}

/// The control token that `rest` (which opens with `first`) begins with.
fn token_at(rest: &str, first: char) -> Option<&str> {
    if first != '<' {
        let bad = first.is_control() && !matches!(first, '\n' | '\t');
        return bad.then(|| &rest[..first.len_utf8()]);
    }
    if let Some(token) = SLOTS.iter().chain(TAGS).find(|token| rest.starts_with(**token)) {
        return Some(&rest[..token.len()]);
    }
    let inner = rest.strip_prefix("<|")?;
    let end = inner.find("|>").filter(|end| *end <= 64)?;
    Some(&rest[..end + 4])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tokens_are_found_and_broken() {
        assert_eq!(find("a <|im_end|> b"), Some("<|im_end|>"));
        assert_eq!(find("x < y and <b>bold</b>"), None);
        assert_eq!(escape("see <image>\u{7}"), ("see < image> ".into(), 2));
        assert_eq!(find_in_system("<think> goes first"), None);
        assert_eq!(find_in_system("<think> <image>"), Some("<image>"));
        assert_eq!(find_in_system("a <|im_start|>"), Some("<|im_start|>"));
    }

    proptest! {
        #[test]
        fn escaped_text_holds_no_token(parts in prop::collection::vec(
            prop_oneof![
                prop::sample::select(TAGS).prop_map(str::to_string),
                prop::sample::select(SLOTS).prop_map(str::to_string),
                "(<\\|)?[a-z_<|>]{0,6}(\\|>)?",
                "\\PC{0,5}",
            ], 0..8)) {
            let text = parts.concat();
            let (out, count) = escape(&text);
            prop_assert_eq!(find(&out), None);
            prop_assert_eq!(count == 0, out == text);
            prop_assert_eq!(escape(&out).1, 0);
        }
    }
}
