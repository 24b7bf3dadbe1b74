//! Numbers and nouns: a mention of a class becomes a group, or strengthens one that is there.

use crate::record::{Relation, Size};
use crate::sim::scene::parse::{Pending, Reader};
use crate::sim::scene::{Group, lexicon};

/// Nouns that are mostly something else unless an article or adjective announces them.
const VERBS: [&str; 17] = [
    "can", "saw", "top", "present", "slide", "swing", "drill", "spring", "seal", "bow", "fan",
    "swallow", "net", "target", "iron", "screw", "hook",
];

impl Reader<'_> {
    pub(super) fn amount(&mut self) -> bool {
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
            let len = phrase.split(' ').count();
            // Scissors and trousers are pairs already.
            let paired = phrase == "a pair of"
                && self.noun_at(len).is_some_and(|(noun, _)| lexicon::is_pair(noun.class));
            self.pending.count = Some(if paired { 1 } else { n });
            self.at += len;
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
    pub(super) fn noun(&mut self) -> bool {
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

    pub(super) fn noun_at(&self, ahead: usize) -> Option<(lexicon::Noun, usize)> {
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
        match known {
            Some(_) => merge(&mut self.meaning.groups[index], &group),
            // "the lamp" that was not spoken of before is one lamp.
            None if !noun.plural && !pending.each => {
                self.meaning.groups[index].count.get_or_insert(1);
            }
            None => {}
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
