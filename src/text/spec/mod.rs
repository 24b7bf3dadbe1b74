//! Structured meanings: when two specs ask for the same picture, and reading one from plain words.
//!
//! `canonical` maps every spec to one text; specs are equal when these are, so that `five clocks`,
//! `5 clocks` and a riddle with the spec {clock, 5} meet (sources.md, section 4, rule 6). See
//! `sample::spec` for drawing a spec from a vocabulary, `gloss` for saying it, `scene` for the
//! simulated world's richer grammar.

mod parse;
mod plain;
mod singular;

pub use parse::parse;
pub use plain::plainer;
pub use singular::{class, plural, singular};

use crate::record::{Region, Size, Spec, SpecObject};
use crate::text::{hash, lexicon, normalise};

/// True when both specs ask for the same picture; see `canonical`.
pub fn spec_eq(a: &Spec, b: &Spec) -> bool {
    canonical(a) == canonical(b)
}

/// The hash of `canonical`.
pub fn spec_hash(spec: &Spec) -> u64 {
    hash::text(&canonical(spec))
}

/// One text for all specs of one meaning: classes in the singular with synonyms folded, objects
/// sorted and equal ones added up, `left/right` and `above/below` as relations turned one way (two
/// objects on opposite sides are related by them, with or without others), an
/// object `larger` than its only companion makes that one `smaller`. `exclude` does not count: it
/// only says that the count is strict.
pub fn canonical(spec: &Spec) -> String {
    let mut objects: Vec<SpecObject> = spec.include.iter().map(fold).collect();
    let mut relations: Vec<(usize, Region, usize)> =
        spec.relations.iter().map(|r| (r.subject, r.region, r.object)).collect();
    relate_sides(&mut objects, &mut relations);
    if let [a, b] = &mut objects[..] {
        complete_sizes(a, b);
    }
    let mut related: Vec<String> = relations
        .into_iter()
        .filter_map(|(subject, region, object)| {
            let (a, region, b) = match region {
                Region::Right => (object, Region::Left, subject),
                Region::Below => (object, Region::Above, subject),
                forward => (subject, forward, object),
            };
            Some(format!("{}>{:?}>{}", key(objects.get(a)?), region, key(objects.get(b)?)))
        })
        .collect();
    related.sort();
    related.dedup();
    let mut listed: Vec<(String, u64)> = Vec::new();
    objects.sort_by_cached_key(key);
    for object in &objects {
        let (key, count) = (key(object), u64::from(object.count));
        match listed.last_mut() {
            Some(last) if last.0 == key => last.1 += count,
            _ => listed.push((key, count)),
        }
    }
    let listed: Vec<String> = listed.into_iter().map(|(key, n)| format!("{n}*{key}")).collect();
    let text = spec.text.as_deref().map(normalise).unwrap_or_default();
    format!("{}|{}|{text}", listed.join(","), related.join(","))
}

fn fold(object: &SpecObject) -> SpecObject {
    let word = |w: &Option<String>| w.as_deref().map(normalise).filter(|w| !w.is_empty());
    let colour = word(&object.color).map(|c| lexicon::colour(&c).map_or(c.clone(), str::to_owned));
    SpecObject {
        class: class(&object.class),
        count: object.count,
        color: colour,
        region: object.region,
        size: object.size,
        material: word(&object.material),
    }
}

/// Two objects on opposite sides, or one of a pair on a side: a relation said another way.
fn relate_sides(objects: &mut [SpecObject], relations: &mut Vec<(usize, Region, usize)>) {
    let opposite = |r: Region| match r {
        Region::Left => Region::Right,
        Region::Right => Region::Left,
        Region::Above => Region::Below,
        Region::Below => Region::Above,
    };
    let sides = objects.iter().enumerate().filter_map(|(at, o)| Some((at, o.region?)));
    let found = match sides.collect::<Vec<_>>()[..] {
        [(a, side), (b, other)] if other == opposite(side) => (a, side, b),
        [(a, side)] if objects.len() == 2 => (a, side, 1 - a),
        _ => return,
    };
    if relations.is_empty() {
        relations.push(found);
        objects.iter_mut().for_each(|o| o.region = None);
    }
}

/// What a pair leaves unsaid: the other one's size.
fn complete_sizes(a: &mut SpecObject, b: &mut SpecObject) {
    let other = |s: Size| if s == Size::Larger { Size::Smaller } else { Size::Larger };
    match (a.size, b.size) {
        (Some(size), None) => b.size = Some(other(size)),
        (None, Some(size)) => a.size = Some(other(size)),
        _ => {}
    }
}

fn key(object: &SpecObject) -> String {
    let text = |w: &Option<String>| w.clone().unwrap_or_default();
    let region = object.region.map(|r| format!("{r:?}")).unwrap_or_default();
    let size = object.size.map(|s| format!("{s:?}")).unwrap_or_default();
    format!("{}/{}/{region}/{size}/{}", object.class, text(&object.color), text(&object.material))
}

#[cfg(test)]
mod tests {
    use super::{parse, spec_eq};

    #[test]
    fn one_meaning_in_many_words() {
        for (a, b) in [
            ("a photo of five clocks", "5 clocks"),
            (
                "A photo of a brown bus, a green truck, and a red skateboard",
                "a red skateboard, a green truck and a brown bus",
            ),
            ("a photo of a car below a zebra", "a zebra above a car"),
            (
                "A photo of three clocks on the left and one cats on the right",
                "one cat to the right of three clocks",
            ),
            (
                "A photo of a larger tv on the left and a smaller couch on the right",
                "a larger television on the left and a sofa on the right",
            ),
            ("two gray cell phones", "two grey mobile phones"),
            (
                "A photo of two boats on the above and two skises on the below",
                "two boats above two skis",
            ),
            (
                "a dog on the left, a red cup on the right and a lamp",
                "a dog to the left of a red cup and a lamp",
            ),
        ] {
            let (sa, sb) = (parse(a).unwrap(), parse(b).unwrap());
            assert!(spec_eq(&sa, &sb), "{a} | {b}: {sa:?} {sb:?}");
        }
    }

    #[test]
    fn other_meanings_differ() {
        for (a, b) in [
            ("five clocks", "six clocks"),
            ("a red bus and a blue car", "a blue bus and a red car"),
            ("a car above a zebra", "a zebra above a car"),
            ("a wooden clock", "a clock"),
        ] {
            assert!(!spec_eq(&parse(a).unwrap(), &parse(b).unwrap()), "{a} | {b}");
        }
    }

    #[test]
    fn what_is_no_list_of_things_is_not_read() {
        for text in [
            "",
            "clocks",
            "a person is looking at a rainbow",
            "The food most loved by Minions from the movie franchise",
            "a dog running through a field of flowers",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
