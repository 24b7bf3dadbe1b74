//! Patterns of words, found by the words that they can begin with: most words of a text begin none, and there
//! are hundreds of patterns. Words are numbers here: a text's are looked up once, all patterns compare numbers.

use crate::text::{hash, normalise, words};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// Stands before a sentence's first word, and in a pattern for that place.
pub const START: &str = "^";
/// Stands where a quotation opens; patterns that do not ask for it read over it.
pub const QUOTE: &str = "“";
/// Stands after a word in the genitive, whose apostrophe is no part of it; read over likewise.
pub const GENITIVE: &str = "’s";

/// The words that patterns are made of, by number.
#[derive(Debug)]
pub struct Lexicon {
    /// Our own words: what a text says is looked up and never entered.
    numbers: HashMap<String, Word, hash::Plain>,
}

/// A word's number in the lexicon; `UNKNOWN` for all that no pattern names.
pub type Word = u32;
const UNKNOWN: Word = 0;
const QUOTES: Word = 2;
const GENITIVES: Word = 3;

impl Default for Lexicon {
    fn default() -> Lexicon {
        let mut lexicon = Lexicon { numbers: HashMap::default() };
        let marks = [START, QUOTE, GENITIVE].map(|mark| lexicon.enter(mark));
        debug_assert_eq!(marks, [1, QUOTES, GENITIVES]);
        lexicon
    }
}

impl Lexicon {
    fn enter(&mut self, word: &str) -> Word {
        let next = self.numbers.len() as Word + 1;
        *self.numbers.entry(word.to_owned()).or_insert(next)
    }

    pub fn number(&self, word: &str) -> Word {
        self.numbers.get(word).copied().unwrap_or(UNKNOWN)
    }
}

/// One place of a pattern, as the file writes it.
#[derive(Debug)]
pub enum Element {
    /// Permitted words, and whether the place may be missing.
    Word { choices: Vec<String>, optional: bool },
    /// Up to so many words of any kind.
    Gap(usize),
}

/// The same by numbers.
#[derive(Debug)]
enum Place {
    Word { choices: Choices, optional: bool },
    Gap(usize),
}

/// A set of words, a bit for each: classes hold dozens, and each is asked for at most words of a text.
#[derive(Debug, Default)]
struct Choices(Vec<u64>);

impl Choices {
    fn insert(&mut self, word: Word) {
        let (at, bit) = (word as usize / 64, word % 64);
        self.0.resize(self.0.len().max(at + 1), 0);
        self.0[at] |= 1 << bit;
    }

    fn contains(&self, word: Word) -> bool {
        self.0.get(word as usize / 64).is_some_and(|bits| bits >> (word % 64) & 1 == 1)
    }

    /// By number.
    fn iter(&self) -> impl Iterator<Item = Word> {
        self.0.iter().zip((0..).step_by(64)).flat_map(|(bits, first)| {
            let without_lowest = |bits: &u64| Some(bits & bits.wrapping_sub(1));
            std::iter::successors(Some(*bits), without_lowest)
                .take_while(|bits| *bits != 0)
                .map(move |bits| first + bits.trailing_zeros())
        })
    }
}

/// Patterns in their order.
#[derive(Debug, Default)]
pub struct Phrases {
    patterns: Vec<Vec<Place>>,
    /// Which patterns can begin with a word.
    by_first: Vec<Vec<usize>>,
    /// Which begin with a gap.
    by_any: Vec<usize>,
    /// Which need a word: of a pattern's places that cannot be missing one, whose words the fewest others name.
    by_need: Vec<Vec<usize>>,
}

/// The patterns that a sentence may hold, a bit for each: it has a word that they need. Few sentences
/// have any, and their places then need not be held to patterns.
#[derive(Debug, Default)]
pub struct Possible(Vec<u64>);

impl Possible {
    fn insert(&mut self, pattern: usize) {
        self.0.resize(self.0.len().max(pattern / 64 + 1), 0);
        self.0[pattern / 64] |= 1 << (pattern % 64);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn contains(&self, pattern: usize) -> bool {
        self.0.get(pattern / 64).is_some_and(|bits| bits >> (pattern % 64) & 1 == 1)
    }
}

/// Adds `number` to the list of each of `words`.
fn enlist(lists: &mut Vec<Vec<usize>>, words: impl IntoIterator<Item = Word>, number: usize) {
    for word in words {
        let word = word as usize;
        lists.resize_with(lists.len().max(word + 1), Vec::new);
        if lists[word].last() != Some(&number) {
            lists[word].push(number);
        }
    }
}

impl Phrases {
    pub fn of(patterns: Vec<Vec<Element>>, lexicon: &mut Lexicon) -> Phrases {
        let mut numbered = |element| match element {
            Element::Gap(most) => Place::Gap(most),
            Element::Word { choices, optional } => {
                let mut set = Choices::default();
                choices.iter().for_each(|word| set.insert(lexicon.enter(word)));
                Place::Word { choices: set, optional }
            }
        };
        let patterns: Vec<Vec<Place>> =
            patterns.into_iter().map(|p| p.into_iter().map(&mut numbered).collect()).collect();
        let (mut by_first, mut by_any, mut by_need) = (Vec::new(), Vec::new(), Vec::new());
        let named = named(&patterns);
        for (number, pattern) in patterns.iter().enumerate() {
            match firsts(pattern) {
                Some(firsts) => enlist(&mut by_first, firsts, number),
                None => by_any.push(number),
            }
            let needs = needed(pattern).min_by_key(|choices| {
                choices.iter().map(|word| named[word as usize]).sum::<usize>()
            });
            enlist(&mut by_need, needs.into_iter().flat_map(Choices::iter), number);
        }
        Phrases { patterns, by_first, by_any, by_need }
    }

    /// The patterns that may take words of `sentence` from some place in it.
    pub fn possible(&self, sentence: &[Word]) -> Possible {
        let mut possible = Possible::default();
        let needing = |word: &Word| self.by_need.get(*word as usize).into_iter().flatten();
        sentence.iter().flat_map(needing).for_each(|pattern| possible.insert(*pattern));
        possible
    }

    /// The patterns that take words from the start of `text`, in their order: number and words taken. `text` is
    /// a sentence from some place on, and `possible` what is possible in that sentence.
    pub fn at<'a>(
        &'a self,
        text: &'a [Word],
        possible: &'a Possible,
    ) -> impl Iterator<Item = (usize, usize)> + 'a {
        let numbers = match possible.is_empty() {
            true => Cow::default(),
            false => self.beginning(text),
        };
        (0..numbers.len()).filter_map(move |at| {
            let number = numbers[at];
            let taken = || matches(&self.patterns[number], text);
            Some((number, possible.contains(number).then(taken).flatten()?))
        })
    }

    /// The patterns that can begin where `text` does, in their order.
    fn beginning(&self, text: &[Word]) -> Cow<'_, [usize]> {
        let of = |word: Word| self.by_first.get(word as usize).map_or(&[][..], Vec::as_slice);
        let Some((first, rest)) = text.split_first() else { return Cow::Borrowed(&self.by_any) };
        // Patterns read over these.
        let beyond = match *first {
            QUOTES | GENITIVES => self.beginning(rest),
            _ => Cow::Borrowed(&self.by_any[..]),
        };
        match (of(*first), &*beyond) {
            (own, []) => Cow::Borrowed(own),
            ([], _) => beyond,
            (own, others) => {
                let mut all = [own, others].concat();
                all.sort_unstable();
                all.dedup();
                Cow::Owned(all)
            }
        }
    }
}

/// How many places of patterns name each word.
fn named(patterns: &[Vec<Place>]) -> Vec<usize> {
    let mut named = Vec::new();
    for place in patterns.iter().flatten() {
        let Place::Word { choices, .. } = place else { continue };
        named.resize(named.len().max(choices.0.len() * 64), 0);
        choices.iter().for_each(|word| named[word as usize] += 1);
    }
    named
}

/// The words of each place of a pattern that cannot be missing. A pattern has one at least.
fn needed(pattern: &[Place]) -> impl Iterator<Item = &Choices> {
    pattern.iter().filter_map(|place| match place {
        Place::Word { choices, optional: false } => Some(choices),
        _ => None,
    })
}

/// The words that a pattern can begin with; None: any.
fn firsts(pattern: &[Place]) -> Option<Vec<Word>> {
    let mut out = Vec::new();
    for item in pattern {
        let Place::Word { choices, optional } = item else { return None };
        out.extend(choices.iter());
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
fn matches(items: &[Place], text: &[Word]) -> Option<usize> {
    let Some((item, rest)) = items.split_first() else { return Some(0) };
    match item {
        Place::Gap(most) => (0..=(*most).min(text.len()))
            .find_map(|n| matches(rest, &text[n..]).map(|taken| taken + n)),
        Place::Word { choices, optional } => {
            if let Some((word, after)) = text.split_first()
                && choices.contains(*word)
                && let Some(n) = matches(rest, after)
            {
                return Some(n + 1);
            }
            if *optional && let Some(n) = matches(rest, text) {
                return Some(n);
            }
            match text.split_first() {
                Some((&(QUOTES | GENITIVES), after)) => Some(1 + matches(items, after)?),
                _ => None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn phrases(lexicon: &mut Lexicon) -> Phrases {
        let read = |pattern| items(pattern, &BTreeMap::new()).expect("a pattern");
        let patterns = ["a? b|c", "... b", "^ a? c", "b ...2 c", "c ’s a", "“ ’s? a"].map(read);
        Phrases::of(Vec::from(patterns), lexicon)
    }

    proptest! {
        /// What is found by first and needed words is what every pattern held to every word finds.
        #[test]
        fn nothing_is_passed_over(text in prop::collection::vec("[abcd^“]|’s", 0..6)) {
            let mut lexicon = Lexicon::default();
            let all = phrases(&mut lexicon);
            let text: Vec<Word> = text.iter().map(|word| lexicon.number(word)).collect();
            let each = |n: usize| Some((n, matches(&all.patterns[n], &text)?));
            let expected: Vec<_> = (0..all.patterns.len()).filter_map(each).collect();
            let possible = all.possible(&text);
            prop_assert_eq!(all.at(&text, &possible).collect::<Vec<_>>(), expected);
        }
    }
}
