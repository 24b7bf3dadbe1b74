//! The words the simulated world knows: classes with their plurals, colours, numbers, materials.
//!
//! The vocabulary is closed and listed, so that the world can say plainly which words of a prompt it
//! did not understand. See `parse` and `say` for how words make a sentence.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

/// The basic colours, in palette order; every colour word maps to one of them.
pub const COLORS: [&str; 15] = [
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "brown",
    "black",
    "white",
    "gray",
    "gold",
    "silver",
    "beige",
    "turquoise",
];

/// The materials, in pattern order.
pub const MATERIALS: [&str; 9] =
    ["wooden", "glass", "metal", "leather", "paper", "stone", "plastic", "fabric", "ceramic"];

const COLOR_WORDS: [(&str, &str); 26] = [
    ("crimson", "red"),
    ("scarlet", "red"),
    ("ruby", "red"),
    ("maroon", "red"),
    ("navy", "blue"),
    ("azure", "blue"),
    ("cobalt", "blue"),
    ("emerald", "green"),
    ("violet", "purple"),
    ("lilac", "purple"),
    ("lavender", "purple"),
    ("magenta", "pink"),
    ("rosy", "pink"),
    ("chestnut", "brown"),
    ("tan", "beige"),
    ("cream", "beige"),
    ("ivory", "white"),
    ("snow-white", "white"),
    ("grey", "gray"),
    ("golden", "gold"),
    ("silvery", "silver"),
    ("teal", "turquoise"),
    ("cyan", "turquoise"),
    ("jet-black", "black"),
    ("amber", "orange"),
    ("lemon-yellow", "yellow"),
];

const MATERIAL_WORDS: [(&str, &str); 12] = [
    ("wood", "wooden"),
    ("timber", "wooden"),
    ("metallic", "metal"),
    ("steel", "metal"),
    ("iron", "metal"),
    ("marble", "stone"),
    ("granite", "stone"),
    ("cloth", "fabric"),
    ("woollen", "fabric"),
    ("cardboard", "paper"),
    ("porcelain", "ceramic"),
    ("clay", "ceramic"),
];

const NUMBERS: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

/// The basic colour a word means.
pub fn color(word: &str) -> Option<&'static str> {
    COLORS
        .into_iter()
        .find(|c| *c == word)
        .or_else(|| COLOR_WORDS.iter().find(|(w, _)| *w == word).map(|(_, c)| *c))
}

/// The material a word means.
pub fn material(word: &str) -> Option<&'static str> {
    MATERIALS
        .into_iter()
        .find(|m| *m == word)
        .or_else(|| MATERIAL_WORDS.iter().find(|(w, _)| *w == word).map(|(_, m)| *m))
}

/// What a thing of `material` is made of: "wooden" -> "wood".
pub fn substance(material: &str) -> &str {
    if material == "wooden" { "wood" } else { material }
}

/// The number a word or digits mean, 0..=99.
pub fn number(word: &str) -> Option<u32> {
    NUMBERS
        .iter()
        .position(|n| *n == word)
        .map(|n| n as u32)
        .or_else(|| word.parse().ok().filter(|n| *n < 100))
}

/// `n` in words up to twenty, in digits above.
pub fn number_word(n: u32) -> Cow<'static, str> {
    match NUMBERS.get(n as usize) {
        Some(word) => Cow::Borrowed(word),
        None => Cow::Owned(n.to_string()),
    }
}

/// One sense of a noun as it may stand in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noun {
    /// The class, singular.
    pub class: &'static str,
    /// The form is a plural and not also the singular.
    pub plural: bool,
}

struct Nouns {
    forms: HashMap<String, Noun>,
    plurals: HashMap<&'static str, String>,
}

static LIST: &str = include_str!("nouns.txt");

fn nouns() -> &'static Nouns {
    static NOUNS: OnceLock<Nouns> = OnceLock::new();
    NOUNS.get_or_init(|| {
        let mut nouns = Nouns { forms: HashMap::new(), plurals: HashMap::new() };
        let lines = LIST.lines().filter(|line| !line.starts_with('#'));
        for entry in lines.flat_map(|line| line.split(',')).map(str::trim) {
            if let Some((word, class)) = entry.split_once('=') {
                nouns.add(word, class, regular_plural(word), false);
            } else if let Some((word, plural)) = entry.split_once('>') {
                nouns.add(word, word, plural.to_owned(), true);
            } else if !entry.is_empty() {
                nouns.add(entry, entry, regular_plural(entry), true);
            }
        }
        nouns
    })
}

impl Nouns {
    fn add(&mut self, word: &'static str, class: &'static str, plural: String, own: bool) {
        // People also write "sheeps" and "mouses".
        for form in [regular_plural(word), plural.clone()] {
            self.forms.entry(form).or_insert(Noun { class, plural: true });
        }
        self.forms.insert(word.to_owned(), Noun { class, plural: false });
        if own {
            self.plurals.insert(class, plural);
        }
    }
}

fn regular_plural(word: &str) -> String {
    let ends = |suffixes: &[&str]| suffixes.iter().any(|s| word.ends_with(s));
    let stem = &word[..word.len() - usize::from(!word.is_empty())];
    if ends(&["s", "x", "ch", "sh"]) {
        format!("{word}es")
    } else if word.ends_with('y') && !ends(&["ay", "ey", "oy"]) {
        format!("{stem}ies")
    } else {
        format!("{word}s")
    }
}

/// Every class, in no order.
#[cfg(test)]
pub fn classes() -> impl Iterator<Item = &'static str> {
    nouns().plurals.keys().copied()
}

/// The noun that `words` (lower case, joined by single spaces) are.
pub fn noun(words: &str) -> Option<Noun> {
    nouns().forms.get(words).copied()
}

/// `class` for `n` of them: "clock", "clocks".
pub fn counted(class: &str, n: u32) -> Cow<'_, str> {
    if n == 1 {
        return Cow::Borrowed(class);
    }
    match nouns().plurals.get(class) {
        Some(plural) => Cow::Borrowed(plural.as_str()),
        None => Cow::Owned(regular_plural(class)),
    }
}

/// One of them is called by a plural: scissors, pants, headphones.
pub fn is_pair(class: &str) -> bool {
    class.ends_with('s') && !class.ends_with("ss") && counted(class, 2) == class
}

/// `a` or `an` before `word`.
pub fn article(word: &str) -> &'static str {
    match word.chars().next() {
        Some('a' | 'e' | 'i' | 'o') => "an",
        Some('u') if !word.starts_with("uni") && !word.starts_with("uk") => "an",
        _ if word.starts_with("hour") => "an",
        _ => "a",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert_eq!(noun("skises").map(|n| n.class), Some("skis"));
        assert_eq!(noun("mice"), Some(Noun { class: "mouse", plural: true }));
        assert_eq!(noun("sofas").map(|n| n.class), Some("couch"));
        assert_eq!(counted("knife", 3), "knives");
        assert_eq!(counted("cherry", 2), "cherries");
        assert_eq!(article("umbrella"), "an");
        assert_eq!(color("grey"), Some("gray"));
        assert_eq!(number("7"), Some(7));
    }
}
