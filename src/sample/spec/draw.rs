//! One draw.

use super::vocabulary::{Recipe, Share, opposite};
use super::{Chance, Vocabulary};
use crate::record::{Relation, Size, Spec, SpecObject};

/// Uniform in 0..1.
pub(super) fn unit(chance: Chance) -> f64 {
    (chance() >> 11) as f64 / (1u64 << 53) as f64
}

/// Uniform in 0..n; 0 where n is 0.
pub(super) fn below(chance: Chance, n: usize) -> usize {
    ((u128::from(chance()) * n as u128) >> 64) as usize
}

fn pick<'a, T>(chance: Chance, items: &'a [T]) -> Option<&'a T> {
    items.get(below(chance, items.len()))
}

fn happens(chance: Chance, share: Share) -> bool {
    share.0 > 0.0 && unit(chance) < share.0
}

pub(super) fn spec(words: &Vocabulary, recipe: &Recipe, chance: Chance) -> Spec {
    let file = &words.file;
    let [least, most] = recipe.objects;
    let kinds = least + below(chance, most.saturating_sub(least) + 1);
    let mut classes: Vec<&String> = file.objects.values().flatten().collect();
    if happens(chance, recipe.knowledge) {
        classes.retain(|class| file.knowledge.contains_key(*class));
    }
    let mut include = Vec::with_capacity(kinds);
    for _ in 0..kinds.min(classes.len()) {
        let class = classes.swap_remove(below(chance, classes.len()));
        include.push(object(words, recipe, class, chance));
    }
    if let [first, second, ..] = &mut include[..] {
        if happens(chance, recipe.region)
            && let Some(&region) = pick(chance, &file.regions)
        {
            (first.region, second.region) = (Some(region), Some(opposite(region)));
        }
        if happens(chance, recipe.size) {
            let larger = below(chance, 2) == 0;
            let (a, b) =
                if larger { (Size::Larger, Size::Smaller) } else { (Size::Smaller, Size::Larger) };
            (first.size, second.size) = (Some(a), Some(b));
        }
    }
    let mut relations = Vec::new();
    if include.len() > 1
        && happens(chance, recipe.relation)
        && let Some(&region) = pick(chance, &file.relations)
    {
        relations.push(Relation { subject: 0, region, object: 1 });
        include[..2].iter_mut().for_each(|object: &mut SpecObject| object.region = None);
    }
    let text = happens(chance, recipe.text).then(|| pick(chance, &file.texts).cloned()).flatten();
    Spec { include, relations, text, ..Spec::default() }
}

fn object(words: &Vocabulary, recipe: &Recipe, class: &str, chance: Chance) -> SpecObject {
    let file = &words.file;
    let count = recipe.count.and_then(|[low, high]| {
        let fitting: Vec<u32> =
            file.counts.iter().copied().filter(|n| (low..=high).contains(n)).collect();
        pick(chance, &fitting).copied()
    });
    let color = happens(chance, recipe.color).then(|| pick(chance, &file.colors).cloned());
    let material = happens(chance, recipe.material).then(|| pick(chance, &file.materials).cloned());
    SpecObject {
        class: class.to_owned(),
        count: count.unwrap_or(1),
        color: color.flatten(),
        region: None,
        size: None,
        material: material.flatten(),
    }
}

#[cfg(test)]
mod tests {
    use crate::diag::{SourceFile, Style, render};
    use crate::sample::spec::Vocabulary;
    use std::sync::Arc;

    fn shipped() -> Vocabulary {
        let text = include_str!("../../../data/vocabulary.toml").to_owned();
        let source = Arc::new(SourceFile { path: "data/vocabulary.toml".into(), text });
        Vocabulary::parse(&source)
            .unwrap_or_else(|found| panic!("{}", render(&found, Style::Plain)))
    }

    fn numbers(seed: u64) -> impl FnMut() -> u64 {
        let mut state = seed;
        move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
        }
    }

    #[test]
    fn draws_follow_their_category_and_never_a_held_out_combination() {
        let words = shipped();
        for (category, _) in words.weights() {
            for seed in 0..500 {
                let drawn = words.draw(category, &mut numbers(seed)).unwrap();
                assert_eq!(words.draw(category, &mut numbers(seed)).unwrap(), drawn);
                assert!(!words.is_held_out(&drawn.spec) && drawn.style < words.styles().len());
                let objects = &drawn.spec.include;
                let classes: std::collections::BTreeSet<_> =
                    objects.iter().map(|o| &o.class).collect();
                assert_eq!(classes.len(), objects.len(), "{category}: classes repeat");
                match category {
                    "counting" => assert!(objects.iter().all(|o| (3..=8).contains(&o.count))),
                    "color" => assert!(objects.iter().all(|o| o.color.is_some())),
                    "position" => assert!(objects[0].region.is_some()),
                    "size" => assert!(objects[0].size != objects[1].size),
                    "text" => assert!(drawn.spec.text.is_some()),
                    "relation" => assert!(objects.len() == 3 && drawn.spec.relations.len() == 1),
                    "knowledge" => {
                        let facts = words.facts(category, &drawn.spec);
                        assert_eq!(facts.lines().count(), objects.len(), "{facts}");
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_relation_holds_out_the_side_that_it_gives() {
        use crate::record::{Region, Relation, Spec, SpecObject};
        let words = shipped();
        let object = |class: &str| SpecObject {
            class: class.into(),
            count: 1,
            color: None,
            region: None,
            size: None,
            material: None,
        };
        let spec = |region| Spec {
            include: vec![object("zebra"), object("cat")],
            relations: vec![Relation { subject: 1, region, object: 0 }],
            ..Spec::default()
        };
        // A cat to the right of a zebra puts the zebra on the left, which is held out.
        assert!(words.is_held_out(&spec(Region::Right)));
        assert!(!words.is_held_out(&spec(Region::Left)));
        assert_eq!(words.facts("counting", &spec(Region::Left)), "");
    }

    #[test]
    fn categories_come_by_weight() {
        let words = shipped();
        let mut chance = numbers(3);
        let mut counts = std::collections::BTreeMap::<&str, f64>::new();
        for _ in 0..20_000 {
            *counts.entry(words.pick_category(&mut chance).unwrap()).or_default() += 1.0;
        }
        let total: f64 = words.weights().map(|(_, w)| w).sum();
        for (name, weight) in words.weights() {
            let share = counts.get(name).copied().unwrap_or(0.0) / 20_000.0;
            assert!((share - weight / total).abs() < 0.02, "{name}: {share}");
        }
    }

    #[test]
    fn every_fault_is_said_at_once() {
        let text = "counts = [1]\ncolors = []\nregions = []\nsizes = []\n[objects]\na = [\"cat\"]\n\
                    [weights]\nx = 1\nyy = -1\n[category.x]\nobjects = [1, 3]\ncount = [5, 6]\ncolor = true\n\
                    [[style]]\nname = \"s\"\nbrief = \"b\"\n[[held_out]]\nclass = \"cta\"\n";
        let source = Arc::new(SourceFile { path: "v.toml".into(), text: text.into() });
        let said = render(&Vocabulary::parse(&source).unwrap_err(), Style::Plain);
        for part in [
            "`yy` is not a number",
            "`yy` that is not described",
            "`objects` is not",
            "5 to 6",
            "`color` has nothing",
            "did you mean `cat`",
        ] {
            assert!(said.contains(part), "{part} is missing in\n{said}");
        }
    }
}
