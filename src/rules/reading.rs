//! The table of readings: the words that models answer with, and what each of them says. All that
//! judges share it (judge, pointwise, pairwise, the blind readers, the solver).
//!
//! A word that is in no table is *unanswered* (None): neither a no, nor an unsure, nor a tie.
//! `tests/cases/readings.tsv` holds the cases, each with its right reading.

use serde_json::{Map, Value};

/// What a word says of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Yes,
    No,
    Unsure,
    /// `n/a`: who judges takes the check for one that does not arise.
    NotApplicable,
}

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    A,
    B,
    Tie,
}

/// What a text was found to conclude.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    Satisfied,
    Unsatisfied,
    Unclear,
}

const WORDS: [(Word, &[&str]); 4] = [
    (Word::Yes, &["yes", "y", "true"]),
    (Word::No, &["no", "n", "false"]),
    (
        Word::Unsure,
        &[
            "unsure",
            "not sure",
            "uncertain",
            "unclear",
            "unknown",
            "undetermined",
            "indeterminate",
            "cannot tell",
            "can not tell",
            "cant tell",
            "cannot say",
            "cannot determine",
            "cannot be told",
            "cannot be determined",
            "hard to tell",
        ],
    ),
    (
        Word::NotApplicable,
        &["n/a", "na", "n.a", "not applicable", "inapplicable", "does not apply", "void"],
    ),
];

const CONCLUSIONS: [(Conclusion, &[&str]); 3] = [
    (
        Conclusion::Satisfied,
        &["satisfied", "met", "fulfilled", "fully satisfied", "request met", "yes", "true"],
    ),
    (
        Conclusion::Unsatisfied,
        &[
            "unsatisfied",
            "not satisfied",
            "not fully satisfied",
            "dissatisfied",
            "unmet",
            "not met",
            "unfulfilled",
            "not fulfilled",
            "request not met",
            "no",
            "false",
        ],
    ),
    (
        Conclusion::Unclear,
        &["unclear", "unsure", "uncertain", "cannot tell", "cant tell", "not clear", "ambiguous"],
    ),
];

const TIES: [&str; 14] = [
    "tie",
    "a tie",
    "tied",
    "it is a tie",
    "draw",
    "a draw",
    "both",
    "both are equal",
    "both equal",
    "equal",
    "equally good",
    "neither",
    "neither is better",
    "same",
];

/// What may follow the letter of the better picture.
const BETTER: [&str; 10] = [
    "",
    "is better",
    "better",
    "wins",
    "is the better one",
    "is the better picture",
    "is the better image",
    "is the winner",
    "is preferred",
    "is better than",
];

/// An answer to one check.
pub fn word(value: &Value) -> Option<Word> {
    // What is asked for, and what is answered nearly always.
    match value.as_str() {
        Some("yes") => return Some(Word::Yes),
        Some("no") => return Some(Word::No),
        _ => {}
    }
    let text = plain(value)?;
    let (head, tail) = parted(&text);
    let word = find(&WORDS, head)?;
    let other = WORDS.iter().filter(|(w, _)| *w != word);
    (!contrary(tail, other.flat_map(|(_, list)| list.iter()))).then_some(word)
}

/// A yes or no without a third.
pub fn flag(value: &Value) -> Option<bool> {
    match word(value)? {
        Word::Yes => Some(true),
        Word::No => Some(false),
        Word::Unsure | Word::NotApplicable => None,
    }
}

/// A text's conclusion.
pub fn conclusion(value: &Value) -> Option<Conclusion> {
    let text = plain(value)?;
    let (head, tail) = parted(&text);
    let found = find(&CONCLUSIONS, head)?;
    let other = CONCLUSIONS.iter().filter(|(c, _)| *c != found);
    (!contrary(tail, other.flat_map(|(_, list)| list.iter()))).then_some(found)
}

/// Which of two pictures is better.
pub fn side(value: &Value) -> Option<Side> {
    let text = plain(value)?;
    let (head, tail) = parted(&text);
    if contrary(tail, ["a", "b", "tie"].iter()) {
        return None;
    }
    if TIES.contains(&head) {
        return Some(Side::Tie);
    }
    let mut words: Vec<&str> = head.split(' ').collect();
    for lead in [&["the"][..], &["picture", "image", "option", "photo", "candidate"]] {
        if words.len() > 1 && lead.contains(&words[0]) {
            words.remove(0);
        }
    }
    let (side, other) = match *words.first()? {
        "a" => (Side::A, "b"),
        "b" => (Side::B, "a"),
        _ => return None,
    };
    // “is better than picture B” names the other one.
    if words.len() > 2 && words.last() == Some(&other) {
        words.pop();
        words.pop_if(|w| matches!(*w, "picture" | "image" | "option" | "photo"));
    }
    BETTER.contains(&words[1..].join(" ").as_str()).then_some(side)
}

/// A score from 0 to 10. What lies outside is refused, not clamped: 80 was meant for another scale.
pub fn score(value: &Value) -> Option<f32> {
    let score = match value {
        Value::Number(n) => n.as_f64()?,
        _ => {
            let text = plain(value)?;
            let text = text.strip_prefix("score:").unwrap_or(&text).trim();
            let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
            let (number, rest) = text.split_at(end);
            let rest: String = rest.split_whitespace().collect();
            if !matches!(rest.as_str(), "" | "/10" | "/10.0" | "outof10" | "of10" | "points") {
                return None;
            }
            number.parse().ok()?
        }
    };
    (0.0..=10.0).contains(&score).then_some(score as f32)
}

/// The spellings of the field that holds a judge's own words.
pub const RATIONALE: [&str; 4] = ["rationale", "explanation", "judgement", "judgment"];

/// The value under the first of `names` that `object` has, whatever the case of its keys.
pub fn field<'a>(object: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| {
        let exact = object.get(*name);
        exact.or_else(|| object.iter().find(|(key, _)| id(key) == *name).map(|(_, v)| v))
    })
}

/// An id as it is compared: models write `A1`, `**a1**`, `Exact Count`, `exact-count`, `a1.`.
pub fn id(text: &str) -> String {
    let text = text.trim_matches(|c: char| !c.is_alphanumeric());
    text.chars()
        .map(|c| if matches!(c, ' ' | '-') { '_' } else { c.to_ascii_lowercase() })
        .collect()
}

/// A scalar as plain lower-case words: no bold, no quotation marks, no end mark.
fn plain(value: &Value) -> Option<String> {
    let text = match value {
        Value::Bool(yes) => return Some(yes.to_string()),
        Value::String(text) => text.to_lowercase(),
        _ => return None,
    };
    let bare: String = text
        .chars()
        .filter(|c| !matches!(c, '*' | '`' | '"' | '\'' | '\u{2018}'..='\u{201f}'))
        .collect();
    let mut text = bare.split_whitespace().collect::<Vec<_>>().join(" ");
    for label in ["answer:", "verdict:", "result:", "final answer:", "better:"] {
        if let Some(rest) = text.strip_prefix(label) {
            text = rest.trim().to_owned();
        }
    }
    let text = text.trim_matches(|c: char| matches!(c, '_' | '(' | '[' | ' ' | ')' | ']'));
    Some(text.trim_end_matches(['.', '!', ',', ';', ':', ' ', ')']).to_owned())
}

/// The word and what follows it behind a mark: `yes`, `clearly visible`.
fn parted(text: &str) -> (&str, &str) {
    const MARKS: [&str; 9] = [", ", ". ", "; ", ": ", " - ", " – ", " — ", " (", "! "];
    let at = MARKS.iter().filter_map(|mark| Some((text.find(mark)?, mark.len()))).min();
    let at = at.or_else(|| text.find(['—', '–']).map(|at| (at, '—'.len_utf8())));
    match at {
        Some((at, mark)) => (text[..at].trim(), text[at + mark..].trim()),
        None => (text.trim(), ""),
    }
}

fn find<T: Copy>(table: &[(T, &[&str])], head: &str) -> Option<T> {
    table.iter().find(|(_, words)| words.contains(&head)).map(|(what, _)| *what)
}

/// Whether what follows takes the word back: `yes, but …`, `no - yes`.
fn contrary<'a>(tail: &str, others: impl Iterator<Item = &'a &'a str>) -> bool {
    const TURNS: [&str; 6] = ["but", "however", "although", "though", "except", "unless"];
    let turns = tail.split(|c: char| !c.is_alphanumeric()).any(|w| TURNS.contains(&w));
    let (first, _) = parted(tail);
    turns || tail.starts_with("or ") || others.into_iter().any(|word| first == *word)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader makes of a value, as the cases write it.
    fn read(reader: &str, value: &Value) -> String {
        fn said<T: std::fmt::Debug>(reading: Option<T>) -> String {
            reading.map_or("unanswered".to_owned(), |r| format!("{r:?}").to_lowercase())
        }
        match reader {
            "answer" => said(word(value)),
            "flag" => said(flag(value)),
            "pair" => said(side(value)),
            "score" => said(score(value)),
            "conclusion" => said(conclusion(value)),
            "id" => id(value.as_str().expect("an id is text")),
            other => panic!("no reader `{other}`"),
        }
    }

    #[test]
    fn each_reading_is_the_right_one() {
        let cases = include_str!("../../tests/cases/readings.tsv");
        let rows = cases.lines().filter(|l| !l.is_empty() && !l.starts_with('#'));
        let mut wrong = Vec::new();
        let mut seen = 0;
        for row in rows {
            let cells: Vec<&str> = row.split('\t').collect();
            let [reader, value, wanted] = cells[..] else { panic!("three cells: {row}") };
            let value = serde_json::from_str(value).unwrap_or_else(|e| panic!("{row}: {e}"));
            let got = read(reader, &value);
            if got != wanted {
                wrong.push(format!("{reader} {value}: {got}, should be {wanted}"));
            }
            seen += 1;
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(seen > 100, "{seen}");
    }
}
