//! Captions: a meaning said so that a generator gets it right, insisting on chosen parts.

use crate::env::Rng;
use crate::record::Size;
use crate::sim::scene::{Group, Meaning, lexicon, say};

/// Says `meaning`; each group's `stress` is how often its parts are repeated.
pub fn compose(meaning: &Meaning, rng: &mut Rng) -> String {
    const LEADS: [&str; 5] = [
        "A clean studio photograph of",
        "A clear, realistic photograph showing",
        "A simple, evenly lit picture of",
        "A sharp, detailed photograph of",
        "A photo with plain composition, showing",
    ];
    const ENDS: [&str; 6] = [
        "Plain neutral background, soft even light.",
        "Soft natural daylight, sharp focus, plain background.",
        "Even studio light, clear composition.",
        "Simple background, high quality, sharp focus.",
        "Neutral background, everything fully in frame.",
        "Bright even light, nothing cut off.",
    ];
    let mut out = format!("{} {}.", rng.pick(&LEADS).unwrap_or(&LEADS[0]), lead(meaning));
    for (i, group) in meaning.groups.iter().enumerate() {
        let shared =
            meaning.groups.iter().enumerate().any(|(j, g)| j != i && g.class == group.class);
        if !shared {
            insist(group, &mut out);
        }
    }
    for r in &meaning.relations {
        let (Some(s), Some(o)) = (meaning.groups.get(r.subject), meaning.groups.get(r.object))
        else {
            continue;
        };
        for verb in ["stands", "is clearly"].into_iter().take(s.stress.place.into()) {
            out += &format!(
                " The {} {verb} {} the {}.",
                say::plain(s),
                say::relation(r.region),
                say::plain(o)
            );
        }
    }
    compare(meaning, &mut out);
    if let Some(text) = &meaning.text {
        let again = [
            format!(" The lettering reads \"{text}\", sharp and complete."),
            format!(" Spelled out in full: \"{text}\"."),
            format!(" The whole sign shows just \"{text}\"."),
        ];
        again.iter().take(meaning.text_stress.into()).for_each(|s| out += s);
    }
    if meaning.groups.iter().any(|g| g.stress.count > 1 || g.stress.place > 1) {
        out += " Nothing else is in the picture.";
    }
    out.push(' ');
    out += rng.pick(&ENDS).unwrap_or(&ENDS[0]);
    out
}

fn lead(meaning: &Meaning) -> String {
    let words: Vec<String> = meaning
        .groups
        .iter()
        .map(|g| {
            let strict = g.stress.count > 0 && g.count.is_some();
            let place = g.region.map_or(String::new(), |r| format!(" {}", say::place(r)));
            match g.count.filter(|_| strict) {
                Some(n) => {
                    let number = lexicon::number_word(n);
                    format!("exactly {number} {}{place}", say::described(g))
                }
                None => format!("{}{place}", say::phrase(g)),
            }
        })
        .collect();
    let mut out = say::list(&words);
    for r in &meaning.relations {
        if let (Some(s), Some(o)) = (meaning.groups.get(r.subject), meaning.groups.get(r.object)) {
            out += &format!(
                ", the {} {} the {}",
                say::plain(s),
                say::relation(r.region),
                say::plain(o)
            );
        }
    }
    if let Some(text) = &meaning.text {
        let joint = if out.is_empty() { "" } else { ", with " };
        out += &format!("{joint}a large sign that says \"{text}\"");
    }
    out
}

fn insist(group: &Group, out: &mut String) {
    let noun = say::plain(group);
    let verb = if group.count == Some(1) { "is" } else { "are" };
    if let Some(n) = group.count {
        let number = lexicon::number_word(n);
        let row = if n > 1 { ", evenly spaced in a row" } else { "" };
        let all = if n > 1 { "All " } else { "The " };
        let again = [
            format!(" There {verb} {number} {noun} in total{row}."),
            format!(" {all}{number} {noun} {verb} fully visible and clearly separate."),
            format!(" Counted once more: {number} {noun}."),
        ];
        again.iter().take(group.stress.count.saturating_sub(1).into()).for_each(|s| *out += s);
    }
    if let Some(color) = group.color {
        let again = [
            format!(" Every {} is {color}.", group.class),
            format!(" Each whole {} is painted {color}.", group.class),
            format!(" The {noun} {verb} {color} throughout."),
        ];
        again.iter().take(group.stress.color.into()).for_each(|s| *out += s);
    }
    if let Some(material) = group.material.map(lexicon::substance) {
        let again = [
            format!(" Every {} is made of {material}.", group.class),
            format!(" The {noun} {verb} all of {material}."),
        ];
        let rest = group.stress.color.saturating_sub(if group.color.is_some() { 3 } else { 0 });
        again.iter().take(rest.into()).for_each(|s| *out += s);
    }
    if let Some(region) = group.region {
        let verb = if group.count == Some(1) { "stands" } else { "stand" };
        let again = [
            format!(" The {noun} {verb} {} of the picture.", say::place(region)),
            format!(" The {noun} {} of the frame, clearly apart.", say::place(region)),
        ];
        again.iter().take(group.stress.place.into()).for_each(|s| *out += s);
    }
}

fn compare(meaning: &Meaning, out: &mut String) {
    let larger = meaning.groups.iter().find(|g| g.size == Some(Size::Larger) && g.stress.size > 0);
    let Some(larger) = larger else { return };
    let Some(other) = meaning.groups.iter().find(|g| g.class != larger.class) else { return };
    for word in ["larger", "bigger"].into_iter().take(larger.stress.size.into()) {
        *out += &format!(
            " The {} is clearly {word} than the {}.",
            say::plain(larger),
            say::plain(other)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::scene::parse;

    #[test]
    fn a_caption_reads_back_as_it_was_meant() {
        for text in [
            "five red clocks and a blue bowl",
            "a photo of a toilet right of a cow",
            "A photo of two purple oranges on the left and three green bananas on the right",
            "A photo of a larger boat on the above and a smaller traffic light on the below",
            "a glass vase and a sign that says \"OPEN\"",
        ] {
            let mut meant = parse(text);
            for stress in 0..4u8 {
                for g in &mut meant.groups {
                    g.stress = crate::sim::scene::Stress {
                        count: stress,
                        color: stress,
                        place: stress,
                        size: stress,
                    };
                }
                meant.text_stress = if meant.text.is_some() { stress } else { 0 };
                let caption = compose(&meant, &mut Rng::keyed(1, &[text]));
                let mut read = parse(&caption);
                assert!(read.unparsed.is_empty(), "{caption}: {:?}", read.unparsed);
                for (a, b) in read.groups.iter_mut().zip(&meant.groups) {
                    if b.count.is_some() {
                        assert_eq!(a.stress.count, stress, "{caption}");
                    }
                    if b.color.is_some() {
                        assert_eq!(a.stress.color, stress, "{caption}");
                    }
                    a.stress = b.stress;
                }
                assert_eq!(read, meant, "{caption}");
            }
        }
    }
}
