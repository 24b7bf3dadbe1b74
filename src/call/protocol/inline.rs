//! Thinking in tags: where the pieces of a reply turn from thinking to answer.
//!
//! A tag counts at the head of a field, or of what is left before the answer has begun; later ones are
//! the model's words, which the stages judge. Which fields there are, and what is said twice, is
//! settled before (`assembly`).

use crate::call::protocol::assembly::Piece;

/// What opens and closes thinking within a text.
const TAGS: [(&str, &str); 9] = [
    ("<think>", "</think>"),
    ("<thought>", "</thought>"),
    ("<thinking>", "</thinking>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
];
/// Qwen3 Thinking without a parser opens the tag in its prompt, so that its end comes alone.
const LONE_END: &str = "</think>";

/// A reply taken apart.
#[derive(Debug, Default)]
pub struct Split {
    pub text: String,
    /// All thinking, in the order in which it was said.
    pub thought: String,
    /// Of it, what stood in fields of its own.
    pub field: String,
    /// Of it, what stood in tags within the content.
    pub inline: String,
    /// A tag was met.
    pub tagged: bool,
}

/// Where the walk is.
struct Walk<'a> {
    out: Split,
    /// All pieces in one, so that a tag may be cut over two.
    flat: &'a str,
    at: usize,
    /// The end tag that is awaited.
    open: Option<&'static str>,
    /// A lone end tag would be the answer's own by now.
    closed: bool,
    /// Length of the answer when thinking was last added.
    seen: usize,
}

/// Whether content that stands alone surely holds no thinking.
pub fn is_plain(content: &str) -> bool {
    let head = content.trim_start();
    !TAGS.iter().any(|(tag, _)| head.starts_with(tag)) && !content.contains(LONE_END)
}

/// Takes `pieces` apart; the error says what is not certain.
pub fn split(pieces: &[Piece]) -> Result<Split, String> {
    let flat: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
    let said: String =
        pieces.iter().filter(|p| p.thought.is_none()).map(|p| p.text.as_str()).collect();
    let mut walk =
        Walk { out: Split::default(), flat: &flat, at: 0, open: None, closed: false, seen: 0 };
    let mut end = 0;
    for piece in pieces {
        end += piece.text.len();
        match piece.thought {
            Some(field) => walk.field(end, field, said.trim().is_empty())?,
            None => walk.content(end),
        }
    }
    Ok(walk.out)
}

impl Walk<'_> {
    fn rest(&self, end: usize) -> &str {
        self.flat.get(self.at..end).unwrap_or_default()
    }

    /// Thinking up to `end`.
    fn think(&mut self, end: usize, inline: bool) {
        let rest = self.rest(end).to_owned();
        self.at = self.at.max(end);
        let said = !self.out.text.trim().is_empty() && self.out.text.len() > self.seen;
        let apart = self.out.thought.ends_with("\n\n");
        if said && !self.out.thought.trim().is_empty() && !apart && !rest.is_empty() {
            self.out.thought.push_str("\n\n");
        }
        self.seen = self.out.text.len();
        self.out.thought.push_str(&rest);
        if inline { &mut self.out.inline } else { &mut self.out.field }.push_str(&rest);
    }

    fn say(&mut self, end: usize) {
        let rest = self.rest(end).to_owned();
        self.at = self.at.max(end);
        self.out.text.push_str(&rest);
    }

    /// Steps over a tag at the head of what is left, if there is one.
    fn opens(&mut self, end: usize) -> bool {
        let rest = self.rest(end);
        let head = rest.trim_start();
        let Some((tag, close)) = TAGS.into_iter().find(|(tag, _)| head.starts_with(tag)) else {
            return false;
        };
        self.at += rest.len() - head.len() + tag.len();
        self.open = Some(close);
        self.out.tagged = true;
        true
    }

    /// Where `tag` stands, if it begins before `end`.
    fn find(&self, tag: &str, end: usize) -> Option<usize> {
        let found = self.flat.get(self.at..)?.find(tag)? + self.at;
        (found < end).then_some(found)
    }

    /// Goes on within an open tag; whether it was closed before `end`.
    fn closes(&mut self, end: usize, inline: bool) -> bool {
        let Some(tag) = self.open else { return true };
        let Some(found) = self.find(tag, end) else {
            self.think(end, inline);
            return false;
        };
        self.think(found, inline);
        self.at = found + tag.len();
        self.open = None;
        self.closed = true;
        true
    }

    /// A field of thinking. `alone`: nothing stands in the content.
    fn field(&mut self, end: usize, field: &str, alone: bool) -> Result<(), String> {
        if self.open.is_none() && !self.opens(end) {
            match self.find(LONE_END, end) {
                None => {
                    self.think(end, false);
                    return Ok(());
                }
                Some(_) => {
                    self.open = Some(LONE_END);
                    self.out.tagged = true;
                }
            }
        }
        if self.closes(end, false) && !self.rest(end).trim().is_empty() {
            // Its parser let the answer through; an answer elsewhere would make that doubtful.
            if !alone {
                return Err(format!("`{field}` goes on after the end of the thinking"));
            }
            self.say(end);
        }
        self.at = self.at.max(end);
        Ok(())
    }

    fn content(&mut self, end: usize) {
        while self.at < end {
            if self.open.is_some() {
                self.closes(end, true);
                continue;
            }
            let unsaid = self.out.text.trim().is_empty();
            if unsaid && self.opens(end) {
                continue;
            }
            // Opened further on: an agent judges before it thinks, and such a turn stays whole.
            let lone = |end: usize| !self.flat[self.at..end].contains("<think>");
            if unsaid && !self.closed && self.find(LONE_END, end).is_some_and(lone) {
                self.open = Some(LONE_END);
                self.out.tagged = true;
                continue;
            }
            self.say(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Piece, is_plain, split};
    use proptest::prelude::*;

    fn content() -> impl Strategy<Value = String> {
        let word = prop_oneof![
            Just(" "),
            Just("\n"),
            Just("a"),
            Just("é."),
            Just("<think>"),
            Just("</think>"),
            Just("<thought>"),
            Just("[THINK]"),
            Just("<thi"),
            Just("nk>"),
            Just("</"),
        ];
        proptest::collection::vec(word, 0..8).prop_map(|words| words.concat())
    }

    #[test]
    fn a_tag_further_on_is_the_answers_own() {
        assert!(is_plain(" a <think>b") && is_plain(""));
        assert!(!is_plain(" \n<think>a") && !is_plain("[THINK]") && !is_plain("a</think>b"));
    }

    proptest! {
        #[test]
        fn what_is_plain_holds_no_thinking(text in content()) {
            let whole = split(&[Piece { thought: None, text: text.clone() }]).unwrap();
            if is_plain(&text) {
                prop_assert_eq!((whole.text, whole.thought, whole.tagged), (text, String::new(), false));
            }
        }
    }
}
