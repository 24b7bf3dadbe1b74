//! Sentences that models say: thinking, judgements, and the cues by which a reader re-derives a
//! verdict. Varied by seed, so that no two are alike.

use crate::env::Rng;
use crate::record::Answer;
use crate::sim::look::{Finding, Seen, overview};
use crate::sim::scene::{Group, Meaning, lexicon, say};

fn pick<'a>(rng: &mut Rng, items: &[&'a str]) -> &'a str {
    rng.pick(items).copied().unwrap_or("")
}

/// `text` with its first letter in upper case.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |c| c.to_uppercase().chain(chars).collect())
}

/// A sentence as a part of another: its first letter in lower case, without its full stop.
pub fn clause(sentence: &str) -> String {
    let mut chars = sentence.trim().trim_end_matches('.').chars();
    chars.next().map_or(String::new(), |c| c.to_lowercase().chain(chars).collect())
}

/// What goes through a teacher's mind before its first caption.
pub fn first_thought(request: &str, meaning: Option<&Meaning>, rng: &mut Rng) -> String {
    let short: String = request.chars().take(90).collect();
    let opening = pick(
        rng,
        &[
            "The user asks for a picture: ",
            "Let me read the request closely. ",
            "First I need to settle what is actually wanted here. ",
            "Okay, so what has to be in this picture? ",
            "Before calling the tool I should pin the request down. ",
            "What the user has in mind comes first. ",
        ],
    );
    let mut out = format!("{opening}\"{short}\". ");
    match meaning {
        Some(meaning) => plan(meaning, rng, &mut out),
        None => {
            out += pick(
                rng,
                &[
                    "Much of this is mood rather than countable things, so I will keep close to the wording and give the tool something concrete to hold on to. ",
                    "It leaves a lot open. I will stay with the words, choose one clear subject and keep the rest quiet. ",
                    "I am not certain what every part refers to, so the safest course is to describe it faithfully and add only light and framing. ",
                ],
            )
        }
    }
    out += pick(
        rng,
        &[
            "I will write it as one plain description and keep the setting quiet.",
            "A calm background will keep attention where it belongs. Time to call the tool.",
            "The caption should be literal, with nothing left for the generator to guess.",
            "So the caption names each thing once with everything that belongs to it.",
            "That is enough; more decoration would only compete with the subject.",
        ],
    );
    out
}

fn plan(meaning: &Meaning, rng: &mut Rng, out: &mut String) {
    *out += &format!(
        "{}{}. ",
        pick(
            rng,
            &[
                "Resolved, that means ",
                "In plain words: ",
                "What must be visible is ",
                "So the scene holds "
            ]
        ),
        say::summary(meaning)
    );
    for group in &meaning.groups {
        if rng.chance(0.75) {
            *out += &worry(group, rng);
        }
    }
    if !meaning.relations.is_empty() || meaning.groups.iter().any(|g| g.region.is_some()) {
        *out += pick(
            rng,
            &[
                "Sides get mixed up easily, so I will give each place in terms of the frame. ",
                "I should state the places as the viewer sees them. ",
                "The arrangement matters as much as the things themselves. ",
            ],
        );
    }
    if meaning.text.is_some() {
        *out += pick(
            rng,
            &[
                "The lettering has to be quoted letter by letter and given room. ",
                "Short lettering on a large board has the best chance of being spelt right. ",
            ],
        );
    }
}

fn worry(group: &Group, rng: &mut Rng) -> String {
    let noun = say::plain(group);
    match (group.count, group.color) {
        (Some(n), _) if n > 2 => {
            let number = lexicon::number_word(n);
            match rng.below(4) {
                0 => format!(
                    "Generators lose count beyond two or three, so {number} {noun} should stand apart in a row. "
                ),
                1 => format!("I count the {noun} out loud: {number}, no more and no fewer. "),
                2 => format!(
                    "The {noun} are the risky part; {number} of them must be separable at a glance. "
                ),
                _ => format!(
                    "For the {noun} I will restate the total, {number}, after placing them. "
                ),
            }
        }
        (_, Some(color)) => match rng.below(3) {
            0 => format!(
                "{} is not a colour to leave loose: it belongs to the {noun} and to nothing else. ",
                sentence(color)
            ),
            1 => format!("I will bind {color} directly to the {noun}. "),
            _ => format!("The {noun} must be {color} all over, even if that is unusual. "),
        },
        _ => match rng.below(3) {
            0 => format!("The {noun} needs to be unmistakable. "),
            1 => format!("As for the {noun}, a simple full view will do. "),
            _ => String::new(),
        },
    }
}

/// What goes through a reflector's mind after a judgement.
pub fn second_thought(faults: &[String], meaning: Option<&Meaning>, rng: &mut Rng) -> String {
    let mut out = String::from(pick(
        rng,
        &[
            "Looking at the result again, I see where the description let the generator down. ",
            "The first caption left room for this. ",
            "So the picture misses part of the request, and the wording explains why. ",
            "Let me go through what went wrong before I call the tool again. ",
            "The judgement is fair, and it points at the caption. ",
        ],
    ));
    for fault in faults.iter().take(3) {
        let lower = fault.trim_end_matches('.');
        out += &match rng.below(4) {
            0 => format!(
                "The trouble was that {lower}; this has to be tied down by place and by a repeated total. "
            ),
            1 => format!("{}, which tells me a single mention was not enough. ", sentence(lower)),
            2 => {
                format!("Because {lower}, I will say it more than once and bind it to the object. ")
            }
            _ => format!("One fault is plain: {lower}. "),
        };
    }
    if let Some(meaning) = meaning {
        out += &format!(
            "{}{}. ",
            pick(
                rng,
                &[
                    "The goal has not changed: ",
                    "What the user wants remains ",
                    "Everything still has to add up to "
                ]
            ),
            say::summary(meaning)
        );
    }
    out += pick(
        rng,
        &[
            "What already came out right stays in, as explicit as before, and the weak spots get stronger words.",
            "I keep the parts that worked and enumerate the rest so that nothing can merge or slip.",
            "I will restate numbers, bind colours in the same phrase and give every place in terms of the frame.",
            "A sparer scene with firmer wording should do it.",
        ],
    );
    out
}

/// J: prose on what is visible and what is missing. `satisfied` decides the closing sentence.
pub fn rationale(seen: &Seen, findings: &[Finding], satisfied: bool, rng: &mut Rng) -> String {
    let mut out = format!(
        "{}{}. ",
        pick(
            rng,
            &[
                "Going over the picture from left to right, ",
                "Looking closely, ",
                "Taking stock of the whole frame, ",
                "At first sight and on counting, "
            ]
        ),
        overview(seen)
    );
    let good = |f: &&Finding| f.answer == Answer::Yes;
    let mut goods: Vec<&str> = findings.iter().filter(good).map(|f| f.fact.as_str()).collect();
    goods.dedup();
    rng.shuffle(&mut goods);
    goods.truncate(3);
    if !goods.is_empty() {
        let facts: Vec<String> = goods.into_iter().map(str::to_owned).collect();
        out += &format!(
            "{}{}. ",
            pick(rng, &["As wanted, ", "What holds up: ", "It is right that ", "To its credit, "]),
            say::list(&facts)
        );
    }
    let mut bads: Vec<&str> =
        findings.iter().filter(|f| !good(f)).map(|f| f.fact.as_str()).collect();
    bads.dedup();
    for (i, fact) in bads.iter().take(4).enumerate() {
        out += &match (i, rng.below(3)) {
            (0, 0) => format!("However, {fact}. "),
            (0, 1) => format!("But {fact}. "),
            (0, _) => format!("The fault is that {fact}. "),
            (_, 0) => format!("Besides, {fact}. "),
            (_, 1) => format!("Also, {fact}. "),
            (_, _) => format!("{}. ", sentence(fact)),
        };
    }
    out += if satisfied {
        pick(
            rng,
            &[
                "Everything that was asked for is there.",
                "So the picture does what was asked.",
                "Nothing is missing; the request is met in full.",
                "All of the request can be seen, so it is fulfilled.",
            ],
        )
    } else {
        pick(
            rng,
            &[
                "So the picture does not yet do what was asked.",
                "It falls short of the request.",
                "The request is therefore not met.",
                "This needs another attempt before it is what was asked for.",
            ],
        )
    };
    out
}

const NEGATIVE: [&str; 16] = [
    "instead of",
    "there is no ",
    "is missing",
    "does not yet",
    "falls short",
    "not met",
    "needs another attempt",
    "although none",
    "too many",
    "cannot be made out",
    "is not ",
    "are not ",
    "nothing in it can be",
    "cannot be told",
    "the fault is",
    "was not asked for",
];
const POSITIVE: [&str; 4] =
    ["everything that was asked", "does what was asked", "is met in full", "it is fulfilled"];

/// What a text concludes: (names a fault, says all is well).
pub fn conclusion(text: &str) -> (bool, bool) {
    let lower = text.to_lowercase().replace("nothing is missing", "");
    let any = |cues: &[&str]| cues.iter().any(|c| lower.contains(c));
    (any(&NEGATIVE), any(&POSITIVE))
}

/// The sentences of a judgement that name a fault.
pub fn faults(judgement: &str) -> Vec<String> {
    const LEADS: [&str; 5] = ["However, ", "But ", "The fault is that ", "Besides, ", "Also, "];
    judgement
        .split(". ")
        .filter(|s| conclusion(s).0)
        .filter(|s| !s.contains("what was asked") && !s.contains("request"))
        .map(|s| LEADS.iter().find_map(|lead| s.strip_prefix(lead)).unwrap_or(s))
        .map(|s| s.trim().trim_end_matches('.').to_owned())
        .filter(|s| !s.is_empty())
        .collect()
}
