//! The checklist role: a meaning as yes/no questions, objects first.

use crate::record::{Relation, Size};
use crate::sim::World;
use crate::sim::mind::chat::Chat;
use crate::sim::mind::riddle;
use crate::sim::mind::text::spec_of;
use crate::sim::scene::{self, Group, Meaning, lexicon, say};
use serde_json::{Value, json};

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
pub fn atoms(meaning: &Meaning) -> Vec<Value> {
    let mut out = Vec::new();
    for group in &meaning.groups {
        let one = named(meaning, group, 1);
        let question = format!("Is there at least one {one} in the picture?");
        out.push(atom("object", question, format!("{} {one}", lexicon::article(&one)), &[]));
    }
    for (i, group) in meaning.groups.iter().enumerate() {
        of_group(meaning, group, &[format!("a{}", i + 1)], &mut out);
    }
    for r in &meaning.relations {
        out.extend(of_relation(meaning, r));
    }
    for group in &meaning.exclude {
        let n = group.count.unwrap_or(1);
        let many = named(meaning, group, 2);
        let question = match n {
            0 | 1 => format!("Is the picture free of {many}?"),
            n => format!("Are there fewer than {} {many}?", lexicon::number_word(n)),
        };
        out.push(atom("negation", question, format!("no {many}"), &[]));
    }
    if let Some(text) = &meaning.text {
        let question = format!("Does the picture show the lettering \"{text}\"?");
        out.push(atom("text", question, format!("the lettering {text}"), &[]));
    }
    out
}

fn is_shared(meaning: &Meaning, group: &Group) -> bool {
    meaning.groups.iter().filter(|o| o.class == group.class).count() > 1
}

/// The noun for `n`; where two groups share a class, the colour is part of the name.
fn named(meaning: &Meaning, group: &Group, n: u32) -> String {
    let noun = lexicon::counted(&group.class, n);
    match group.color.filter(|_| is_shared(meaning, group)) {
        Some(color) => format!("{color} {noun}"),
        None => noun.into_owned(),
    }
}

/// What depends on a group being there.
fn of_group(meaning: &Meaning, group: &Group, parent: &[String], out: &mut Vec<Value>) {
    let one = named(meaning, group, 1);
    let many = named(meaning, group, group.count.unwrap_or(2));
    let verb = if group.count == Some(1) { "Is" } else { "Are" };
    let mut add = |kind, question, expected| out.push(atom(kind, question, expected, parent));
    if let Some(n) = group.count {
        let number = lexicon::number_word(n);
        let question = format!("{verb} there exactly {number} {many}?");
        add("count", question, format!("{number} {many}"));
    }
    if let Some(color) = group.color.filter(|_| !is_shared(meaning, group)) {
        add("color", format!("Is every {one} {color}?"), format!("{color} {many}"));
    }
    if let Some(material) = group.material {
        let question = format!("Is every {one} made of {}?", lexicon::substance(material));
        add("attribute", question, format!("{material} {many}"));
    }
    if let Some(region) = group.region {
        let place = say::place(region);
        add("region", format!("{verb} the {many} {place}?"), format!("{many} {place}"));
    }
    if let Some(size) = group.size.filter(|_| meaning.groups.len() > 1) {
        let word = if size == Size::Larger { "larger" } else { "smaller" };
        add("size", format!("Is the {one} {word} than the rest?"), format!("a {word} {one}"));
    }
}

fn of_relation(meaning: &Meaning, r: &Relation) -> Option<Value> {
    let (s, o) = (meaning.groups.get(r.subject)?, meaning.groups.get(r.object)?);
    let name = |g: &Group| named(meaning, g, g.count.unwrap_or(2));
    let (a, b) = (name(s), name(o));
    let verb = if s.count == Some(1) { "Is" } else { "Are" };
    let how = say::relation(r.region);
    let parents = [format!("a{}", r.subject + 1), format!("a{}", r.object + 1)];
    let question = format!("{verb} the {a} {how} the {b}?");
    Some(atom("relation", question, format!("the {a} {how} the {b}"), &parents))
}
