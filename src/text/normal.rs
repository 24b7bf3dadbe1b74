//! Normal forms: `normalise` folds what does not change a prompt's meaning, `words` cuts the result
//! into words, `stem` folds inflection for comparing.
//!
//! Two texts with equal normal forms are the same prompt (`dedup`, `decontam` rule `exact`), and
//! normalising twice changes nothing.

use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// NFKC, lower case (full folding of ß and final sigma), punctuation and white space as one space,
/// apostrophes and invisible characters removed, trimmed. Signs that carry meaning in a prompt
/// (`+ = < > $ % # °` and emoji) stay; `&` becomes `and`.
pub fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    normalise_onto(text, &mut out);
    out
}

/// `normalise` into an empty string that was used before.
pub fn normalise_onto(text: &str, out: &mut String) {
    if text.is_ascii() {
        return fold(text.bytes().map(|b| char::from(b.to_ascii_lowercase())), out);
    }
    // What is dropped goes before marks are put in order: `a`, mark, apostrophe, mark.
    let lower = text.nfkc().flat_map(char::to_lowercase).filter(|c| !is_dropped(*c));
    let lower: String = lower.collect();
    fold(lower.nfkc().flat_map(unfold), out);
}

/// Folds that lower-casing leaves out.
fn unfold(c: char) -> impl Iterator<Item = char> {
    let pair = match c {
        'ß' => ['s', 's'],
        'ς' => ['σ', '\0'],
        'ı' => ['i', '\0'],
        other => [other, '\0'],
    };
    pair.into_iter().filter(|&c| c != '\0')
}

fn fold(chars: impl Iterator<Item = char>, out: &mut String) {
    let mut gap = false;
    for c in chars {
        if is_dropped(c) {
            continue;
        }
        if c == '&' {
            out.push_str(if out.is_empty() { "and" } else { " and" });
            gap = true;
            continue;
        }
        if !is_kept(c) {
            gap = true;
            continue;
        }
        if gap && !out.is_empty() {
            out.push(' ');
        }
        gap = false;
        out.push(c);
    }
}

/// Apostrophes (so that `it's` is one word) and characters that are not seen.
fn is_dropped(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '\u{2018}' | '\u{02bc}' | '`' | '\u{00ad}'
        | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
        || (c.is_control() && !c.is_whitespace())
}

fn is_kept(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || matches!(c, '+' | '=' | '<' | '>' | '$' | '%' | '#');
    }
    c.is_alphanumeric() || is_mark(c) || is_symbol(c)
}

/// Combining marks that NFKC could not compose away.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// Signs and pictures that are not punctuation.
fn is_symbol(c: char) -> bool {
    matches!(c, '°' | '±' | '×' | '÷' | '€' | '£' | '¥' | '√' | '\u{2190}'..='\u{21ff}'
        | '\u{2200}'..='\u{22ff}' | '\u{2600}'..='\u{27bf}' | '\u{1f000}'..='\u{1faff}')
}

/// The words of a *normalised* text, in order. A CJK character is a word of its own, since those
/// scripts put no spaces.
pub fn words(normalised: &str) -> impl Iterator<Item = &str> {
    normalised.split(' ').filter(|w| !w.is_empty()).flat_map(|run| {
        let split = !run.is_ascii() && run.chars().any(is_cjk);
        Pieces { rest: run, split }
    })
}

struct Pieces<'a> {
    rest: &'a str,
    split: bool,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        if !self.split {
            return Some(std::mem::take(&mut self.rest));
        }
        let first = self.rest.chars().next().map_or(0, char::len_utf8);
        let end = if self.rest.chars().next().is_some_and(is_cjk) {
            first
        } else {
            self.rest.find(is_cjk).unwrap_or(self.rest.len())
        };
        let (piece, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(piece)
    }
}

pub(crate) fn is_cjk(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

/// A word with its English inflection folded: `clocks` and `clock`, `sitting` and `sits`. For
/// comparing only: the result need not be a word.
pub fn stem(word: &str) -> Cow<'_, str> {
    if word.len() < 4 || !word.is_ascii() {
        return Cow::Borrowed(word);
    }
    let cut = |n: usize| Cow::Borrowed(&word[..word.len() - n]);
    if word.ends_with("ies") && word.len() > 4 {
        return Cow::Owned(format!("{}y", &word[..word.len() - 3]));
    }
    for (ending, keep) in [("ing", 4), ("ed", 4)] {
        if let Some(base) = word.strip_suffix(ending)
            && base.len() + 1 >= keep
            && base.bytes().any(|b| b"aeiouy".contains(&b))
        {
            return Cow::Borrowed(undouble(base));
        }
    }
    for ending in ["sses", "shes", "ches", "xes", "zes"] {
        if word.ends_with(ending) {
            return cut(2);
        }
    }
    if word.ends_with('s')
        && !word.ends_with("ss")
        && !word.ends_with("us")
        && !word.ends_with("is")
    {
        return Cow::Borrowed(unsilent(&word[..word.len() - 1]));
    }
    Cow::Borrowed(unsilent(word))
}

/// `sitt` (of sitting) as `sit`; `rid` stays, and `ride` becomes it by `unsilent`.
fn undouble(base: &str) -> &str {
    let b = base.as_bytes();
    let n = b.len();
    if n > 3 && b[n - 1] == b[n - 2] && !b"lsz".contains(&b[n - 1]) { &base[..n - 1] } else { base }
}

/// Drops a final silent e so that `ride`, `rides` and `riding` meet.
fn unsilent(word: &str) -> &str {
    if word.len() > 3 && word.ends_with('e') && !word.ends_with("ee") {
        &word[..word.len() - 1]
    } else {
        word
    }
}

#[cfg(test)]
mod tests {
    use super::{normalise, stem, words};
    use proptest::prelude::*;

    #[test]
    fn folds_what_carries_no_meaning() {
        assert_eq!(normalise("  A photo of FIVE clocks.\r\n"), "a photo of five clocks");
        assert_eq!(normalise("it’s a ‘Fu\u{200b}ß’ & ﬁsh—２ dogs"), "its a fuss and fish 2 dogs");
        assert_eq!(normalise("3 + 4 = 7?"), "3 + 4 = 7");
        assert_eq!(normalise("5&6"), "5 and 6");
        assert_eq!(normalise("!?"), "");
    }

    #[test]
    fn cjk_is_cut_into_characters() {
        let text = normalise("一只red猫");
        assert_eq!(words(&text).collect::<Vec<_>>(), ["一", "只", "red", "猫"]);
    }

    #[test]
    fn inflections_meet() {
        for family in [
            &["clock", "clocks"][..],
            &["sits", "sitting", "sit"],
            &["ride", "rides", "riding"],
            &["box", "boxes"],
            &["bench", "benches"],
            &["city", "cities"],
            &["paint", "painted", "painting"],
            &["slice", "sliced", "slices"],
        ] {
            let stems: Vec<_> = family.iter().map(|w| stem(w)).collect();
            assert!(stems.windows(2).all(|w| w[0] == w[1]), "{family:?} -> {stems:?}");
        }
        for (a, b) in [("bus", "bush"), ("glass", "gas"), ("cat", "cap")] {
            assert_ne!(stem(a), stem(b));
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "\\PC{0,60}") {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once.clone());
            prop_assert!(!once.contains("  ") && once.trim() == once);
        }

        #[test]
        fn words_lose_no_letter(text in "\\PC{0,60}") {
            let once = normalise(&text);
            let joined: String = words(&once).collect();
            prop_assert_eq!(joined, once.replace(' ', ""));
        }
    }
}
