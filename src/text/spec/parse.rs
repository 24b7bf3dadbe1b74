//! Reads a spec from a plain list of things: `a photo of two red cups on the left and a dog`.
//!
//! It reads all or nothing: a word that is not understood means None, since a wrong spec is worse
//! than none.

use super::class;
use super::singular::{is_phrase, singular};
use crate::record::{Region, Relation, Size, Spec, SpecObject};
use crate::text::{lexicon, normalise, words};

/// Longest text that is tried, in words.
const MAX_WORDS: usize = 40;
const MAX_COUNT: u32 = 100;

/// The spec of a prompt that lists things with counts, colours, sizes, materials and places, or
/// None where any part is something else.
pub fn parse(text: &str) -> Option<Spec> {
    let text = text.trim().trim_end_matches(['.', '!']);
    if text.len() > MAX_WORDS * 20 || text.contains(['.', '!', '?', '"', ':', ';', '\n']) {
        return None;
    }
    let parts: Vec<String> = text.split(',').map(normalise).collect();
    let mut tokens: Vec<&str> = Vec::new();
    for part in &parts {
        if !tokens.is_empty() {
            tokens.push(",");
        }
        tokens.extend(words(part));
    }
    if tokens.len() > MAX_WORDS {
        return None;
    }
    let tokens = strip_frame(&tokens);
    let mut spec = Spec::default();
    for phrase in tokens.split(|w| *w == "," || *w == "and") {
        if !phrase.is_empty() {
            read_phrase(phrase, &mut spec)?;
        }
    }
    (!spec.include.is_empty()).then_some(spec)
}

fn strip_frame<'a, 'b>(tokens: &'a [&'b str]) -> &'a [&'b str] {
    lexicon::FRAMES
        .iter()
        .find(|frame| tokens.starts_with(frame))
        .map_or(tokens, |frame| &tokens[frame.len()..])
}

/// Ways to say that the thing before stands somewhere by the thing after.
const RELATIONS: [(&[&str], Region); 16] = [
    (&["to", "the", "left", "of"], Region::Left),
    (&["on", "the", "left", "of"], Region::Left),
    (&["left", "of"], Region::Left),
    (&["to", "the", "right", "of"], Region::Right),
    (&["on", "the", "right", "of"], Region::Right),
    (&["right", "of"], Region::Right),
    (&["on", "the", "top", "of"], Region::Above),
    (&["on", "top", "of"], Region::Above),
    (&["above"], Region::Above),
    (&["over"], Region::Above),
    (&["on", "the", "bottom", "of"], Region::Below),
    (&["at", "the", "bottom", "of"], Region::Below),
    (&["below"], Region::Below),
    (&["under"], Region::Below),
    (&["beneath"], Region::Below),
    (&["underneath"], Region::Below),
];

/// Ways to say where in the picture; they end the phrase.
const PLACES: [(&[&str], Region); 14] = [
    (&["on", "the", "left", "side"], Region::Left),
    (&["on", "the", "left"], Region::Left),
    (&["at", "the", "left"], Region::Left),
    (&["on", "the", "right", "side"], Region::Right),
    (&["on", "the", "right"], Region::Right),
    (&["at", "the", "right"], Region::Right),
    (&["on", "the", "above"], Region::Above),
    (&["at", "the", "top"], Region::Above),
    (&["on", "the", "top"], Region::Above),
    (&["in", "the", "upper", "part"], Region::Above),
    (&["on", "the", "below"], Region::Below),
    (&["at", "the", "bottom"], Region::Below),
    (&["on", "the", "bottom"], Region::Below),
    (&["in", "the", "lower", "part"], Region::Below),
];

fn read_phrase(phrase: &[&str], spec: &mut Spec) -> Option<()> {
    for (place, region) in PLACES {
        if let Some(noun) = phrase.strip_suffix(place) {
            spec.include.push(SpecObject { region: Some(region), ..read_noun(noun)? });
            return Some(());
        }
    }
    for at in 1..phrase.len() {
        let Some((way, region)) = RELATIONS.iter().find(|(w, _)| phrase[at..].starts_with(w))
        else {
            continue;
        };
        let (subject, object) = (read_noun(&phrase[..at])?, read_noun(&phrase[at + way.len()..])?);
        let first = spec.include.len();
        spec.include.extend([subject, object]);
        spec.relations.push(Relation { subject: first, region: *region, object: first + 1 });
        return Some(());
    }
    spec.include.push(read_noun(phrase)?);
    Some(())
}

const MATERIALS: [&str; 14] = [
    "wooden", "metal", "metallic", "plastic", "rubber", "leather", "fabric", "stone", "ceramic",
    "glass", "paper", "marble", "brass", "fluffy",
];

/// `[a|the|count] [larger|smaller] [colour] [material] class`.
fn read_noun(tokens: &[&str]) -> Option<SpecObject> {
    let mut rest = tokens;
    let mut take = |test: &dyn Fn(&str) -> bool| match rest.split_first() {
        Some((first, tail)) if test(first) => {
            rest = tail;
            Some(*first)
        }
        _ => None,
    };
    let article = take(&|w| matches!(w, "a" | "an" | "the")).is_some();
    let count = take(&|w| lexicon::number(w).is_some()).and_then(lexicon::number);
    if count.is_some() {
        take(&|w| w == "of");
    }
    let size = take(&|w| size(w).is_some()).and_then(size);
    let color = take(&|w| lexicon::colour(w).is_some()).and_then(lexicon::colour);
    let material = take(&|w| MATERIALS.contains(&w));
    let (rest, material) = match rest {
        // `a glass` is the thing, `a glass bottle` is made of it.
        [] => (&tokens[tokens.len() - usize::from(material.is_some())..], None),
        named => (named, material),
    };
    let count = count.or(article.then_some(1))?;
    let nouns = rest.len() <= 3 && rest.iter().all(|w| is_noun_like(w));
    let known = !rest.is_empty() && (nouns || is_phrase(rest));
    if !known || count == 0 || count > MAX_COUNT || (article && count == 1 && is_plural(rest)) {
        return None;
    }
    Some(SpecObject {
        class: class(&rest.join(" ")),
        count,
        color: color.map(str::to_owned),
        region: None,
        size,
        material: material.map(str::to_owned),
    })
}

fn size(word: &str) -> Option<Size> {
    match lexicon::size(word)? {
        "large" => Some(Size::Larger),
        "small" => Some(Size::Smaller),
        _ => None,
    }
}

/// `the clocks` says no count. (`a skis` and `one cats` do; benchmarks hold them.)
fn is_plural(noun: &[&str]) -> bool {
    noun.last().is_some_and(|last| singular(last) != *last)
}

/// Nouns that end like a verb's form.
const ING: [&str; 12] = [
    "ring", "string", "wing", "king", "building", "painting", "ceiling", "earring", "pudding",
    "dining", "swing", "spring",
];

fn is_noun_like(word: &str) -> bool {
    let verb_like = word.ends_with("ing") && !ING.contains(&word);
    let ascii = word.bytes().all(|b| b.is_ascii_alphabetic());
    let grammar = lexicon::is_filler(word)
        || lexicon::slot(word).is_some()
        || matches!(
            word,
            "or" | "but"
                | "while"
                | "who"
                | "whose"
                | "when"
                | "where"
                | "most"
                | "only"
                | "all"
                | "each"
                | "every"
                | "both"
                | "other"
                | "another"
                | "same"
                | "his"
                | "her"
                | "their"
                | "my"
                | "our"
                | "your"
                | "made"
                | "than"
                | "like"
                | "style"
        );
    ascii && !verb_like && !grammar
}
