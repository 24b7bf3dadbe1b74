//! What is seen, in words: numbers, places, an overview.

use crate::sim::look::Seen;
use crate::sim::scene::{Group, lexicon, say};

pub fn is(n: u32) -> &'static str {
    if n == 1 { "is" } else { "are" }
}

pub fn amount(n: u32, noun: &str) -> String {
    if n == 0 { format!("no {noun}") } else { format!("{} {noun}", lexicon::number_word(n)) }
}

/// "at the top left" and so on.
pub fn spot(x: f32, y: f32) -> &'static str {
    match ((x * 3.0) as i32, (y * 3.0) as i32) {
        (0, 0) => "at the top left",
        (1, 0) => "at the top",
        (2, 0) => "at the top right",
        (0, 1) => "on the left",
        (1, 1) => "in the middle",
        (2, 1) => "on the right",
        (0, _) => "at the bottom left",
        (1, _) => "at the bottom",
        _ => "at the bottom right",
    }
}

pub fn whereabouts(seen: &Seen, group: &Group) -> String {
    let spots: Vec<String> =
        seen.of(&group.class, group.color).take(6).map(|t| spot(t.x, t.y).to_owned()).collect();
    if spots.is_empty() { "nowhere".to_owned() } else { spots.join(", ") }
}

/// "three red clocks and a bowl are what I see", or that there is nothing.
pub fn overview(seen: &Seen) -> String {
    let mut kinds: Vec<(&str, Option<&str>, u32)> = Vec::new();
    for t in &seen.things {
        match kinds.iter_mut().find(|(c, k, _)| *c == t.class && *k == t.color) {
            Some(kind) => kind.2 += 1,
            None => kinds.push((&t.class, t.color, 1)),
        }
    }
    let mut items: Vec<String> = kinds
        .iter()
        .take(5)
        .map(|(class, color, n)| {
            let noun = lexicon::counted(class, *n);
            format!(
                "{} {}{noun}",
                lexicon::number_word(*n),
                color.map_or(String::new(), |c| format!("{c} "))
            )
        })
        .collect();
    if let Some(text) = &seen.lettering {
        items.push(format!("a board that reads \"{text}\""));
    }
    if items.is_empty() {
        "nothing in it can be made out".to_owned()
    } else {
        format!("what I see is {}", say::list(&items))
    }
}
