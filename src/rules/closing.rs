//! What the last sentence of a rationale says of the request: met, not met, or nothing that can be
//! told by words. A closing that goes against the answers before it is a contradiction.
//!
//! Only plain words count, and only in the last sentence: a wrong alarm costs a second ask, a miss is
//! left to the blind reader (`consistency`).

const NOT: [&str; 11] = [
    "not", "doesnt", "dont", "didnt", "isnt", "arent", "wasnt", "cannot", "cant", "never", "hardly",
];
/// What a `NOT` takes back, when it follows within five words, or within three.
const FAR: [&str; 10] = [
    "meet",
    "match",
    "fulfil",
    "fulfill",
    "satisfy",
    "deliver",
    "met",
    "fulfilled",
    "satisfied",
    "done",
];
const NEAR: [&str; 4] = ["do", "answer", "what", "asked"];
/// Said of a request that is not met.
const UNMET: [&str; 11] = [
    "falls short",
    "fell short",
    "fails to",
    "failed to",
    "unmet",
    "unfulfilled",
    "unsatisfied",
    "another attempt",
    "another try",
    "only partly",
    "only partially",
];

const DOES: [&str; 7] = ["does", "do", "meets", "fulfils", "fulfills", "satisfies", "matches"];
const ASKED: [&str; 6] = ["asked", "request", "requested", "wanted", "brief", "order"];
const DONE: [&str; 4] = ["met", "fulfilled", "satisfied", "done"];
/// Between a request and its `DONE`, or after a `DOES`, these make it something else.
const LESS: [&str; 11] = [
    "only",
    "partly",
    "partially",
    "nearly",
    "almost",
    "mostly",
    "more",
    "less",
    "than",
    "fewer",
    "most",
];
/// Said of a request that is met.
const MET: [&str; 8] = [
    "nothing is missing",
    "nothing that was asked for is missing",
    "met in full",
    "it is fulfilled",
    "everything that was asked for is there",
    "everything asked for is there",
    "as requested",
    "as asked",
];

/// Some(true): the text closes by saying that the request is met; Some(false): that it is not.
pub fn closing(rationale: &str) -> Option<bool> {
    let lower = rationale.to_lowercase().replace(['\u{2019}', '\''], "");
    let mut sentences = lower.rsplit(['.', '!', '?', '\n']);
    let last = sentences.find(|s| s.chars().any(char::is_alphabetic))?;
    let words: Vec<&str> =
        last.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    match (refuses(&words), accepts(&words)) {
        (true, false) => Some(false),
        (false, true) => Some(true),
        // Neither, or a clause for each: a reader must weigh them.
        _ => None,
    }
}

fn refuses(words: &[&str]) -> bool {
    let taken_back = (0..words.len()).filter(|at| NOT.contains(&words[*at])).any(|at| {
        let mut after = words.iter().skip(at + 1).take(5).enumerate();
        after.any(|(n, w)| FAR.contains(w) || n < 3 && NEAR.contains(w))
    });
    taken_back || any(words, &UNMET)
}

fn accepts(words: &[&str]) -> bool {
    let plain = |between: &[&str]| !between.iter().any(|w| LESS.contains(w) || NOT.contains(w));
    let follows = |first: &[&str], second: &[&str], reach: usize| {
        (0..words.len()).filter(|at| first.contains(&words[*at])).any(|at| {
            let negated = words[at.saturating_sub(3)..at].iter().any(|w| NOT.contains(w));
            let rest = &words[at + 1..];
            let found = rest.iter().take(reach).position(|w| second.contains(w));
            !negated && found.is_some_and(|n| plain(&rest[..n]))
        })
    };
    let negative = words.iter().any(|w| NOT.contains(w) || LESS.contains(w) || *w == "instead");
    follows(&DOES, &ASKED, 5) || follows(&ASKED, &DONE, 6) || !negative && any(words, &MET)
}

fn any(words: &[&str], phrases: &[&str]) -> bool {
    let said = format!(" {} ", words.join(" "));
    phrases.iter().any(|phrase| said.contains(&format!(" {phrase} ")))
}

#[cfg(test)]
mod tests {
    use super::closing;

    #[test]
    fn each_closing_is_read_as_it_is_labelled() {
        let cases = include_str!("../../tests/cases/closings.tsv");
        let mut wrong = Vec::new();
        for row in cases.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
            let (label, text) = row.split_once('\t').expect("two cells");
            let wanted = match label {
                "met" => Some(true),
                "unmet" => Some(false),
                "untold" => None,
                other => panic!("no label `{other}`"),
            };
            if closing(text) != wanted {
                wrong.push(format!("{label}: {text}: {:?}", closing(text)));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
