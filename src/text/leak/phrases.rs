//! Patterns of words, found by the words that they can begin with: most words of a text begin none, and there
//! are hundreds of patterns.

use crate::text::{normalise, words};
use std::collections::{BTreeMap, HashMap};

/// Stands before a sentence's first word, and in a pattern for that place.
pub const START: &str = "^";
/// Stands where a quotation opens; patterns that do not ask for it read over it.
pub const QUOTE: &str = "“";
/// Stands after a word in the genitive, whose apostrophe is no part of it; read over likewise.
pub const GENITIVE: &str = "’s";

/// One place of a pattern.
#[derive(Debug)]
pub enum Element {
    /// Permitted words, and whether the place may be missing.
    Word { choices: Vec<String>, optional: bool },
    /// Up to so many words of any kind.
    Gap(usize),
}

/// Patterns in their order.
#[derive(Debug, Default)]
pub struct Phrases {
    patterns: Vec<Vec<Element>>,
    /// Which patterns can begin with a word.
    by_first: HashMap<String, Vec<usize>>,
    /// Which begin with a gap.
    by_any: Vec<usize>,
}

impl Phrases {
    pub fn of(patterns: Vec<Vec<Element>>) -> Phrases {
        let (mut by_first, mut by_any) = (HashMap::<String, Vec<usize>>::new(), Vec::new());
        for (number, pattern) in patterns.iter().enumerate() {
            let Some(firsts) = firsts(pattern) else {
                by_any.push(number);
                continue;
            };
            for word in firsts {
                let of_word = by_first.entry(word.to_owned()).or_default();
                if of_word.last() != Some(&number) {
                    of_word.push(number);
                }
            }
        }
        Phrases { patterns, by_first, by_any }
    }

    /// The patterns that take words from the start of `text`, in their order: number and words taken.
    pub fn at<'a>(&'a self, text: &'a [&'a str]) -> impl Iterator<Item = (usize, usize)> + 'a {
        let numbers: Vec<usize> = match text.first() {
            // Any pattern reads over these.
            Some(&(QUOTE | GENITIVE)) => (0..self.patterns.len()).collect(),
            first => {
                let of_word =
                    first.and_then(|word| self.by_first.get(*word)).map_or(&[][..], |n| n);
                let mut all = [of_word, &self.by_any[..]].concat();
                all.sort_unstable();
                all
            }
        };
        numbers.into_iter().filter_map(|n| Some((n, matches(&self.patterns[n], text)?)))
    }
}

/// The words that a pattern can begin with; None: any.
fn firsts(pattern: &[Element]) -> Option<Vec<&str>> {
    let mut out = Vec::new();
    for item in pattern {
        let Element::Word { choices, optional } = item else { return None };
        out.extend(choices.iter().map(String::as_str));
        if !optional {
            return Some(out);
        }
    }
    None
}

/// A pattern as the file writes it.
pub fn items(pattern: &str, classes: &BTreeMap<String, String>) -> Result<Vec<Element>, String> {
    let mut out = Vec::new();
    for place in pattern.split_whitespace() {
        if let Some(most) = place.strip_prefix("...") {
            let most = if most.is_empty() { Ok(3) } else { most.parse() };
            out.push(Element::Gap(most.map_err(|_| format!("`{place}` is no gap"))?));
            continue;
        }
        let (place, optional) = match place.strip_suffix('?') {
            Some(inner) => (inner, true),
            None => (place, false),
        };
        let mut choices: Vec<String> = Vec::new();
        for choice in place.split('|') {
            match choice.strip_prefix('@') {
                Some(name) => {
                    let class = classes.get(name).ok_or_else(|| format!("no class `{name}`"))?;
                    choices.extend(class.split('|').map(normalise));
                }
                None if [START, QUOTE, GENITIVE].contains(&choice) => {
                    choices.push(choice.to_owned())
                }
                None => choices.push(normalise(choice)),
            }
        }
        choices.retain(|c| !c.is_empty());
        // A CJK pattern is one word per character, like the text it meets.
        if choices.len() == 1 && words(&choices[0]).count() > 1 {
            let parts = words(&choices[0]).map(str::to_owned);
            out.extend(parts.map(|w| Element::Word { choices: vec![w], optional: false }));
        } else if choices.is_empty() {
            return Err(format!("`{place}` is no word"));
        } else {
            out.push(Element::Word { choices, optional });
        }
    }
    let word = |item: &Element| matches!(item, Element::Word { optional: false, .. });
    if out.iter().any(word) { Ok(out) } else { Err("it matches anything".to_owned()) }
}

/// How many words of `text` the pattern takes from its start.
fn matches(items: &[Element], text: &[&str]) -> Option<usize> {
    let Some((item, rest)) = items.split_first() else { return Some(0) };
    match item {
        Element::Gap(most) => (0..=(*most).min(text.len()))
            .find_map(|n| matches(rest, &text[n..]).map(|taken| taken + n)),
        Element::Word { choices, optional } => {
            if let Some((word, after)) = text.split_first()
                && choices.iter().any(|c| c == word)
                && let Some(n) = matches(rest, after)
            {
                return Some(n + 1);
            }
            if *optional && let Some(n) = matches(rest, text) {
                return Some(n);
            }
            match text.split_first() {
                Some((&(QUOTE | GENITIVE), after)) => Some(1 + matches(items, after)?),
                _ => None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn phrases() -> Phrases {
        let read = |pattern| items(pattern, &BTreeMap::new()).expect("a pattern");
        Phrases::of(Vec::from(["a? b|c", "... b", "^ a? c", "b ...2 c", "c ’s a"].map(read)))
    }

    proptest! {
        /// What is found by first words is what every pattern held to every word finds.
        #[test]
        fn nothing_is_passed_over(text in prop::collection::vec("[abcd^“]|’s", 0..6)) {
            let text: Vec<&str> = text.iter().map(String::as_str).collect();
            let all = phrases();
            let each = |n: usize| Some((n, matches(&all.patterns[n], &text)?));
            let expected: Vec<_> = (0..all.patterns.len()).filter_map(each).collect();
            prop_assert_eq!(all.at(&text).collect::<Vec<_>>(), expected);
        }
    }
}
