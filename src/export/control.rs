//! What an export does with control tokens in text from outside; which they are, `markup` says.

use crate::markup::{self, Sort};

/// What to do with a control token in text from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ControlTokens {
    /// Put a space behind its `<`: it reads the same and is plain text to every tokenizer.
    #[default]
    Escape,
    /// Leave the whole trajectory out.
    Reject,
}

/// The first thing in `text` that training text may not hold: a control token, or a control
/// character other than newline and tab.
pub fn find(text: &str) -> Option<&str> {
    markup::find(text).or_else(|| markup::control_character(text))
}

/// The first token that may not stand in a system turn: a slot or a special one. Tags may: the
/// system turn explains them.
pub fn find_in_system(text: &str) -> Option<&str> {
    markup::tokens(text).find(|token| token.sort != Sort::Tag).map(|token| token.text)
}

#[cfg(test)]
mod tests {
    use super::{find, find_in_system};

    #[test]
    fn a_system_turn_may_explain_the_tags() {
        assert_eq!(find_in_system("<think> goes first"), None);
        assert_eq!(find_in_system("<think> <image>"), Some("<image>"));
        assert_eq!(find_in_system("a <|im_start|>"), Some("<|im_start|>"));
        assert_eq!(find("<think> goes first"), Some("<think>"));
        assert_eq!(find("a bell\u{7}"), Some("\u{7}"));
    }
}
