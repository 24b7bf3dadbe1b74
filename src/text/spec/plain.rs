//! Other words for the same list of things, put into the form that `parse` reads: `there are 5 clocks,
//! all of them red` becomes `5 red clocks`. Only what says nothing of the picture's content is left
//! out, so a prompt that asks for more is still read by nobody.

use crate::text::{lexicon, normalise, words};
use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// Openings that frame a request, longest first where one begins another.
const OPENINGS: [&str; 44] = [
    "i would like to see a picture of",
    "i would like a picture of",
    "i would like to see",
    "i would like",
    "i want to see",
    "i want a picture of",
    "i want an image of",
    "i want",
    "i need a picture of",
    "i need",
    "can you draw",
    "could you draw",
    "can you show me",
    "could you show me",
    "please show me",
    "please make a picture of",
    "please",
    "show me a picture of",
    "show me",
    "show",
    "give me a picture of",
    "give me",
    "make a picture of",
    "make an image of",
    "make",
    "generate",
    "create",
    "render",
    "imagine",
    "picture",
    "a picture showing",
    "a picture with",
    "a picture that shows",
    "an image showing",
    "an image with",
    "an image that shows",
    "an image depicting",
    "a photo showing",
    "a photo with",
    "a photo that shows",
    "a scene with",
    "a scene showing",
    "there is",
    "there are",
];

/// What stands for something shorter; the first that fits counts. Empty: says nothing.
const FOLDS: [(&str, &str); 84] = [
    ("half a dozen", "6"),
    ("a dozen", "12"),
    ("a pair of", "2"),
    ("a couple of", "2"),
    ("a trio of", "3"),
    ("a quartet of", "4"),
    ("a quintet of", "5"),
    ("a single", "1"),
    ("just one", "1"),
    ("only one", "1"),
    ("exactly", ""),
    ("precisely", ""),
    ("just", ""),
    ("in total", ""),
    ("altogether", ""),
    ("accompanied by", "and"),
    ("together with", "and"),
    ("along with", "and"),
    ("as well as", "and"),
    ("in addition to", "and"),
    ("alongside", "and"),
    ("plus", "and"),
    ("also", ""),
    ("on the left hand side", "on the left"),
    ("on the right hand side", "on the right"),
    ("on the left side", "on the left"),
    ("on the right side", "on the right"),
    ("on the left half", "on the left"),
    ("on the right half", "on the right"),
    ("in the left half", "on the left"),
    ("in the right half", "on the right"),
    ("in the left part", "on the left"),
    ("in the right part", "on the right"),
    ("to the left side", "on the left"),
    ("to the right side", "on the right"),
    ("at the left side", "on the left"),
    ("at the right side", "on the right"),
    ("at the left", "on the left"),
    ("at the right", "on the right"),
    ("in the top half", "at the top"),
    ("in the upper half", "at the top"),
    ("in the upper part", "at the top"),
    ("in the top part", "at the top"),
    ("on the top", "at the top"),
    ("up top", "at the top"),
    ("in the bottom half", "at the bottom"),
    ("in the lower half", "at the bottom"),
    ("in the lower part", "at the bottom"),
    ("in the bottom part", "at the bottom"),
    ("on the bottom", "at the bottom"),
    ("left hand side of", "left of"),
    ("right hand side of", "right of"),
    ("left side of", "left of"),
    ("right side of", "right of"),
    ("of the picture", ""),
    ("of the image", ""),
    ("of the photo", ""),
    ("of the frame", ""),
    ("of the scene", ""),
    ("in the picture", ""),
    ("in the image", ""),
    ("in the photo", ""),
    ("in the frame", ""),
    ("in the scene", ""),
    ("can be seen", ""),
    ("is visible", ""),
    ("are visible", ""),
    ("is shown", ""),
    ("are shown", ""),
    ("all of them", "which are"),
    ("all of which", "which"),
    ("both of them", "which are"),
    ("each of them", "which are"),
    ("that is", "which is"),
    ("that are", "which are"),
    ("in colour", "coloured"),
    ("in color", "coloured"),
    ("colored", "coloured"),
    ("hued", "coloured"),
    ("painted", "coloured"),
    ("larger sized", "larger"),
    ("smaller sized", "smaller"),
    ("beneath", "below"),
    ("underneath", "below"),
];

/// Finds whether a text holds what any fold begins with, all at once: most hold none.
static FOLDED: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(FOLDS.map(|(from, _)| format!(" {from} "))).ok());

/// Said of a thing that is somewhere; without it the place says the same.
const STANDS: [&str; 16] = [
    "located",
    "placed",
    "positioned",
    "situated",
    "standing",
    "stands",
    "stand",
    "sitting",
    "sits",
    "sit",
    "lying",
    "lies",
    "resting",
    "rests",
    "found",
    "appears",
];

/// Places as they stand after the folds.
const PLACES: [&[&str]; 4] = [
    &["on", "the", "left"],
    &["on", "the", "right"],
    &["at", "the", "top"],
    &["at", "the", "bottom"],
];

/// `text` as a plain list. What is not understood stays, for the reader to refuse.
pub fn plainer(text: &str) -> String {
    let text = text.trim().trim_end_matches(['.', '!', '?']);
    let parts: Vec<String> =
        text.split([',', ';', ':']).map(|part| fold(&normalise(part))).collect();
    let mut phrases: Vec<Vec<String>> = Vec::new();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        let tokens: Vec<&str> = words(part).collect();
        for phrase in tokens.split(|w| *w == "and") {
            add(phrase, &mut phrases);
        }
    }
    let said: Vec<String> = phrases.into_iter().map(|phrase| turned(phrase).join(" ")).collect();
    said.join(" and ")
}

/// Without its opening, and with every fold.
fn fold(part: &str) -> String {
    let mut rest = part;
    // `please draw a picture of`: one opening may follow another.
    for _ in 0..3 {
        let opening = OPENINGS.iter().filter(|o| starts(rest, o)).max_by_key(|o| o.len());
        let Some(opening) = opening else { break };
        rest = rest[opening.len()..].trim_start();
    }
    let mut out = format!(" {rest} ");
    if FOLDED.as_ref().is_some_and(|folded| !folded.is_match(&out)) {
        return rest.trim().to_owned();
    }
    for (from, to) in FOLDS {
        let (from, to) = (format!(" {from} "), format!(" {to} "));
        while let Some(at) = out.find(&from) {
            out.replace_range(at..at + from.len(), &to);
            out = out.replace("  ", " ");
        }
    }
    out.trim().to_owned()
}

fn starts(text: &str, opening: &str) -> bool {
    text.strip_prefix(opening).is_some_and(|rest| rest.starts_with(' '))
}

/// A phrase of its own, or what is said further of the one before: its colour, or its place.
fn add(phrase: &[&str], phrases: &mut Vec<Vec<String>>) {
    let own: Vec<String> = phrase.iter().map(|w| (*w).to_owned()).collect();
    if own.is_empty() {
        return;
    }
    let says_more = trailing(phrase) || PLACES.contains(&phrase);
    let waits = |before: &Vec<String>| {
        PLACES.iter().any(|place| before.iter().map(String::as_str).eq(place.iter().copied()))
    };
    match phrases.last_mut() {
        // `on the left, a dog`
        Some(last) if waits(last) => {
            let place = std::mem::replace(last, own);
            last.extend(place);
        }
        Some(last) if says_more => last.extend(own),
        _ => phrases.push(own),
    }
}

/// `red`, `coloured red`, `which are red`
fn trailing(phrase: &[&str]) -> bool {
    let rest: Vec<&&str> = phrase.iter().filter(|w| !is_joint(w)).collect();
    matches!(rest[..], [one] if lexicon::colour(one).is_some())
}

fn is_joint(word: &str) -> bool {
    matches!(word, "which" | "is" | "are" | "coloured" | "being" | "of" | "in" | "all" | "both")
}

/// Colour before the thing, place behind it, verbs of standing left out.
fn turned(phrase: Vec<String>) -> Vec<String> {
    let mut words: Vec<String> =
        phrase.into_iter().filter(|w| !STANDS.contains(&w.as_str())).collect();
    for place in PLACES {
        let starts = words.len() > place.len() && words.iter().zip(place).all(|(w, p)| w == p);
        if starts && words[place.len()] != "of" {
            words.rotate_left(place.len());
            let first = words.first().is_some_and(|w| w == "is" || w == "are");
            words.drain(..usize::from(first));
            if words.first().is_some_and(|w| w == "there") {
                words.remove(0);
            }
        }
    }
    colour_first(&mut words);
    // `a dog is on the left`, `5 clocks which are on the left`
    words.retain(|w| !matches!(w.as_str(), "which" | "is" | "are" | "coloured" | "being"));
    words
}

/// Where a colour follows the thing behind a joint, it goes before it.
fn colour_first(words: &mut Vec<String>) {
    let joint = words.iter().skip(1).position(|w| is_joint(w)).map(|at| at + 1);
    let Some(joint) = joint else { return };
    let end = words[joint..].iter().position(|w| !is_joint(w)).map(|n| joint + n);
    // `a cup red in colour` has its colour before the joint, `a cup coloured red` behind it.
    let before = joint.checked_sub(1).filter(|at| *at > 1 && is_colour(&words[*at]));
    let behind = end.filter(|at| is_colour(&words[*at]));
    let plain = |at: usize| words.get(at + 1).is_none_or(|next| next != "of");
    let Some(at) = behind.or(before).filter(|at| plain(*at)) else { return };
    let colour = words.remove(at);
    let counted = |w: &String| {
        matches!(w.as_str(), "a" | "an" | "the")
            || lexicon::number(w).is_some()
            || lexicon::size(w).is_some()
    };
    let place = words.iter().take_while(|w| counted(w)).count();
    words.insert(place, colour);
    // What joined the colour to its thing has nothing left to join.
    let joint = if at > joint { joint + 1 } else { joint };
    let last = words[joint.min(words.len())..].iter().take_while(|w| is_joint(w)).count();
    let from = joint.min(words.len());
    words.drain(from..from + last);
}

fn is_colour(word: &str) -> bool {
    lexicon::colour(word).is_some()
}
