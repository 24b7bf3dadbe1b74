//! A spec as one plain English sentence: the riddle's plain meaning, and the reference image's prompt.
//!
//! `spec::parse(gloss(s))` gives a spec equal to s wherever s is a list of things with at most one
//! relation between two, so that nothing is lost in saying it.

use crate::record::{Region, Size, Spec, SpecObject};
use crate::text::spec::plural;

/// `A photo of five red clocks and one cat.`
pub fn gloss(spec: &Spec) -> String {
    let pair = spec.include.len() == 2 && spec.relations.len() == 1;
    let mut said = match (&spec.include[..], spec.relations.first()) {
        ([_, _], Some(relation)) if pair && relation.subject != relation.object => {
            let at = |i: usize| spec.include.get(i).map(thing).unwrap_or_default();
            format!("{} {} {}", at(relation.subject), by(relation.region), at(relation.object))
        }
        (objects, _) => list(&objects.iter().map(thing).collect::<Vec<_>>()),
    };
    if !pair {
        for relation in &spec.relations {
            let name = |i: usize| spec.include.get(i).map(bare).unwrap_or_default();
            let (subject, object) = (name(relation.subject), name(relation.object));
            said.push_str(&format!(", with the {subject} {} the {object}", by(relation.region)));
        }
    }
    if said.is_empty() {
        said.push_str("an empty scene");
    }
    if let Some(text) = &spec.text {
        said.push_str(&format!(", with the text \"{text}\" clearly legible"));
    }
    format!("A photo of {said}.")
}

fn by(region: Region) -> &'static str {
    match region {
        Region::Left => "to the left of",
        Region::Right => "to the right of",
        Region::Above => "above",
        Region::Below => "below",
    }
}

/// `two larger red wooden cups on the left`
fn thing(object: &SpecObject) -> String {
    let mut words = vec![count_word(object.count)];
    if let Some(size) = object.size {
        words.push(if size == Size::Larger { "larger".into() } else { "smaller".into() });
    }
    words.push(bare(object));
    let place = match object.region {
        None => return words.join(" "),
        Some(Region::Left) => "on the left",
        Some(Region::Right) => "on the right",
        Some(Region::Above) => "at the top",
        Some(Region::Below) => "at the bottom",
    };
    format!("{} {place}", words.join(" "))
}

/// `red wooden cups`
fn bare(object: &SpecObject) -> String {
    let mut words: Vec<String> = Vec::new();
    words.extend(object.color.clone());
    words.extend(object.material.clone());
    words.push(if object.count == 1 { object.class.clone() } else { many(&object.class) });
    words.join(" ")
}

/// The plural of a class of one or more words.
fn many(class: &str) -> String {
    match class.rsplit_once(' ') {
        Some((head, last)) => format!("{head} {}", plural(last)),
        None => plural(class),
    }
}

/// A number in words up to twelve, then in digits.
pub fn count_word(count: u32) -> String {
    const WORDS: [&str; 13] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        "eleven", "twelve",
    ];
    WORDS.get(count as usize).map_or_else(|| count.to_string(), |w| (*w).to_owned())
}

fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [init @ .., last] => format!("{} and {last}", init.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::gloss;
    use crate::record::{Region, Relation, Size, Spec, SpecObject};
    use crate::text::spec::{parse, spec_eq};
    use proptest::prelude::*;

    fn object() -> impl Strategy<Value = SpecObject> {
        (
            prop::sample::select(vec![
                "clock",
                "bench",
                "wine glass",
                "sheep",
                "knife",
                "tv",
                "bread",
            ]),
            1u32..15,
            prop::option::of(prop::sample::select(vec!["red", "grey", "gold"])),
            prop::option::of(prop::sample::select(vec!["wooden", "glass"])),
            prop::option::of(prop::sample::select(vec![Size::Larger, Size::Smaller])),
        )
            .prop_map(|(class, count, color, material, size)| SpecObject {
                class: class.into(),
                count,
                color: color.map(Into::into),
                region: None,
                size,
                material: material.map(Into::into),
            })
    }

    proptest! {
        #[test]
        fn saying_and_reading_keep_the_meaning(
            include in prop::collection::vec(object(), 1..4),
            region in prop::sample::select(vec![Region::Left, Region::Right, Region::Above, Region::Below]),
            related: bool,
        ) {
            let mut spec = Spec { include, ..Spec::default() };
            if related && spec.include.len() == 2 {
                spec.relations.push(Relation { subject: 1, region, object: 0 });
            } else {
                spec.include[0].region = Some(region);
            }
            let said = gloss(&spec);
            let read = parse(&said);
            prop_assert!(read.as_ref().is_some_and(|r| spec_eq(r, &spec)), "{said} -> {read:?}");
        }
    }

    #[test]
    fn reads_like_a_sentence() {
        let clock = SpecObject {
            class: "clock".into(),
            count: 5,
            color: None,
            region: None,
            size: None,
            material: None,
        };
        let spec = Spec { include: vec![clock], text: Some("NOON".into()), ..Spec::default() };
        assert_eq!(gloss(&spec), "A photo of five clocks, with the text \"NOON\" clearly legible.");
    }
}
