//! The roles that only read and write: writer, solver, checklist, and the verifiers.

use crate::record::Spec;
use crate::sim::World;
use crate::sim::mind::chat::Chat;
use crate::sim::mind::{prose, riddle};
use crate::sim::scene::{self, Group, Meaning, lexicon, say, words};
use serde_json::{Value, json};

fn spec_of(chat: &Chat) -> Option<Meaning> {
    serde_json::from_str::<Spec>(chat.tag("spec")).ok().map(|s| Meaning::from_spec(&s))
}

/// `riddle`.
pub fn write(world: &World, chat: &Chat) -> String {
    let plain = chat.tag("plain_meaning");
    let meaning = spec_of(chat).unwrap_or_else(|| scene::parse(plain));
    let style = chat.tag("style").split(':').next().unwrap_or_default();
    let spec = chat.tag("spec");
    let mut rng = world.rng(&["writer", plain, spec, style, &chat.seed.unwrap_or(0).to_string()]);
    let flaw = rng.chance(world.riddle_error);
    json!({"prompt": riddle::write(&meaning, style, flaw, &mut rng)}).to_string()
}

/// `solve`.
pub fn solve(world: &World, chat: &Chat) -> String {
    match riddle::understand(world, "solver", chat.request()) {
        Some(meaning) => json!({
            "spec": bare(&meaning),
            "ambiguous": false,
            "why": format!("Clue by clue this comes to {}.", say::summary(&meaning)),
        })
        .to_string(),
        None => json!({
            "spec": {"include": []},
            "ambiguous": true,
            "why": "The clues fit several things and none of them for certain.",
        })
        .to_string(),
    }
}

fn bare(meaning: &Meaning) -> Value {
    serde_json::to_value(meaning.to_spec()).unwrap_or_else(|_| json!({"include": []}))
}

/// `checklist`.
pub fn checklist(world: &World, chat: &Chat) -> String {
    let plain = chat.tag("plain_meaning");
    let meaning = spec_of(chat)
        .filter(|m| !m.is_empty())
        .or_else(|| Some(scene::parse(plain)).filter(Meaning::is_clear))
        .or_else(|| riddle::understand(world, "checklist", chat.request()));
    let atoms = match meaning {
        Some(meaning) => atoms(&meaning),
        None => beyond(chat.request()),
    };
    json!({ "atoms": atoms }).to_string()
}

fn atom(kind: &str, question: String, expected: String, parents: &[String]) -> Value {
    json!({"kind": kind, "question": question, "expected": expected, "parents": parents})
}

/// A request that is beyond the grammar still gets questions; the pixels will not answer them.
fn beyond(request: &str) -> Vec<Value> {
    let short: String = request.chars().take(160).collect();
    vec![
        atom(
            "knowledge",
            format!("Does it convey what was meant by: {}?", short.replace('"', "'")),
            "the meaning comes across".to_owned(),
            &[],
        ),
        atom(
            "style",
            "Does the mood fit what was asked?".to_owned(),
            "a fitting mood".to_owned(),
            &[],
        ),
    ]
}

/// The questions of a meaning, objects first.
fn atoms(meaning: &Meaning) -> Vec<Value> {
    let mut out = Vec::new();
    let shared = |g: &Group| meaning.groups.iter().filter(|o| o.class == g.class).count() > 1;
    // Where two groups share a class, the colour is part of the name.
    let named = |g: &Group, n: u32| {
        let noun = lexicon::counted(&g.class, n);
        match g.color.filter(|_| shared(g)) {
            Some(color) => format!("{color} {noun}"),
            None => noun.into_owned(),
        }
    };
    for group in &meaning.groups {
        let one = named(group, 1);
        out.push(atom(
            "object",
            format!("Is there at least one {one} in the picture?"),
            format!("{} {one}", lexicon::article(&one)),
            &[],
        ));
    }
    for (i, group) in meaning.groups.iter().enumerate() {
        let parent = [format!("a{}", i + 1)];
        let (one, many) = (named(group, 1), named(group, group.count.unwrap_or(2)));
        if let Some(n) = group.count {
            let verb = if n == 1 { "Is" } else { "Are" };
            let number = lexicon::number_word(n);
            out.push(atom(
                "count",
                format!("{verb} there exactly {number} {many}?"),
                format!("{number} {many}"),
                &parent,
            ));
        }
        if let Some(color) = group.color.filter(|_| !shared(group)) {
            out.push(atom(
                "color",
                format!("Is every {one} {color}?"),
                format!("{color} {many}"),
                &parent,
            ));
        }
        if let Some(material) = group.material {
            out.push(atom(
                "attribute",
                format!("Is every {one} made of {material}?"),
                format!("{material} {many}"),
                &parent,
            ));
        }
        if let Some(region) = group.region {
            let verb = if group.count == Some(1) { "Is" } else { "Are" };
            out.push(atom(
                "region",
                format!("{verb} the {many} {}?", say::place(region)),
                format!("{many} {}", say::place(region)),
                &parent,
            ));
        }
        if let Some(size) = group.size.filter(|_| meaning.groups.len() > 1) {
            let word = if size == crate::record::Size::Larger { "larger" } else { "smaller" };
            out.push(atom(
                "size",
                format!("Is the {one} {word} than the rest?"),
                format!("a {word} {one}"),
                &parent,
            ));
        }
    }
    for r in &meaning.relations {
        let (Some(s), Some(o)) = (meaning.groups.get(r.subject), meaning.groups.get(r.object))
        else {
            continue;
        };
        let (a, b) = (named(s, s.count.unwrap_or(2)), named(o, o.count.unwrap_or(2)));
        let verb = if s.count == Some(1) { "Is" } else { "Are" };
        let parents = [format!("a{}", r.subject + 1), format!("a{}", r.object + 1)];
        out.push(atom(
            "relation",
            format!("{verb} the {a} {} the {b}?", say::relation(r.region)),
            format!("the {a} {} the {b}", say::relation(r.region)),
            &parents,
        ));
    }
    for group in &meaning.exclude {
        let n = group.count.unwrap_or(1);
        let many = named(group, 2);
        let question = if n > 1 {
            format!("Are there fewer than {} {many}?", lexicon::number_word(n))
        } else {
            format!("Is the picture free of {many}?")
        };
        out.push(atom("negation", question, format!("no {many}"), &[]));
    }
    if let Some(text) = &meaning.text {
        out.push(atom(
            "text",
            format!("Does the picture show the lettering \"{text}\"?"),
            format!("the lettering {text}"),
            &[],
        ));
    }
    out
}

/// `leak`.
pub fn leak(world: &World, chat: &Chat) -> String {
    const CUES: [&str; 14] = [
        "reference image",
        "reference picture",
        "the reference",
        "the hint",
        "provided picture",
        "provided image",
        "provided example",
        "private note",
        "target image",
        "target picture",
        "second image shows",
        "second image",
        "ground truth",
        "as shown in the image",
    ];
    let texts = chat.tag("texts");
    let lower = texts.to_lowercase();
    let hit = CUES.iter().find_map(|cue| lower.find(cue));
    let wrong = world.rng(&["leak", texts]).chance(world.verifier_error);
    match hit.filter(|_| !wrong) {
        Some(at) => {
            let quote: String = lower[at..].chars().take(80).collect();
            json!({"leak": true, "quote": quote}).to_string()
        }
        None => json!({"leak": false, "quote": ""}).to_string(),
    }
}

/// `rederive`.
pub fn rederive(world: &World, chat: &Chat) -> String {
    let text = chat.tag("judgement");
    let wrong = world.rng(&["rederive", text]).chance(world.verifier_error);
    let verdict = match prose::conclusion(text) {
        (true, true) | (false, false) => "unclear",
        (faulty, _) => {
            if faulty != wrong {
                "unsatisfied"
            } else {
                "satisfied"
            }
        }
    };
    json!({ "verdict": verdict }).to_string()
}

/// `intent`.
pub fn intent(world: &World, chat: &Chat) -> String {
    let (request, refined, plain) =
        (chat.request(), chat.tag("refined_prompt"), chat.tag("plain_meaning"));
    let wanted = Some(scene::parse(plain))
        .filter(Meaning::is_clear)
        .or_else(|| riddle::understand(world, "verifier", request));
    let (missing, contradicts) = match wanted {
        Some(wanted) => differences(&wanted, &scene::parse(refined)),
        None => (lost_words(request, refined), Vec::new()),
    };
    let entails = missing.is_empty() && contradicts.is_empty();
    json!({"missing": missing, "contradicts": contradicts, "entails": entails}).to_string()
}

fn lost_words(request: &str, refined: &str) -> Vec<String> {
    let kept = words(refined);
    let long: Vec<String> = words(request).into_iter().filter(|w| w.len() > 3).collect();
    let lost: Vec<String> = long.iter().filter(|w| !kept.contains(w)).cloned().collect();
    if lost.len() * 2 > long.len() { lost.into_iter().take(5).collect() } else { Vec::new() }
}

fn differences(wanted: &Meaning, said: &Meaning) -> (Vec<String>, Vec<String>) {
    let (mut missing, mut contradicts) = (Vec::new(), Vec::new());
    let mut used = vec![false; said.groups.len()];
    for group in &wanted.groups {
        let best = (0..said.groups.len())
            .filter(|i| !used[*i] && said.groups[*i].class == group.class)
            .max_by_key(|i| u8::from(said.groups[*i].color == group.color));
        let Some(i) = best else {
            missing.push(say::phrase(group));
            continue;
        };
        used[i] = true;
        compare(group, &said.groups[i], &mut missing, &mut contradicts);
    }
    for r in &wanted.relations {
        let name = |m: &Meaning, i: usize| m.groups.get(i).map(|g| g.class.clone());
        let class = (name(wanted, r.subject), name(wanted, r.object));
        let kept = said.relations.iter().any(|o| {
            o.region == r.region && (name(said, o.subject), name(said, o.object)) == class
        }) || said
            .groups
            .iter()
            .any(|g| Some(&g.class) == class.0.as_ref() && g.region == Some(r.region));
        if let (false, (Some(s), Some(o))) = (kept, class) {
            missing.push(format!("{s} {} {o}", say::relation(r.region)));
        }
    }
    match (&wanted.text, &said.text) {
        (Some(text), None) => missing.push(format!("the lettering {text}")),
        (Some(a), Some(b)) if !a.eq_ignore_ascii_case(b) => {
            contradicts.push(format!("the lettering {b}"))
        }
        _ => {}
    }
    (missing, contradicts)
}

fn compare(wanted: &Group, said: &Group, missing: &mut Vec<String>, contradicts: &mut Vec<String>) {
    let class = &wanted.class;
    if let (Some(a), Some(b)) = (wanted.count, said.count)
        && a != b
    {
        contradicts.push(format!(
            "{} {} where {} were asked for",
            lexicon::number_word(b),
            lexicon::counted(class, b),
            lexicon::number_word(a)
        ));
    }
    let mut hold = |what: &str, wanted: Option<String>, said: Option<String>| match (wanted, said) {
        (Some(a), None) => missing.push(format!("{class}: {what} {a}")),
        (Some(a), Some(b)) if a != b => {
            contradicts.push(format!("{class}: {what} {b} where {a} was asked for"))
        }
        _ => {}
    };
    hold("colour", wanted.color.map(str::to_owned), said.color.map(str::to_owned));
    hold("material", wanted.material.map(str::to_owned), said.material.map(str::to_owned));
    hold(
        "place",
        wanted.region.map(|r| say::place(r).to_owned()),
        said.region.map(|r| say::place(r).to_owned()),
    );
}
