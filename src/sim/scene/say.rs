//! `Meaning` -> words: noun phrases, lists and whole sentences.

use crate::record::{Region, Size};
use crate::sim::scene::{Group, Meaning, lexicon};

/// "three red wooden clocks", "a clock", "clocks".
pub fn phrase(group: &Group) -> String {
    let described = described(group);
    match group.count {
        Some(1) => format!("{} {described}", lexicon::article(&described)),
        Some(n) => format!("{} {described}", lexicon::number_word(n)),
        None => described,
    }
}

/// The phrase without its number: "red wooden clocks".
pub fn described(group: &Group) -> String {
    let mut out = String::new();
    let size = group.size.map(|s| if s == Size::Larger { "large" } else { "small" });
    for word in [size, group.color, group.material].into_iter().flatten() {
        out.push_str(word);
        out.push(' ');
    }
    out.push_str(&plain(group));
    out
}

/// "clock" or "clocks".
pub fn plain(group: &Group) -> String {
    lexicon::counted(&group.class, group.count.unwrap_or(2)).into_owned()
}

/// "on the left", "at the top".
pub fn place(region: Region) -> &'static str {
    match region {
        Region::Left => "on the left",
        Region::Right => "on the right",
        Region::Above => "at the top",
        Region::Below => "at the bottom",
    }
}

/// "to the left of", "above".
pub fn relation(region: Region) -> &'static str {
    match region {
        Region::Left => "to the left of",
        Region::Right => "to the right of",
        Region::Above => "above",
        Region::Below => "below",
    }
}

/// "a, b and c".
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [init @ .., last] => format!("{} and {last}", init.join(", ")),
    }
}

/// One plain noun phrase for the whole: "three red clocks on the left and a bowl on the right".
pub fn summary(meaning: &Meaning) -> String {
    let with_place = |g: &Group| match g.region {
        Some(region) => format!("{} {}", phrase(g), place(region)),
        None => phrase(g),
    };
    let mut out = list(&meaning.groups.iter().map(with_place).collect::<Vec<_>>());
    for r in &meaning.relations {
        if let (Some(s), Some(o)) = (meaning.groups.get(r.subject), meaning.groups.get(r.object)) {
            let verb = if s.count == Some(1) { "is" } else { "are" };
            out +=
                &format!(", where the {} {verb} {} the {}", plain(s), relation(r.region), plain(o));
        }
    }
    if let Some(text) = &meaning.text {
        let joint = if out.is_empty() { "" } else { " and " };
        out += &format!("{joint}a sign that says \"{text}\"");
    }
    out
}
