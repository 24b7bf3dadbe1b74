//! Tests of `dedup`: what is a duplicate, and independence of order and shards.

use super::{Dedup, Ruling, THRESHOLD};
use crate::record::Id;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn id(text: &str, n: usize) -> Id {
    Id::of("test", &n.to_string(), text)
}

fn are_duplicates(a: &str, b: &str) -> bool {
    let mut dedup = Dedup::new(THRESHOLD, 7);
    dedup.offer(id(a, 0), a);
    dedup.offer(id(b, 1), b);
    dedup.finish().iter().any(|(_, ruling)| *ruling != Ruling::Keep)
}

#[test]
fn a_changed_slot_makes_another_prompt() {
    for (a, b) in [
        ("a photo of five clocks", "a photo of six clocks"),
        ("a photo of 5 clocks on a wall", "a photo of 6 clocks on a wall"),
        ("a red bus and a blue car", "a blue bus and a red car"),
        ("a dog on the left of a cat", "a dog on the right of a cat"),
        ("a dog on the left of a cat", "a cat on the left of a dog"),
        (
            "The yellow hexagon was balanced on the edge of the green diamond and the blue cylinder",
            "The green diamond was balanced on the edge of the yellow hexagon and the blue cylinder",
        ),
        ("a street with people", "a street without people"),
        ("a large cat and a small dog", "a small cat and a large dog"),
        ("a photo of a dog", "a photo of a cat"),
        ("a photo of a hot dog by a drum", "a photo of a dog by a drum"),
        ("a tin whistle and a round clock", "a tin whistle and a round clock face"),
        ("a stone mill and a wooden gate", "a stone mill and a wooden mill"),
        ("a heron in the reeds", "a heron in the reeds of a canal"),
        ("a fox asleep under an elm", "a cartoon of a fox asleep under an elm"),
        ("a drawing of a barge on a river", "a painting of a barge on a river"),
        (
            "the square crate was wedged between the round barrel and the oval tub",
            "the oval tub was wedged between the round barrel and the square crate",
        ),
        (
            "a tall glass of orange juice next to a plate with two slices of toast in a sunny \
             kitchen with white tiles and a wooden table",
            "a tall glass of orange juice next to a plate with three slices of toast in a sunny \
             kitchen with white tiles and a wooden table",
        ),
    ] {
        assert!(!are_duplicates(a, b), "{a} | {b}");
    }
}

#[test]
fn another_frame_or_inflection_does_not() {
    for (a, b) in [
        ("a photo of five clocks", "five clocks"),
        ("A photo of 5 clocks.", "a photo of five clocks"),
        ("a red bus and a blue car", "a blue car and a red bus"),
        ("a cat sits on a sofa", "A cat sitting on the sofa!"),
        ("a tailor gives a button to a soldier", "to a soldier, a tailor gives a button"),
        (
            "a narrow street of old brick houses after rain, with lanterns lit at dusk",
            "a narrow street of old brick houses after rain, with lanterns lit at dusk, highly \
             detailed, 8k",
        ),
        (
            "please draw a whale with corals growing on its roof",
            "a whale with coral growing on the roof",
        ),
    ] {
        assert!(are_duplicates(a, b), "{a} | {b}");
    }
}

#[test]
fn a_dropped_text_names_a_kept_peer() {
    let texts = ["a red bus", "the red bus", "red bus", "a red bus!", "a blue bus"];
    let mut dedup = Dedup::new(THRESHOLD, 1);
    for (n, text) in texts.iter().enumerate() {
        dedup.offer(id(text, n), text);
    }
    let rulings: BTreeMap<Id, Ruling> = dedup.finish().into_iter().collect();
    assert_eq!(rulings.values().filter(|r| **r == Ruling::Keep).count(), 2);
    for ruling in rulings.values() {
        if let Ruling::Near { peer, similarity } = ruling {
            assert_eq!(rulings[peer], Ruling::Keep);
            assert!(*similarity >= THRESHOLD);
        }
    }
}

fn prompts() -> impl Strategy<Value = Vec<String>> {
    let word = prop::sample::select(vec![
        "a", "red", "blue", "bus", "cat", "cats", "two", "left", "on", "park",
    ]);
    let prompt = prop::collection::vec(word, 1..7).prop_map(|words| words.join(" "));
    prop::collection::vec(prompt, 1..40)
}

proptest! {
    #[test]
    fn order_and_shards_do_not_show(texts in prompts(), cut in 0usize..40, seed: u64) {
        let rows: Vec<(Id, &String)> = texts.iter().enumerate().map(|(n, t)| (id(t, n), t)).collect();
        let run = |rows: &[(Id, &String)]| {
            let mut dedup = Dedup::new(THRESHOLD, seed);
            rows.iter().for_each(|(id, text)| dedup.offer(*id, text));
            dedup
        };
        let straight = run(&rows).finish();
        let mut reversed = rows.clone();
        reversed.reverse();
        prop_assert_eq!(&straight, &run(&reversed).finish());
        let cut = cut.min(rows.len());
        let mut left = run(&rows[cut..]);
        left.merge(run(&rows[..cut]));
        prop_assert_eq!(&straight, &left.finish());
        prop_assert_eq!(straight.len(), rows.len());
    }
}
