//! Free text -> `Meaning`, by one pass over the words.
//!
//! The grammar: (number | article) (size | colour | material | unknown)* noun, then attributes of
//! what was just named ("in yellow", "made of glass", "on the left"), relations to what is named
//! next ("left of", "above", "larger than"), and restatements, which strengthen what they repeat.

use crate::record::{Region, Relation, Size};
use crate::sim::scene::{Group, Meaning, lexicon};

/// Words that carry no object, attribute or place of their own.
const FLUFF: &str = " a an the of and with in on at to is are was were be being it its this that these those there \
    each every all both which who whose as by for from into onto while where when so or nor but then than just only \
    photo photograph picture image photos pictures images scene drawing illustration painting shot view render \
    depict depicts show shows showing shown draw drawn capture captures featuring features feature create make \
    please generate visualize visualise paint render imagine composition frame realistic clean clear clearly simple plain \
    studio background light lit soft neutral bright even sharp focus detailed high quality natural daylight \
    together side sides half part area placed standing stand stands sitting sits sit lying lies lie positioned \
    arranged seen visible located separate separated separately distinct apart fully well evenly spaced row line group \
    total altogether exactly precisely nothing else other others another no not without object objects item items \
    colored coloured color colour colors colours painted made size sized sizes same next near beside against \
    one's has have having contains containing holds holding includes including up down over under across \
    everything anything must should clearly cut off nearby close closeup close-up very quite kept evenly entirely whole instances instance pieces piece \
    throughout spelled out full counted once more says reads reading saying letter lettering letters just complete sharp over far middle centre center edge upper lower top bottom left right above below larger smaller ";

fn is_fluff(word: &str) -> bool {
    static SET: std::sync::OnceLock<std::collections::HashSet<&'static str>> =
        std::sync::OnceLock::new();
    SET.get_or_init(|| FLUFF.split_whitespace().collect()).contains(word)
}

/// A lower-case word, and whether punctuation stood before it.
#[derive(Debug)]
struct Token {
    word: String,
    clause: bool,
    sentence: bool,
}

/// The lower-case words of `text`, hyphens and apostrophes inside words kept.
pub fn words(text: &str) -> Vec<String> {
    tokens(text).into_iter().map(|t| t.word).collect()
}

fn tokens(text: &str) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    let (mut clause, mut sentence) = (true, true);
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_alphanumeric() || (matches!(c, '-' | '\'' | '’') && !word.is_empty()) {
            word.extend(c.to_lowercase());
            continue;
        }
        if !word.is_empty() {
            let clean = word.trim_end_matches(['-', '\'', '’']).to_owned();
            out.push(Token { word: clean, clause, sentence });
            (clause, sentence) = (false, false);
            word.clear();
        }
        clause |= matches!(c, ',' | ';' | ':' | '.' | '!' | '?' | '(' | ')' | '\n');
        sentence |= matches!(c, ';' | ':' | '.' | '!' | '?' | '\n');
    }
    out
}

/// Takes the first quoted passage out of `text`, with its repetitions; says how many those were.
fn quoted(text: &str) -> (String, Option<String>, u8) {
    for (open, close) in [('"', '"'), ('“', '”'), ('‘', '’')] {
        let Some(start) = text.find(open) else { continue };
        let after = start + open.len_utf8();
        let Some(len) = text[after..].find(close) else { continue };
        let inner = text[after..after + len].trim();
        if !inner.is_empty() && inner.len() <= 60 {
            let whole = &text[start..after + len + close.len_utf8()];
            let again = text.matches(whole).count() - 1;
            let rest = text.replace(whole, " ").replace(['"', '“', '”'], " ");
            return (rest, Some(inner.to_owned()), again.min(9) as u8);
        }
    }
    (text.to_owned(), None, 0)
}

/// What stands before a noun and will belong to it.
#[derive(Debug, Default, Clone)]
struct Pending {
    count: Option<u32>,
    color: Option<&'static str>,
    size: Option<Size>,
    material: Option<&'static str>,
    exact: bool,
    definite: bool,
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

/// Nouns that are mostly something else unless an article or adjective announces them.
const VERBS: [&str; 17] = [
    "can", "saw", "top", "present", "slide", "swing", "drill", "spring", "seal", "bow", "fan",
    "swallow", "net", "target", "iron", "screw", "hook",
];

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
            "every" | "each" | "all" => self.pending.definite = true,
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

    /// "left of", "on the left", "in the upper half", "above".
    fn place(&mut self) -> bool {
        const SIDES: [(&str, Region); 14] = [
            ("left", Region::Left),
            ("left-hand", Region::Left),
            ("right", Region::Right),
            ("right-hand", Region::Right),
            ("top", Region::Above),
            ("upper", Region::Above),
            ("above", Region::Above),
            ("over", Region::Above),
            ("bottom", Region::Below),
            ("lower", Region::Below),
            ("below", Region::Below),
            ("under", Region::Below),
            ("beneath", Region::Below),
            ("underneath", Region::Below),
        ];
        let mut skip = 0;
        if matches!(self.word(0), "on" | "to" | "at" | "in") {
            skip = if matches!(self.word(1), "the" | "its") { 2 } else { 1 };
        }
        if self.word(skip) == "far" {
            skip += 1;
        }
        let Some((word, region)) = SIDES.into_iter().find(|(word, _)| *word == self.word(skip))
        else {
            return false;
        };
        let mut end = skip + 1;
        while matches!(self.word(end), "side" | "half" | "part" | "area" | "edge") {
            end += 1;
        }
        let names_next = match (self.word(end), self.word(end + 1), self.word(end + 2)) {
            ("of", "the", w) | ("of", w, _) => !is_canvas(w),
            _ => {
                skip == 0
                    && matches!(
                        word,
                        "above" | "over" | "below" | "under" | "beneath" | "underneath"
                    )
                    && !self.tokens.get(self.at + end).is_none_or(|t| t.clause)
            }
        };
        self.at += end;
        if names_next {
            if let Some(last) = self.last {
                self.relation = Some((last, region));
            }
            self.pending = Pending::default();
        } else if skip > 0 || !matches!(word, "over" | "under" | "beneath" | "underneath") {
            self.skip_canvas();
            self.set_region(region);
        }
        true
    }

    /// Passes over "of the picture".
    fn skip_canvas(&mut self) {
        let skip = match (self.word(0), self.word(1), self.word(2)) {
            ("of", "the", w) if is_canvas(w) => 3,
            ("of", w, _) if is_canvas(w) => 2,
            _ => 0,
        };
        self.at += skip;
    }

    fn set_region(&mut self, region: Region) {
        match self.last.and_then(|i| self.meaning.groups.get_mut(i)) {
            Some(group) => {
                if group.region == Some(region) {
                    group.stress.place += 1;
                } else if group.region.is_none() {
                    group.region = Some(region);
                }
            }
            None => self.ahead = Some(region),
        }
    }

    /// "larger than", "smaller than"; else a size adjective.
    fn compare(&mut self) -> bool {
        let size = match self.word(0) {
            "larger" | "bigger" | "large" | "big" | "huge" | "giant" | "enormous" | "oversized"
            | "taller" => Size::Larger,
            "smaller" | "small" | "tiny" | "little" | "miniature" | "shorter" => Size::Smaller,
            _ => return false,
        };
        if self.word(1) == "than" {
            if let Some(last) = self.last {
                self.comparison = Some((last, size));
            }
            self.pending = Pending::default();
            self.at += 2;
        } else {
            self.pending.size = Some(size);
            self.at += 1;
        }
        true
    }

    fn amount(&mut self) -> bool {
        const PHRASES: [(&str, u32); 9] = [
            ("a pair of", 2),
            ("a couple of", 2),
            ("a trio of", 3),
            ("a quartet of", 4),
            ("half a dozen", 6),
            ("a dozen", 12),
            ("a single", 1),
            ("a lone", 1),
            ("one single", 1),
        ];
        if let Some((phrase, n)) = PHRASES.into_iter().find(|(phrase, _)| self.reads(phrase)) {
            self.pending.count = Some(n);
            self.at += phrase.split(' ').count();
            return true;
        }
        let word = self.word(0);
        let count = match word {
            "a" | "an" => Some(1),
            _ => lexicon::number(word).filter(|n| *n > 0),
        };
        // "the left one", "one of them": no number of things.
        let pronoun = word == "one" && (self.pending.color.is_some() || self.word(1) == "of");
        let Some(n) = count.filter(|_| !pronoun) else { return false };
        self.pending.count = Some(n);
        self.at += 1;
        true
    }

    /// The longest noun here; a noun right before another noun only qualifies it.
    fn noun(&mut self) -> bool {
        let Some((noun, len)) = self.noun_at(0) else { return false };
        if len == 1 && VERBS.contains(&self.word(0)) && !self.pending.announces() {
            return false;
        }
        // "orange" and "gold" are colours before a noun.
        let adjective = len == 1
            && (lexicon::color(self.word(0)).is_some()
                || lexicon::material(self.word(0)).is_some());
        let next = !self.tokens.get(self.at + len).is_none_or(|t| t.clause);
        if next && self.noun_ahead(len, adjective) {
            if !adjective {
                let word = self.word(0).to_owned();
                self.meaning.unparsed.push(word);
                self.at += len;
                return true;
            }
            return false;
        }
        if adjective && self.pending.count.is_none() && self.last.is_some() {
            return false;
        }
        self.at += len;
        let pending = std::mem::take(&mut self.pending);
        self.add(noun, pending);
        true
    }

    /// Does a noun follow at `from`, after further adjectives if `adjectives`?
    fn noun_ahead(&self, from: usize, adjectives: bool) -> bool {
        let mut at = from;
        while adjectives
            && at < from + 2
            && (lexicon::material(self.word(at)).is_some()
                || lexicon::color(self.word(at)).is_some())
            && self.noun_at(at).is_none()
        {
            at += 1;
        }
        // "every airplane orange": the second word describes, it is not described.
        self.noun_at(at).is_some()
            && (adjectives || lexicon::color(self.word(at)).is_none())
            && !VERBS.contains(&self.word(at))
    }

    fn noun_at(&self, ahead: usize) -> Option<(lexicon::Noun, usize)> {
        (1..=3).rev().find_map(|len| {
            let end = self.at + ahead + len;
            let span = self.tokens.get(self.at + ahead..end)?;
            if span[1..].iter().any(|t| t.clause) {
                return None;
            }
            let words: Vec<&str> = span.iter().map(|t| t.word.as_str()).collect();
            lexicon::noun(&words.join(" ")).map(|noun| (noun, len))
        })
    }

    fn add(&mut self, noun: lexicon::Noun, pending: Pending) {
        let count = pending.count.or((!noun.plural && !pending.definite).then_some(1));
        let mut group = Group {
            class: noun.class.to_owned(),
            count,
            color: pending.color,
            region: self.ahead.take(),
            size: pending.size,
            material: pending.material,
            ..Group::default()
        };
        group.stress.count = u8::from(pending.exact);
        if pending.negated {
            self.meaning.exclude.push(group);
            return;
        }
        let known = (!pending.another).then(|| self.known(&group, pending.definite)).flatten();
        let index = known.unwrap_or_else(|| {
            self.meaning.groups.push(group.clone());
            self.meaning.groups.len() - 1
        });
        if known.is_some() {
            merge(&mut self.meaning.groups[index], &group);
        }
        self.relate(index);
        self.last = Some(index);
    }

    /// The group that this mention speaks of again.
    fn known(&self, group: &Group, definite: bool) -> Option<usize> {
        self.meaning.groups.iter().position(|g| {
            let count = group.count.is_none_or(|n| definite || g.count.is_none_or(|m| m == n));
            let color = group.color.is_none() || g.color.is_none() || g.color == group.color;
            let region = group.region.is_none() || g.region.is_none() || g.region == group.region;
            let one_of = group.count == Some(1) && g.count.is_some_and(|m| m > 1);
            g.class == group.class && color && region && (count || one_of)
        })
    }

    fn relate(&mut self, object: usize) {
        if let Some((subject, region)) = self.relation.take().filter(|(s, _)| *s != object) {
            let relation = Relation { subject, region, object };
            if self.meaning.relations.contains(&relation) {
                self.meaning.groups[subject].stress.place += 1;
            } else {
                self.meaning.relations.push(relation);
            }
        }
        if let Some((subject, size)) = self.comparison.take().filter(|(s, _)| *s != object) {
            let other = if size == Size::Larger { Size::Smaller } else { Size::Larger };
            for (index, size) in [(subject, size), (object, other)] {
                let group = &mut self.meaning.groups[index];
                group.stress.size += u8::from(group.size == Some(size));
                group.size.get_or_insert(size);
            }
        }
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

fn is_canvas(word: &str) -> bool {
    matches!(word, "picture" | "image" | "frame" | "scene" | "photo" | "canvas" | "composition")
}

fn merge(group: &mut Group, again: &Group) {
    let one_of = again.count == Some(1) && group.count.is_some_and(|m| m > 1);
    if !one_of {
        group.stress.count +=
            again.stress.count + u8::from(again.count.is_some() && group.count == again.count);
        group.count = group.count.or(again.count);
    }
    group.stress.color += u8::from(again.color.is_some() && group.color == again.color);
    group.color = group.color.or(again.color);
    group.stress.place += u8::from(again.region.is_some() && group.region == again.region);
    group.region = group.region.or(again.region);
    group.stress.size += u8::from(again.size.is_some() && group.size == again.size);
    group.size = group.size.or(again.size);
    group.material = group.material.or(again.material);
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
        check("the number of strings on a violin", "a violin | number strings");
    }
}
