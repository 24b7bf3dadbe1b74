//! Small closed word lists: numbers, colours, relations, sizes, negations, words without content.
//!
//! Two prompts that differ in one of these (a slot) ask for different pictures, no matter how alike
//! they look (`dedup`), and a benchmark prompt with its slots changed is still that benchmark's
//! template (`mask`, `decontam`).

/// What kind of slot a word fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slot {
    Number,
    Colour,
    Relation,
    Size,
    Negation,
}

/// The value of a number in words or digits, up to a million: `five`, `5`, `twelve`, `dozen`.
pub fn number(word: &str) -> Option<u32> {
    if word.bytes().all(|b| b.is_ascii_digit()) && (1..=7).contains(&word.len()) {
        return word.parse().ok();
    }
    if !word.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    Some(match word {
        "zero" => 0,
        "one" => 1,
        "two" => 2,
        "three" => 3,
        "four" => 4,
        "five" => 5,
        "six" => 6,
        "seven" => 7,
        "eight" => 8,
        "nine" => 9,
        "ten" => 10,
        "eleven" => 11,
        "twelve" => 12,
        "thirteen" => 13,
        "fourteen" => 14,
        "fifteen" => 15,
        "sixteen" => 16,
        "seventeen" => 17,
        "eighteen" => 18,
        "nineteen" => 19,
        "twenty" => 20,
        "thirty" => 30,
        "forty" => 40,
        "fifty" => 50,
        "sixty" => 60,
        "seventy" => 70,
        "eighty" => 80,
        "ninety" => 90,
        "hundred" => 100,
        "thousand" => 1000,
        "dozen" => 12,
        "pair" | "couple" => 2,
        _ => return None,
    })
}

/// The colour's one spelling, if the word is a colour.
pub fn colour(word: &str) -> Option<&'static str> {
    Some(match word {
        "grey" | "gray" => "grey",
        "gold" | "golden" => "gold",
        "transparent" | "colorless" | "colourless" => "transparent",
        "red" => "red",
        "orange" => "orange",
        "yellow" => "yellow",
        "green" => "green",
        "blue" => "blue",
        "purple" => "purple",
        "pink" => "pink",
        "brown" => "brown",
        "black" => "black",
        "white" => "white",
        "silver" => "silver",
        "cyan" => "cyan",
        "magenta" => "magenta",
        "turquoise" => "turquoise",
        "teal" => "teal",
        "violet" => "violet",
        "indigo" => "indigo",
        "beige" => "beige",
        "maroon" => "maroon",
        "navy" => "navy",
        "lavender" => "lavender",
        "crimson" => "crimson",
        "scarlet" => "scarlet",
        "tan" => "tan",
        "ivory" => "ivory",
        "lime" => "lime",
        "olive" => "olive",
        "peach" => "peach",
        "amber" => "amber",
        _ => return None,
    })
}

/// The relation's one spelling, if the word places one thing by another.
pub fn relation(word: &str) -> Option<&'static str> {
    Some(match word {
        "left" => "left",
        "right" => "right",
        "above" | "over" | "atop" => "above",
        "below" | "under" | "beneath" | "underneath" => "below",
        "top" => "top",
        "bottom" => "bottom",
        "behind" => "behind",
        "front" => "front",
        "inside" | "into" => "inside",
        "outside" => "outside",
        "between" => "between",
        "beside" | "near" | "next" | "side" | "alongside" => "beside",
        "on" => "on",
        "in" | "within" => "in",
        "hidden" => "hidden",
        "around" => "around",
        "through" => "through",
        "against" => "against",
        "edge" | "corner" => "edge",
        "middle" | "center" | "centre" => "middle",
        "back" => "back",
        "upper" => "upper",
        "lower" => "lower",
        _ => return None,
    })
}

/// Larger or smaller, in many words.
pub fn size(word: &str) -> Option<&'static str> {
    Some(match word {
        "large" | "larger" | "largest" | "big" | "bigger" | "biggest" | "huge" | "giant"
        | "gigantic" | "enormous" => "large",
        "small" | "smaller" | "smallest" | "tiny" | "little" | "miniature" => "small",
        "tall" | "taller" | "tallest" => "tall",
        "short" | "shorter" | "shortest" => "short",
        _ => return None,
    })
}

/// Words that turn a meaning round.
pub fn is_negation(word: &str) -> bool {
    matches!(word, "no" | "not" | "without" | "never" | "neither" | "nor" | "except" | "none")
        || (word.ends_with("nt") && matches!(word, "isnt" | "arent" | "dont" | "doesnt" | "cant"))
}

/// How a picture is made, if the word says so: a cartoon of a house is no photo of one.
pub fn style(word: &str) -> Option<&'static str> {
    Some(match word {
        "cartoon" | "cartoons" | "comic" => "cartoon",
        "painting" | "paintings" => "painting",
        "watercolor" | "watercolour" => "watercolour",
        "drawing" | "drawings" | "sketch" | "sketches" => "drawing",
        "illustration" | "illustrations" => "illustration",
        "emoji" => "emoji",
        "logo" | "icon" => "logo",
        "anime" | "manga" => "anime",
        "sculpture" | "statue" => "sculpture",
        "poster" => "poster",
        "mosaic" => "mosaic",
        _ => return None,
    })
}

/// Words that praise a picture and ask for nothing in it (`highly detailed, sharp focus, 8k`).
pub const PRAISE: [&str; 22] = [
    "sharp",
    "focus",
    "high",
    "highly",
    "quality",
    "detail",
    "details",
    "detailed",
    "intricate",
    "resolution",
    "8k",
    "4k",
    "hd",
    "uhd",
    "hdr",
    "masterpiece",
    "best",
    "award",
    "winning",
    "professional",
    "beautiful",
    "stunning",
];

/// The slot a word fills and its one spelling's hash-ready text; numbers as digits.
pub fn slot(word: &str) -> Option<(Slot, std::borrow::Cow<'static, str>)> {
    use std::borrow::Cow::{Borrowed, Owned};
    if let Some(n) = number(word) {
        return Some((Slot::Number, Owned(n.to_string())));
    }
    if let Some(c) = colour(word) {
        return Some((Slot::Colour, Borrowed(c)));
    }
    if let Some(r) = relation(word) {
        return Some((Slot::Relation, Borrowed(r)));
    }
    if let Some(s) = size(word) {
        return Some((Slot::Size, Borrowed(s)));
    }
    is_negation(word).then_some((Slot::Negation, Borrowed("not")))
}

/// True for words that say nothing of the picture's content: articles, copulas, and the frames
/// (`a photo of`, `please draw`) that pools put round a prompt.
pub fn is_filler(word: &str) -> bool {
    matches!(
        word,
        "a" | "an"
            | "the"
            | "of"
            | "and"
            | "is"
            | "are"
            | "was"
            | "were"
            | "be"
            | "being"
            | "to"
            | "with"
            | "at"
            | "by"
            | "for"
            | "from"
            | "as"
            | "its"
            | "it"
            | "this"
            | "that"
            | "these"
            | "those"
            | "there"
            | "has"
            | "have"
            | "having"
            | "some"
            | "very"
            | "which"
            | "please"
            | "draw"
            | "create"
            | "generate"
            | "make"
            | "paint"
            | "depict"
            | "show"
            | "capture"
            | "produce"
            | "render"
            | "photo"
            | "photograph"
            | "picture"
            | "image"
            | "drawing"
            | "illustration"
            | "depicting"
            | "showing"
            | "me"
    )
}

/// Frames round the content, as word sequences; longest first.
pub const FRAMES: [&[&str]; 20] = [
    &["please", "generate", "an", "image", "of"],
    &["generate", "an", "image", "of"],
    &["create", "an", "image", "of"],
    &["draw", "a", "picture", "of"],
    &["a", "high", "quality", "photo", "of"],
    &["a", "realistic", "photo", "of"],
    &["a", "photograph", "of"],
    &["a", "picture", "of"],
    &["an", "image", "of"],
    &["an", "illustration", "of"],
    &["a", "drawing", "of"],
    &["a", "photo", "of"],
    &["the", "photo", "of"],
    &["photo", "of"],
    &["image", "of"],
    &["picture", "of"],
    &["please", "draw"],
    &["please", "depict"],
    &["draw"],
    &["depict"],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_words_are_one_number() {
        assert_eq!(number("5"), number("five"));
        assert_eq!(number("12"), number("dozen"));
        assert_eq!(number("fives"), None);
        assert_eq!(number(""), None);
    }

    #[test]
    fn frames_are_tried_longest_first() {
        for (i, long) in FRAMES.iter().enumerate() {
            for earlier in &FRAMES[..i] {
                assert!(!long.starts_with(earlier), "{long:?} is hidden by {earlier:?}");
            }
        }
    }
}
