//! The verifier's question whether a caption still asks for what the user asked.

use crate::sim::World;
use crate::sim::mind::chat::Chat;
use crate::sim::mind::riddle;
use crate::sim::scene::{self, Group, Meaning, lexicon, say, words};
use serde_json::json;

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
    let (mut missing, contradicts) = (missing, contradicts);
    let mut rng = world.rng(&["intent", &chat.look()]);
    let contradicts = match rng.chance(world.verifier_error) {
        false => contradicts,
        true if missing.is_empty() && contradicts.is_empty() => {
            missing.push("part of what was asked for".to_owned());
            contradicts
        }
        true => {
            missing.clear();
            Vec::new()
        }
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
