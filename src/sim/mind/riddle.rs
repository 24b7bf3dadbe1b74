//! Riddles: plain words to roundabout ones by a table of phrases, and back.
//!
//! The generator has no access to this table, so a riddle drawn as it stands fails; writer, solver,
//! teacher and reflector have it, as real language models have knowledge.

use crate::env::Rng;
use crate::record::{Region, Relation, Size, Spec};
use crate::sim::World;
use crate::sim::scene::{Group, Meaning, lexicon, words};
use memchr::memmem;
use std::collections::HashMap;
use std::sync::OnceLock;

static TABLE: &str = include_str!("phrases.txt");
static POOL: &str = include_str!("../../../data/pool/prompts.jsonl");

struct Phrase {
    kind: &'static str,
    word: &'static str,
    text: &'static str,
    /// Looks for the text in lower case; made once, since every request to a thinking role is
    /// searched for all phrases.
    finder: memmem::Finder<'static>,
}

fn table() -> &'static [Phrase] {
    static PHRASES: OnceLock<Vec<Phrase>> = OnceLock::new();
    PHRASES.get_or_init(|| {
        let lines = TABLE.lines().filter(|l| !l.starts_with('#'));
        let parse = |line: &'static str| {
            let (head, phrases) = line.split_once(": ")?;
            let (kind, word) = head.split_once(' ')?;
            Some(phrases.split(" | ").map(str::trim).map(move |text| {
                let lower = text.to_lowercase();
                let finder = memmem::Finder::new(&lower).into_owned();
                Phrase { kind, word, text, finder }
            }))
        };
        lines.filter_map(parse).flatten().collect()
    })
}

/// The sample pool's prompts with what they mean: the world's general knowledge.
fn knowledge() -> &'static HashMap<String, Known> {
    #[derive(serde::Deserialize)]
    struct PoolLine {
        prompt: String,
        spec: Option<Spec>,
        #[serde(default)]
        gloss: String,
    }
    static KNOWN: OnceLock<HashMap<String, Known>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let rows = POOL.lines().filter_map(|line| serde_json::from_str::<PoolLine>(line).ok());
        let known = |row: PoolLine| {
            let spec = row.spec?;
            let riddle = !row.gloss.is_empty();
            let meaning = Meaning::from_spec(&spec);
            Some((words(&row.prompt).join(" "), Known { meaning, riddle }))
        };
        rows.filter_map(known).collect()
    })
}

/// A prompt that the world knows.
struct Known {
    meaning: Meaning,
    /// It had to be resolved, which may go wrong.
    riddle: bool,
}

fn phrase(kind: &str, word: &str, rng: &mut Rng) -> Option<&'static str> {
    let all: Vec<&Phrase> = table().iter().filter(|p| p.kind == kind && p.word == word).collect();
    rng.pick(&all).map(|p| p.text)
}

/// `meaning` as a riddle in a style; with `flaw` something is given away or lost.
pub fn write(meaning: &Meaning, style: &str, flaw: bool, rng: &mut Rng) -> String {
    let opener = phrase("opener", style, rng)
        .or_else(|| phrase("opener", "function", rng))
        .unwrap_or("Depict");
    let slip = if flaw { rng.below(meaning.groups.len().max(1)) } else { usize::MAX };
    let parts: Vec<String> = meaning
        .groups
        .iter()
        .enumerate()
        .map(|(i, g)| part(g, implied(meaning, i), i == slip, rng))
        .collect();
    let joint = *rng.pick(&["; then ", "; together with ", "; and "]).unwrap_or(&"; ");
    let mut out = format!("{opener} {}", parts.join(joint));
    if let Some(text) = &meaning.text {
        out += &format!("; and lettering that reads \"{text}\"");
    }
    out.push('.');
    out
}

/// The region that a relation gives group `i` when it has none of its own.
fn implied(meaning: &Meaning, i: usize) -> Option<Region> {
    let opposite = |r: Region| match r {
        Region::Left => Region::Right,
        Region::Right => Region::Left,
        Region::Above => Region::Below,
        Region::Below => Region::Above,
    };
    meaning.relations.iter().find_map(|r: &Relation| match i {
        _ if r.subject == i => Some(r.region),
        _ if r.object == i => Some(opposite(r.region)),
        _ => None,
    })
}

fn part(group: &Group, implied: Option<Region>, flaw: bool, rng: &mut Rng) -> String {
    let bare = lexicon::counted(&group.class, group.count.unwrap_or(1)).into_owned();
    let mut out = match phrase("object", &group.class, rng) {
        Some(text) if !flaw || rng.chance(0.5) => text.to_owned(),
        _ => bare,
    };
    let count = group.count.unwrap_or(1).to_string();
    let region = group.region.or(implied).map(|r| match r {
        Region::Left => "left",
        Region::Right => "right",
        Region::Above => "above",
        Region::Below => "below",
    });
    let size = group.size.map(|s| if s == Size::Larger { "larger" } else { "smaller" });
    let number = (group.count.unwrap_or(1) > 1).then_some(count.as_str());
    let wanted = [
        ("number", number),
        ("color", group.color),
        ("material", group.material),
        ("size", size),
        ("region", region),
    ];
    for (kind, word) in wanted {
        let Some(word) = word else { continue };
        if flaw && rng.chance(0.3) {
            continue;
        }
        out += ", ";
        out += phrase(kind, word, rng).unwrap_or(word);
    }
    out
}

/// Where the phrases of the table stand in `text`, in order.
fn found(text: &str) -> Vec<(usize, &'static Phrase)> {
    let lower = text.to_lowercase();
    let mut hits: Vec<(usize, &Phrase)> = Vec::new();
    for phrase in table() {
        // The same phrase may serve two groups, but no object stands twice.
        let once = matches!(phrase.kind, "object" | "opener");
        let most = if once { 1 } else { usize::MAX };
        let places = phrase.finder.find_iter(lower.as_bytes()).take(most);
        hits.extend(places.map(|at| (at, phrase)));
    }
    hits.sort_by_key(|(at, _)| *at);
    hits
}

/// Turns the table's phrases back; None when none of its objects is there.
fn unriddle(text: &str) -> Option<Meaning> {
    let mut meaning = Meaning::default();
    for (_, p) in found(text) {
        if p.kind == "object" {
            let group = Group { class: p.word.to_owned(), count: Some(1), ..Group::default() };
            meaning.groups.push(group);
            continue;
        }
        let Some(group) = meaning.groups.last_mut() else { continue };
        match p.kind {
            "number" => group.count = p.word.parse().ok(),
            "color" => group.color = lexicon::color(p.word),
            "material" => group.material = lexicon::material(p.word),
            "size" if p.word == "larger" => group.size = Some(Size::Larger),
            "size" => group.size = Some(Size::Smaller),
            "region" => {
                group.region = Some(match p.word {
                    "left" => Region::Left,
                    "right" => Region::Right,
                    "above" => Region::Above,
                    _ => Region::Below,
                });
            }
            _ => {}
        }
    }
    meaning.text = crate::sim::scene::parse(text).text;
    (!meaning.groups.is_empty()).then_some(meaning)
}

/// What a language model makes of a prompt: by the table, by knowledge, or by plain reading. With
/// the world's `decode_error` it gets a detail wrong. None: it does not understand.
pub fn understand(world: &World, who: &str, text: &str) -> Option<Meaning> {
    let known = knowledge().get(&words(text).join(" "));
    let riddle = unriddle(text);
    let hard = riddle.is_some() || known.is_some_and(|k| k.riddle);
    let mut meaning = match riddle.or_else(|| known.map(|k| k.meaning.clone())) {
        Some(meaning) => meaning,
        None => Some(crate::sim::scene::parse(text)).filter(Meaning::is_clear)?,
    };
    let mut rng = world.rng(&["understand", who, text]);
    if hard && rng.chance(world.decode_error) {
        blur(&mut meaning, &mut rng);
    }
    Some(meaning)
}

/// Gets one detail wrong.
pub fn blur(meaning: &mut Meaning, rng: &mut Rng) {
    let n = meaning.groups.len();
    let Some(group) = meaning.groups.get_mut(rng.below(n)) else { return };
    match rng.below(3) {
        0 if group.color.is_some() => group.color = rng.pick(&lexicon::COLORS[..10]).copied(),
        1 if group.region.is_some() => group.region = None,
        _ => {
            let count = group.count.unwrap_or(2);
            group.count = Some(if count > 1 && rng.chance(0.5) { count - 1 } else { count + 1 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_phrase_hides_in_another() {
        for a in table() {
            for b in table() {
                let same = (a.kind, a.word) == (b.kind, b.word);
                let inside = b.finder.find(a.finder.needle()).is_some();
                assert!(same || !inside, "{:?} holds {:?}", a.text, b.text);
            }
        }
    }

    #[test]
    fn riddles_turn_back() {
        let world = World { decode_error: 0.0, ..World::default() };
        let classes: Vec<&str> =
            table().iter().filter(|p| p.kind == "object").map(|p| p.word).collect();
        for (i, class) in classes.iter().enumerate() {
            let mut meaning = Meaning::default();
            meaning.groups.push(Group {
                class: (*class).to_owned(),
                count: Some(1 + i as u32 % 8),
                color: Some(lexicon::COLORS[i % 10]),
                region: Some(Region::Left),
                ..Group::default()
            });
            let text = write(&meaning, "history", false, &mut world.rng(&["t", class]));
            assert_eq!(understand(&world, "solver", &text), Some(meaning), "{text}");
        }
    }
}
