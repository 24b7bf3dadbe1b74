//! Evaluation sets through the program: their readers on rows made here, and on the owners' files
//! where those are at hand (`../shared/data/benchmarks`, or `COLDSTART_THIRD_PARTY=folder`).

use crate::pool::read;
use crate::pool_formats::{Folder, check};
use coldstart::benchmark::{BENCHMARKS, find, of_source};
use coldstart::pool::{PoolItem, SourceOptions};
use coldstart::record::Prompt;
use std::path::{Path, PathBuf};

#[test]
fn rows_of_each_set_are_read_by_name() {
    let geneval = br#"{"tag": "counting", "include": [{"class": "clock", "count": 5}], "exclude": [{"class": "clock", "count": 6}], "prompt": "five clocks"}"#;
    let imagine = "{\"id\": 7, \"instruction\": \"a blue ape\", \"note\": \"the fur is blue\", \"type\": \"COLOR\"}\n{\"id\": 8, \"instruction\": \"x\"}\n";
    let wise = r#"[{"prompt_id": 700, "Prompt": "q", "Explanation": "e", "Category": "Ecology"}]"#;
    let folder = Folder::new(&[
        ("g/Geneval++.jsonl", geneval.to_vec()),
        ("i/Imagine.jsonl", imagine.into()),
        ("l/natural_science.json", wise.into()),
        ("l/natural_science_rewrite.json", wise.replace("\"q\"", "\"plain\"").into()),
        ("v/natural_science_verified.json", wise.into()),
        ("v/merge.json", wise.into()),
    ]);
    check(&folder, "g", "geneval_pp", &["Geneval++.jsonl#1 | counting | five clocks"]);
    check(
        &folder,
        "i",
        "imagine",
        &["Imagine.jsonl#7 | COLOR | a blue ape", "syntax @ i: Imagine.jsonl#2"],
    );
    check(&folder, "l", "wise_legacy", &["natural_science.json#700 | space | q"]);
    check(&folder, "v", "wise_verified", &["natural_science_verified.json#700 | biology | q"]);
    // Whatever the user calls the source, an evaluation's prompts are known as such.
    let options = SourceOptions { name: "mine".into(), ..SourceOptions::default() };
    let rows = rows(&folder.path("l"), &options);
    assert_eq!(of_source(&rows[0].source).map(|set| set.name), Some("wise_legacy"));
}

fn rows(path: &Path, options: &SourceOptions) -> Vec<Prompt> {
    read(path, options)
        .into_iter()
        .filter_map(|item| match item {
            Ok(PoolItem::Row(row)) => Some(row.prompt),
            Ok(PoolItem::Bad(bad)) => panic!("{}: {}", bad.place, bad.detail),
            _ => None,
        })
        .collect()
}

fn third_party() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("COLDSTART_THIRD_PARTY").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| root.join("../shared/data")).join("benchmarks");
    folder.is_dir().then_some(folder)
}

#[test]
fn the_owners_files_are_read_whole() {
    let Some(folder) = third_party() else {
        eprintln!(
            "skipped: no third-party prompt files (COLDSTART_THIRD_PARTY names their folder)"
        );
        return;
    };
    for set in BENCHMARKS {
        let path = match set.name {
            "geneval_pp" | "imagine" => folder.join(format!("{}.jsonl", set.name)),
            name => folder.join(name),
        };
        let rows = rows(&path, &SourceOptions::default());
        assert_eq!(rows.len(), set.rows, "{}", set.name);
        let numbers: std::collections::BTreeSet<u64> = rows
            .iter()
            .filter_map(|row| row.key.as_ref()?.rsplit_once('#')?.1.parse().ok())
            .collect();
        assert_eq!(
            numbers.into_iter().collect::<Vec<_>>(),
            (1..=set.rows as u64).collect::<Vec<_>>()
        );
        // The shares of the groups are their weights, so every overall is a mean over rows.
        let weights: f64 = set.groups.iter().map(|g| g.weight).sum();
        for group in set.groups {
            let n = rows.iter().filter(|r| group.of.contains(&r.category.as_str())).count();
            let wanted = set.rows as f64 * group.weight / weights;
            assert!((n as f64 - wanted).abs() < 1e-6, "{} {}: {n}", set.name, group.title);
        }
        assert!(rows.iter().all(|r| r.source == find(set.name).unwrap().source()));
        assert!(rows.iter().all(|r| r.gloss.is_some() || r.spec.is_some()), "{}", set.name);
    }
}
