//! Tests of `decontam` on small benchmarks of our own wording.

use super::{Builder, FingerprintError, Fingerprints, Rule};
use crate::record::{Spec, SpecObject};
use proptest::prelude::*;

fn fingerprints() -> Fingerprints {
    let mut builder = Builder::new("templates", "ours", "Apache-2.0", true);
    builder.row("a photo of four umbrellas", None);
    builder.row("A photo of a brown kite, a green drum, and a red ladder", None);
    let mut prose = Builder::new("prose", "ours", "Apache-2.0", false);
    prose.row(
        "An old lighthouse keeper climbs the spiral stairs with a lantern in his left hand while \
         the storm beats against the narrow windows and gulls cry far below on the rocks",
        None,
    );
    prose.row("the quick grey otter balances three smooth pebbles on its nose", None);
    let mut all = Fingerprints::load(&builder.finish()).unwrap();
    all.merge(Fingerprints::load(&prose.finish()).unwrap());
    all
}

fn rule(text: &str) -> Option<(String, Rule)> {
    fingerprints().check(text, None, None).map(|h| (h.benchmark, h.rule))
}

#[test]
fn each_rule_fires_where_it_should() {
    let hit = |name: &str, rule: Rule| Some((name.to_owned(), rule));
    assert_eq!(rule("A photo of FOUR umbrellas!"), hit("templates", Rule::Exact));
    assert_eq!(rule("four umbrellas"), hit("templates", Rule::Exact));
    assert_eq!(rule("4 umbrellas"), hit("templates", Rule::Spec));
    assert_eq!(rule("a red ladder, a brown kite and a green drum"), hit("templates", Rule::Spec));
    assert_eq!(rule("a photo of nine umbrellas"), hit("templates", Rule::Masked));
    assert_eq!(
        rule("three smooth pebbles balancing on the nose of the quick grey otter"),
        hit("prose", Rule::Bag)
    );
    assert_eq!(
        rule(
            "Painted in oil: an old lighthouse keeper climbs the spiral stairs with a lantern in \
              his left hand while the storm beats against a door"
        ),
        hit("prose", Rule::Ngram)
    );
    assert_eq!(
        rule("we see how the quick grey otter balances three smooth pebbles on its nose all day"),
        hit("prose", Rule::Ngram)
    );
    for fine in ["a photo of four lamps", "a lighthouse in a storm", "", "umbrellas"] {
        assert_eq!(rule(fine), None, "{fine}");
    }
}

#[test]
fn a_riddle_is_caught_by_its_spec_and_by_its_plain_meaning() {
    let riddle = "As many rain shields as a square has corners";
    let spec = Spec {
        include: vec![SpecObject {
            class: "umbrella".into(),
            count: 4,
            color: None,
            region: None,
            size: None,
            material: None,
        }],
        ..Spec::default()
    };
    let all = fingerprints();
    assert_eq!(all.check(riddle, None, None), None);
    assert_eq!(all.check(riddle, Some(&spec), None).unwrap().rule, Rule::Spec);
    assert_eq!(all.check(riddle, None, Some("Four umbrellas.")).unwrap().rule, Rule::Exact);
}

#[test]
fn masked_matches_outside_of_template_sets_are_only_reported() {
    let all = fingerprints();
    let text = "the quick brown otter balances five smooth pebbles on its nose";
    assert_eq!(all.check(text, None, None), None);
    let found = all.check_all(text, None, None);
    assert_eq!(found.len(), 1);
    assert!(found[0].advisory && found[0].rule == Rule::Masked && found[0].place == "row 2");
}

#[test]
fn a_wording_that_two_sets_share_is_each_ones() {
    let set = |name: &str, templates: bool| {
        let mut builder = Builder::new(name, "ours", "none", templates);
        builder.row("a photo of four umbrellas", None);
        Fingerprints::load(&builder.finish()).unwrap()
    };
    // The set that only reports comes first, and must not hide the one that drops.
    for order in [["prose", "templates"], ["templates", "prose"]] {
        let mut all = Fingerprints::default();
        order.iter().for_each(|name| all.merge(set(name, *name == "templates")));
        let hit = all.check("a photo of nine umbrellas", None, None).unwrap();
        assert_eq!((hit.benchmark.as_str(), hit.rule), ("templates", Rule::Masked));
        let mut nested = Fingerprints::default();
        nested.merge(all);
        let mut named: Vec<String> = nested
            .check_all("a photo of four umbrellas", None, None)
            .into_iter()
            .filter(|h| h.rule == Rule::Exact)
            .map(|h| h.benchmark)
            .collect();
        named.sort();
        assert_eq!(named, ["prose", "templates"]);
    }
}

#[test]
fn a_spec_that_says_less_than_the_words_does_not_hide_them() {
    let poor = Spec {
        include: vec![SpecObject {
            class: "umbrella".into(),
            count: 1,
            color: None,
            region: None,
            size: None,
            material: None,
        }],
        ..Spec::default()
    };
    let hit = fingerprints().check("4 umbrellas", Some(&poor), None).unwrap();
    assert_eq!(hit.rule, Rule::Spec);
}

#[test]
fn damage_is_named() {
    let mut builder = Builder::new("x", "ours", "none", true);
    builder.row("a photo of four umbrellas", None);
    let file = builder.finish();
    assert_eq!(Fingerprints::load(b"hello").unwrap_err(), FingerprintError::NotFingerprints);
    for cut in 0..file.len() {
        assert!(Fingerprints::load(&file[..cut]).is_err(), "cut at {cut}");
    }
    let longer = [&file[..], b"x"].concat();
    assert!(Fingerprints::load(&longer).is_err());
}

proptest! {
    #[test]
    fn every_row_is_found_again(rows in prop::collection::vec("[a-d]{1,3}( [a-d]{1,4}){0,30}", 1..8)) {
        let mut builder = Builder::new("x", "ours", "none", false);
        rows.iter().for_each(|row| builder.row(row, None));
        let all = Fingerprints::load(&builder.finish()).unwrap();
        for row in &rows {
            let hit = all.check(row, None, None);
            prop_assert!(hit.is_some_and(|h| h.rule == Rule::Exact));
        }
        prop_assert_eq!(all.benchmarks()[0].rows as usize, rows.len());
    }

    #[test]
    fn any_shared_run_of_sixteen_words_is_found(
        words in prop::collection::vec("[a-h]{2,6}", 30..60),
        start in 0usize..14,
    ) {
        let mut builder = Builder::new("x", "ours", "none", false);
        builder.row(&words.join(" "), None);
        let all = Fingerprints::load(&builder.finish()).unwrap();
        let run = format!("zz {} yy", words[start..start + 16].join(" "));
        prop_assert!(all.check(&run, None, None).is_some());
    }
}
