//! Free text -> `Meaning`, by one pass over the words.
//!
//! The grammar: (number | article) (size | colour | material | unknown)* noun, then attributes of
//! what was just named ("in yellow", "made of glass", "on the left"), relations to what is named
//! next ("left of", "above", "larger than"), and restatements, which strengthen what they repeat.

mod noun;
mod place;
mod tokens;

pub use tokens::words;

use crate::record::{Region, Size};
use crate::sim::scene::{Meaning, lexicon};
use tokens::{Token, is_fluff, quoted, tokens};

/// What stands before a noun and will belong to it.
#[derive(Debug, Default, Clone)]
struct Pending {
    count: Option<u32>,
    color: Option<&'static str>,
    size: Option<Size>,
    material: Option<&'static str>,
    exact: bool,
    definite: bool,
    /// "every", "each", "all": a singular noun that follows speaks of several.
    each: bool,
    negated: bool,
    another: bool,
}

impl Pending {
    /// Something stands here that only a noun can follow.
    fn announces(&self) -> bool {
        self.count.is_some()
            || self.color.is_some()
            || self.size.is_some()
            || self.material.is_some()
            || self.definite
    }
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    meaning: Meaning,
    pending: Pending,
    /// A place said before its object: "On the left, three clocks".
    ahead: Option<Region>,
    /// A relation that waits for its object.
    relation: Option<(usize, Region)>,
    comparison: Option<(usize, Size)>,
    /// The group that a following attribute belongs to.
    last: Option<usize>,
}

/// Reads `text`. Never fails: what has no place in the grammar is in `unparsed`.
pub fn parse(text: &str) -> Meaning {
    let (text, lettering, text_stress) = quoted(text);
    let tokens = tokens(&text);
    let mut reader = Reader {
        tokens: &tokens,
        at: 0,
        meaning: Meaning { text: lettering, text_stress, ..Meaning::default() },
        pending: Pending::default(),
        ahead: None,
        relation: None,
        comparison: None,
        last: None,
    };
    while reader.at < tokens.len() {
        reader.step();
    }
    if reader.meaning.text.is_some() {
        reader.forget_signs();
    }
    reader.meaning
}

impl Reader<'_> {
    fn word(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", |t| t.word.as_str())
    }

    /// Do the next words read `phrase`?
    fn reads(&self, phrase: &str) -> bool {
        phrase.split(' ').enumerate().all(|(i, w)| self.word(i) == w)
    }

    fn step(&mut self) {
        if self.tokens[self.at].clause {
            self.pending = Pending::default();
        }
        if self.tokens[self.at].sentence {
            (self.last, self.ahead) = (None, None);
            (self.relation, self.comparison) = (None, None);
        }
        if self.place() || self.compare() || self.amount() || self.noun() || self.attribute() {
            return;
        }
        let word = self.word(0);
        match word {
            "the" | "these" | "those" => self.pending.definite = true,
            "every" | "each" | "all" => {
                (self.pending.definite, self.pending.each) = (true, true);
            }
            "no" | "without" => self.pending.negated = true,
            "another" => self.pending.another = true,
            "exactly" | "precisely" => self.pending.exact = true,
            "and" | "but" | "while" => self.pending = Pending::default(),
            _ if !is_fluff(word) => {
                let word = word.to_owned();
                self.meaning.unparsed.push(word);
            }
            _ => {}
        }
        self.at += 1;
    }

    /// A colour or material: before a noun it waits, after one ("in yellow") it belongs to it.
    fn attribute(&mut self) -> bool {
        let word = self.word(0);
        let (color, material) = (lexicon::color(word), lexicon::material(word));
        if color.is_none() && material.is_none() {
            return false;
        }
        let before = self.at.checked_sub(1).map_or("", |i| self.tokens[i].word.as_str());
        let after = matches!(
            before,
            "in" | "is" | "are" | "colored" | "coloured" | "painted" | "of" | "from" | "all"
        ) && self.noun_at(1).is_none();
        match self.last.filter(|_| after).and_then(|i| self.meaning.groups.get_mut(i)) {
            Some(group) => {
                let again = color.is_some() && group.color == color
                    || material.is_some() && group.material == material;
                group.stress.color += u8::from(again);
                group.color = group.color.or(color);
                group.material = group.material.or(material);
            }
            None => {
                self.pending.color = self.pending.color.or(color);
                self.pending.material = self.pending.material.or(material);
            }
        }
        self.at += 1;
        true
    }

    /// What carries lettering ("a sign that says") is the lettering's board, not an object to count.
    fn forget_signs(&mut self) {
        let board = |class: &str| matches!(class, "sign" | "billboard" | "banner" | "poster");
        if self.meaning.relations.is_empty() {
            self.meaning.groups.retain(|g| !board(&g.class));
        }
        self.meaning.unparsed.retain(|w| {
            !matches!(
                w.as_str(),
                "says"
                    | "saying"
                    | "reads"
                    | "reading"
                    | "word"
                    | "words"
                    | "text"
                    | "lettering"
                    | "written"
                    | "letters"
                    | "labeled"
                    | "labelled"
                    | "spells"
                    | "inscribed"
            )
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::scene::say;

    fn check(text: &str, expect: &str) {
        let meaning = parse(text);
        let rest = meaning.unparsed.join(" ");
        assert_eq!(format!("{} | {rest}", say::summary(&meaning)), expect, "{text}");
    }

    #[test]
    fn sentences() {
        check("a photo of five clocks", "five clocks | ");
        check(
            "A photo of orange backpack on the above and brown bear on the below",
            "an orange backpack at the top and a brown bear at the bottom | ",
        );
        check(
            "a photo of a toilet right of a cow",
            "a toilet and a cow, where the toilet is to the right of the cow | ",
        );
        check(
            "a girl on the top of a train",
            "a girl and a train, where the girl is above the train | ",
        );
        check("a photo of two skises", "two skis | ");
        check(
            "A photo of two purple oranges and two green bananas",
            "two purple oranges and two green bananas | ",
        );
        check(
            "A photo of a larger boat on the above and a smaller traffic light on the below",
            "a large boat at the top and a small traffic light at the bottom | ",
        );
        check(
            "a sign that says \"OPEN\" next to a red door",
            "a red door and a sign that says \"OPEN\" | ",
        );
        check("two bees buzzed near the flowers", "two bees and flowers | buzzed");
        check(
            "On the left, exactly three red clocks. Every clock is red. Three clocks in total.",
            "three red clocks on the left | ",
        );
        check("a vase made of glass", "a glass vase | ");
        check("The cat is pink, the hats are blue", "a pink cat and blue hats | ");
        check("every chair", "chairs | ");
        check("a pair of scissors and a pair of shoes", "a scissors and two shoes | ");
        check("the number of strings on a violin", "a violin | number strings");
    }
}
