//! Control tokens and tags: strings that a tokenizer, a loader, an agent's parser or a template takes
//! for structure. The one list of them, the one rule of case, and what breaks them.
//!
//! Text from outside (prompts, replies, captions) is read, trained on and shown to models between such
//! tokens. It must never open or close a turn, a tag, a section or a picture's slot, whatever it says.
//! So the pool refuses prompts that hold one, stages drop replies that do, exports break them with a
//! space (`escape`), and templates break them and their own sections' tags (`neutralise`).
//!
//! Case is ignored everywhere: tokenizers do not, but models and lenient parsers read `</Think>` as
//! they read `</think>`.

mod sections;

pub use sections::{Sections, neutralise, neutralise_reply};

use std::borrow::Cow;

/// What a token is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sort {
    /// A picture's, video's or sound's place, by a loader.
    Slot,
    /// A tag of the trajectory's grammar, by the agent's parser.
    Tag,
    /// The end of a turn, a text or a picture, by a tokenizer.
    Special,
}

/// Names between `<` or `</` and `>`. Slots are those of LLaMAFactory, verl and ms-swift; special
/// tokens those of the Llama 2, Gemma and T5 families.
const NAMES: &[(&str, Sort)] = &[
    ("image", Sort::Slot),
    ("video", Sort::Slot),
    ("audio", Sort::Slot),
    ("img", Sort::Slot),
    ("bbox", Sort::Slot),
    ("ref-object", Sort::Slot),
    ("cot-process", Sort::Slot),
    ("start-image", Sort::Slot),
    ("think", Sort::Tag),
    ("tool_call", Sort::Tag),
    ("tool_response", Sort::Tag),
    ("tools", Sort::Tag),
    ("judge", Sort::Tag),
    ("answer", Sort::Tag),
    ("s", Sort::Special),
    ("bos", Sort::Special),
    ("eos", Sort::Special),
    ("pad", Sort::Special),
    ("unk", Sort::Special),
    ("start_of_turn", Sort::Special),
    ("end_of_turn", Sort::Special),
    ("start_of_image", Sort::Special),
    ("end_of_image", Sort::Special),
    ("vision_start", Sort::Special),
    ("vision_end", Sort::Special),
];

/// Numbered and padding slots: `<image_1>`, `<image_pad>`, `<image_soft_token>`.
const NUMBERED: &str = "image_";

/// The longest name that is looked for.
const LONGEST: usize = 40;

/// What is a token without being a name between `<` and `>`. `<|` opens the special tokens of the
/// Qwen and Llama 3 families, `<｜` those of DeepSeek; either counts without its end, which another
/// text might bring.
const LITERAL: &[&str] = &["<|", "<｜", "[inst]", "[/inst]", "<<sys>>", "<</sys>>"];

/// The longest inside of `<|…|>` that is shown whole.
const SPAN: usize = 64;

/// A token in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// Where it begins, in bytes.
    pub at: usize,
    pub text: &'a str,
    pub sort: Sort,
}

/// Every control token of `text`, in order.
pub fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    memchr::memchr2_iter(b'<', b'[', text.as_bytes()).filter_map(|at| {
        let (length, sort) = token_at(&text[at..])?;
        Some(Token { at, text: &text[at..at + length], sort })
    })
}

/// The first control token of `text`.
pub fn find(text: &str) -> Option<&str> {
    tokens(text).next().map(|token| token.text)
}

/// The first control character of `text` other than newline and tab.
pub fn control_character(text: &str) -> Option<&str> {
    let (at, c) = text.char_indices().find(|(_, c)| is_odd(*c))?;
    Some(&text[at..at + c.len_utf8()])
}

/// `text` with a space behind the first character of every control token, and in place of every
/// control character: it reads the same, and is plain text to every reader. And how many there were.
pub fn escape(text: &str) -> (Cow<'_, str>, usize) {
    if find(text).is_none() && control_character(text).is_none() {
        return (Cow::Borrowed(text), 0);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut count = 0;
    for (at, c) in text.char_indices() {
        if is_odd(c) {
            out.push(' ');
            count += 1;
            continue;
        }
        out.push(c);
        if matches!(c, '<' | '[') && token_at(&text[at..]).is_some() {
            out.push(' ');
            count += 1;
        }
    }
    (Cow::Owned(out), count)
}

/// Every token of the list spelt out, but for those that go on (`<|…|>`, `<image_…>`).
pub fn spelt() -> Vec<String> {
    let names = NAMES.iter().flat_map(|(name, _)| [format!("<{name}>"), format!("</{name}>")]);
    names.chain(LITERAL.iter().map(|literal| (*literal).to_owned())).collect()
}

fn is_odd(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
}

/// The length in bytes of the token that `rest` begins with.
fn token_at(rest: &str) -> Option<(usize, Sort)> {
    let opens = |literal: &&&str| {
        let head = rest.as_bytes().get(..literal.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(literal.as_bytes()))
    };
    if let Some(literal) = LITERAL.iter().find(opens) {
        return Some((span(rest).unwrap_or(literal.len()), Sort::Special));
    }
    let inner = rest.strip_prefix('<')?;
    let name = inner.strip_prefix('/').unwrap_or(inner);
    let end = name.bytes().take(LONGEST).position(|b| b == b'>')?;
    let length = rest.len() - name.len() + end + 1;
    let name = &name[..end];
    let numbered = name.get(..NUMBERED.len()).is_some_and(|n| n.eq_ignore_ascii_case(NUMBERED));
    if numbered && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Some((length, Sort::Slot));
    }
    let known = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some((length, known.1))
}

/// The length of a whole `<|…|>`.
fn span(rest: &str) -> Option<usize> {
    let close = if rest.starts_with("<｜") { "｜>" } else { "|>" };
    let open = close.len();
    let end = rest.get(open..)?.find(close).filter(|end| *end <= SPAN)?;
    rest.starts_with(['<']).then_some(open + end + close.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tokens_are_found_and_broken() {
        assert_eq!(find("a <|im_end|> b"), Some("<|im_end|>"));
        assert_eq!(find("a <｜end▁of▁sentence｜> b"), Some("<｜end▁of▁sentence｜>"));
        assert_eq!(find("a <|im_"), Some("<|"));
        assert_eq!(find("a </Think> b"), Some("</Think>"));
        assert_eq!(find("see <IMAGE_2>"), Some("<IMAGE_2>"));
        assert_eq!(find("[INST] hello"), Some("[INST]"));
        for plain in ["x < y and <b>bold</b>", "a [bracket]", "<images>", "< image>", "<", "i <3 u"]
        {
            assert_eq!(find(plain), None);
        }
        assert_eq!(escape("see <image>\u{7}"), ("see < image> ".into(), 2));
        let sorts: Vec<Sort> = tokens("<image> <THINK> <|x|>").map(|t| t.sort).collect();
        assert_eq!(sorts, [Sort::Slot, Sort::Tag, Sort::Special]);
    }

    #[test]
    fn every_token_is_found_in_either_case() {
        for token in spelt() {
            for text in [token.clone(), token.to_uppercase(), format!("é{token}é")] {
                assert!(find(&text).is_some(), "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn escaped_text_holds_no_token(parts in prop::collection::vec(
            prop_oneof![
                prop::sample::select(spelt()),
                prop::sample::select(spelt()).prop_map(|token| token.to_uppercase()),
                "(<[\\|｜]?)?[a-z_<|>\\[]{0,6}(\\|>)?",
                "\\PC{0,5}",
            ], 0..8)) {
            let text = parts.concat();
            let (out, count) = escape(&text);
            prop_assert_eq!(find(&out), None);
            prop_assert_eq!(control_character(&out), None);
            prop_assert_eq!(count == 0, out == text);
            prop_assert_eq!(escape(&out).1, 0);
            let shown = neutralise(&text, &Sections::default());
            prop_assert_eq!(find(&shown), None);
        }
    }
}
