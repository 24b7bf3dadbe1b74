//! Contamination of which the truth is known: through the shipped fingerprints, and, where the
//! third-party prompt files are at hand (`COLDSTART_THIRD_PARTY=folder`), counted against them.

use crate::pool::read;
use coldstart::pool::{PoolItem, SourceOptions};
use coldstart::record::{Spec, SpecObject};
use coldstart::text::decontam::{Fingerprints, Rule};
use coldstart::text::{mask, normalise};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn shipped() -> Fingerprints {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/fingerprints");
    let mut all = Fingerprints::default();
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "fp"))
        .collect();
    names.sort();
    for name in names {
        all.merge(Fingerprints::load(&std::fs::read(name).unwrap()).unwrap());
    }
    all
}

fn clocks(count: u32) -> Spec {
    let clock = SpecObject {
        class: "clock".into(),
        count,
        color: None,
        region: None,
        size: None,
        material: None,
    };
    Spec { include: vec![clock], ..Spec::default() }
}

#[test]
fn five_clocks_are_caught_in_words_in_digits_and_as_a_riddle() {
    let all = shipped();
    for text in [
        "a photo of five clocks",
        "A photo of 5 clocks.",
        "five clocks",
        "5 clocks",
        "an image of five clocks",
    ] {
        let hit = all.check(text, None, None).unwrap_or_else(|| panic!("{text} passes"));
        assert_eq!(hit.benchmark, "geneval_pp", "{text}: {hit:?}");
        assert!(
            matches!(hit.rule, Rule::Exact | Rule::Spec) && hit.place == "row 261",
            "{text}: {hit:?}"
        );
    }
    let riddle = "As many tellers of hours as a hand has fingers";
    assert_eq!(all.check(riddle, None, None), None);
    let hit = all.check(riddle, Some(&clocks(5)), None).unwrap();
    assert_eq!((hit.benchmark.as_str(), hit.rule), ("geneval_pp", Rule::Spec));
    assert!(all.check(riddle, None, Some("A photo of five clocks.")).is_some());
    // A count that no set asks for still shares the template; its bare words do not.
    assert_eq!(all.check("a photo of 19 clocks", None, None).unwrap().rule, Rule::Masked);
    assert_eq!(
        all.check(riddle, Some(&clocks(19)), Some("Nineteen clocks on a wall of moss")),
        None
    );
}

#[test]
fn prompts_of_our_own_are_not_caught() {
    let all = shipped();
    for text in [
        "Two clockmakers argue over a brass gear at a market stall in the rain",
        "An octopus in a waistcoat plays chess against a lighthouse",
        "a poster that says \"SALT\" above a blue rowing boat, woodcut style",
    ] {
        assert_eq!(all.check(text, None, None), None, "{text}");
    }
}

fn texts(path: &Path) -> Vec<String> {
    read(path, &SourceOptions::default())
        .into_iter()
        .filter_map(|item| match item {
            Ok(PoolItem::Row(row)) => Some(row.prompt.text.clone()),
            Ok(PoolItem::Bad(_) | PoolItem::End(_)) => None,
            Err(e) => panic!("{e}"),
        })
        .collect()
}

#[test]
fn counts_agree_with_those_that_others_found() {
    let Some(folder) = std::env::var_os("COLDSTART_THIRD_PARTY").map(PathBuf::from) else {
        eprintln!("skipped: COLDSTART_THIRD_PARTY does not name the third-party prompt files");
        return;
    };
    let pool = texts(&folder.join("pools/t2i_r1.json"));
    let benchmark = texts(&folder.join("benchmarks/geneval_pp.jsonl"));
    assert_eq!((pool.len(), benchmark.len()), (7223, 280));
    let exact: BTreeSet<String> = pool.iter().map(|t| normalise(t)).collect();
    assert_eq!(benchmark.iter().filter(|t| exact.contains(&normalise(t))).count(), 7);
    let masked: BTreeSet<String> = pool.iter().map(|t| mask::numbers(t)).collect();
    assert_eq!(benchmark.iter().filter(|t| masked.contains(&mask::numbers(t))).count(), 40);
    assert_eq!(texts(&folder.join("pools/unigenbench_train_prompt.txt")).len(), 10_000);
    assert_eq!(texts(&folder.join("pools/PartiPrompts.tsv")).len(), 1632);
    let all = shipped();
    let examples = texts(&folder.join("pools/genagent_examples.json"));
    let caught: Vec<bool> = examples.iter().map(|t| all.check(t, None, None).is_some()).collect();
    assert_eq!(caught, [true, true, false, true, false, false, false]);
}
