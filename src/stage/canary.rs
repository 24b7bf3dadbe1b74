//! Pictures of known truth: a reference, which shows its spec, held against that spec, or against one
//! in which one thing is another. The questions are made by code, so that their answers are known.

use crate::env::Rng;
use crate::record::{Atom, AtomKind, Spec, SpecObject};
use crate::text::gloss::{count_word, gloss};
use crate::text::spec::plural;

/// A request with its questions and their right answers.
pub struct Canary {
    pub prompt: String,
    pub spec: Spec,
    pub atoms: Vec<Atom>,
    /// Whether each atom holds of the reference.
    pub key: Vec<bool>,
}

/// What is asked for in the place of something that is there.
const OTHERS: [&str; 6] = ["giraffe", "violin", "sailboat", "pineapple", "typewriter", "anchor"];
const COLOURS: [&str; 6] = ["red", "green", "blue", "yellow", "purple", "orange"];

/// A canary of `spec`: unaltered in two of five, else with one count, colour or thing altered. None
/// where the spec lists nothing.
pub fn canary(spec: &Spec, rng: &mut Rng) -> Option<Canary> {
    let mut altered = Spec {
        include: spec.include.clone(),
        relations: Vec::new(),
        exclude: Vec::new(),
        text: None,
    };
    let at = rng.below(altered.include.len().max(1));
    let object = altered.include.get_mut(at)?;
    let fault = match rng.below(5) {
        0 => count(object),
        1 => colour(object, rng),
        2 => class(object, spec, rng),
        _ => None,
    };
    let mut out =
        Canary { prompt: gloss(&altered), spec: altered, atoms: Vec::new(), key: Vec::new() };
    for n in 0..out.spec.include.len() {
        let object = out.spec.include[n].clone();
        ask(&mut out, &object, fault.filter(|_| n == at));
    }
    Some(out)
}

/// One more than there are. Beyond a handful, a generator's own count is no truth.
fn count(object: &mut SpecObject) -> Option<AtomKind> {
    if object.count > 5 {
        return None;
    }
    object.count += 1;
    Some(AtomKind::Count)
}

fn colour(object: &mut SpecObject, rng: &mut Rng) -> Option<AtomKind> {
    let now = object.color.clone()?;
    let others: Vec<&str> = COLOURS.into_iter().filter(|c| *c != now).collect();
    object.color = rng.pick(&others).map(|c| (*c).to_owned());
    Some(AtomKind::Color)
}

fn class(object: &mut SpecObject, spec: &Spec, rng: &mut Rng) -> Option<AtomKind> {
    let there = |class: &str| spec.include.iter().any(|o| o.class == class);
    let others: Vec<&str> = OTHERS.into_iter().filter(|c| !there(c)).collect();
    object.class = (*rng.pick(&others)?).to_owned();
    Some(AtomKind::Object)
}

/// The questions of one object; `fault`: what of it is not so. What is asked of a thing that is not
/// there is left away.
fn ask(out: &mut Canary, object: &SpecObject, fault: Option<AtomKind>) {
    let (one, many) = (&object.class, plural(&object.class));
    let article = if one.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    let question = format!("Is there at least one {one} in the picture?");
    push(out, AtomKind::Object, question, format!("{article} {one}"), fault);
    if fault == Some(AtomKind::Object) {
        return;
    }
    let (number, noun) = (count_word(object.count), if object.count == 1 { one } else { &many });
    let verb = if object.count == 1 { "Is" } else { "Are" };
    let question = format!("{verb} there exactly {number} {noun}?");
    push(out, AtomKind::Count, question, format!("{number} {noun}"), fault);
    if let Some(colour) = &object.color {
        let question = format!("Is every {one} {colour}?");
        push(out, AtomKind::Color, question, format!("{colour} {noun}"), fault);
    }
}

fn push(
    out: &mut Canary,
    kind: AtomKind,
    question: String,
    expected: String,
    fault: Option<AtomKind>,
) {
    let id = format!("a{}", out.atoms.len() + 1);
    out.atoms.push(Atom { id, kind, question, expected, parents: Vec::new() });
    out.key.push(fault != Some(kind));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_at_most_is_altered_and_the_key_says_which() {
        let object = |class: &str, count, color: &str| SpecObject {
            class: class.into(),
            count,
            color: Some(color.into()),
            region: None,
            size: None,
            material: None,
        };
        let include = vec![object("clock", 3, "red"), object("cup", 1, "blue")];
        let spec = Spec { include, ..Spec::default() };
        let mut seen = std::collections::BTreeSet::new();
        for n in 0..60 {
            let mut rng = Rng::keyed(n, &["canary"]);
            let found = canary(&spec, &mut rng).expect("there is something to ask");
            let wrong: Vec<AtomKind> = found
                .atoms
                .iter()
                .zip(&found.key)
                .filter(|(_, holds)| !**holds)
                .map(|(atom, _)| atom.kind)
                .collect();
            assert!(wrong.len() <= 1, "{wrong:?}");
            assert_eq!(wrong.is_empty(), found.spec.include == spec.include);
            seen.insert(format!("{wrong:?}"));
        }
        assert_eq!(seen.len(), 4, "{seen:?}");
        assert!(canary(&Spec::default(), &mut Rng::keyed(1, &["c"])).is_none());
    }
}
