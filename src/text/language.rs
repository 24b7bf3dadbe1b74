//! A guess at a prompt's language, for a pool's report: by script, then by small words. No decision
//! rests on it: a prompt of three Latin words is often `und`.

use crate::text::{normalise, words};
use std::collections::HashMap;
use std::sync::LazyLock;

const SMALL_WORDS: [(&str, &[&str]); 7] = [
    (
        "en",
        &[
            "a", "an", "the", "of", "and", "with", "in", "on", "is", "are", "to", "at", "photo",
            "by", "from", "one", "two", "three",
        ],
    ),
    (
        "es",
        &[
            "el", "la", "los", "las", "una", "uno", "con", "del", "y", "en", "por", "unos", "unas",
            "dos",
        ],
    ),
    (
        "fr",
        &["le", "les", "des", "une", "avec", "et", "dans", "du", "sur", "est", "au", "aux", "deux"],
    ),
    (
        "de",
        &[
            "der", "die", "das", "ein", "eine", "einen", "mit", "und", "auf", "im", "ist", "vor",
            "zwei",
        ],
    ),
    ("pt", &["o", "os", "um", "uma", "com", "em", "na", "no", "dois", "duas", "ao", "da", "do"]),
    ("it", &["il", "lo", "gli", "una", "con", "di", "che", "nel", "nella", "sul", "due", "della"]),
    ("nl", &["de", "het", "een", "met", "en", "van", "op", "twee", "naast", "voor"]),
];

/// A small word's languages: bit n for the n-th of the table.
static OF_WORD: LazyLock<HashMap<&str, u8>> = LazyLock::new(|| {
    let mut languages = HashMap::new();
    for (at, (_, list)) in SMALL_WORDS.into_iter().enumerate() {
        list.iter().for_each(|word| *languages.entry(*word).or_default() |= 1 << at);
    }
    languages
});

/// An ISO 639-1 code, or `und` where nothing speaks for one.
pub fn guess(text: &str) -> &'static str {
    if let Some(code) = by_script(text) {
        return code;
    }
    let mut scores = [0usize; SMALL_WORDS.len()];
    for word in words(&normalise(text)) {
        let languages = OF_WORD.get(word).copied().unwrap_or_default();
        (0..scores.len()).for_each(|at| scores[at] += usize::from(languages >> at & 1));
    }
    let mut best = ("und", 0usize);
    for ((code, _), score) in SMALL_WORDS.into_iter().zip(scores) {
        if score > best.1 {
            best = (code, score);
        }
    }
    // English nouns without small words are what short prompts are made of.
    if best.1 == 0 && text.is_ascii() && text.bytes().any(|b| b.is_ascii_alphabetic()) {
        return "en";
    }
    best.0
}

fn by_script(text: &str) -> Option<&'static str> {
    if text.is_ascii() {
        return None;
    }
    let mut counts = [0usize; 10];
    const CODES: [&str; 10] = ["", "zh", "ja", "ko", "ru", "ar", "hi", "th", "el", "he"];
    let mut letters = 0usize;
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        letters += 1;
        let script = match c {
            '\u{3040}'..='\u{30ff}' => 2,
            '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' => 1,
            '\u{ac00}'..='\u{d7af}' | '\u{1100}'..='\u{11ff}' => 3,
            '\u{0400}'..='\u{04ff}' => 4,
            '\u{0600}'..='\u{06ff}' => 5,
            '\u{0900}'..='\u{097f}' => 6,
            '\u{0e00}'..='\u{0e7f}' => 7,
            '\u{0370}'..='\u{03ff}' => 8,
            '\u{0590}'..='\u{05ff}' => 9,
            _ => 0,
        };
        counts[script] += 1;
    }
    // Japanese mixes its own letters into Chinese characters.
    if counts[2] > 0 && (counts[1] + counts[2]) * 3 > letters {
        return Some("ja");
    }
    (1..10).find(|&i| counts[i] * 3 > letters).map(|i| CODES[i])
}

#[cfg(test)]
mod tests {
    use super::guess;

    #[test]
    fn common_cases() {
        for (text, code) in [
            ("a photo of five clocks", "en"),
            ("一只红色的猫", "zh"),
            ("赤い猫がいる", "ja"),
            ("빨간 고양이", "ko"),
            ("красная кошка", "ru"),
            ("una foto de un gato con sombrero en la calle", "es"),
            ("eine Katze auf dem Tisch mit einem Hut", "de"),
            ("une photo d'un chat avec un chapeau dans la rue", "fr"),
            ("yin-yang", "en"),
            ("42", "und"),
        ] {
            assert_eq!(guess(text), code, "{text}");
        }
    }
}
