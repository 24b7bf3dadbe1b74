//! What the file above promises, by example.

use super::*;
use crate::record::{DatasetReport, Stratum};

#[test]
fn the_stage_that_writes_the_dataset_and_a_server_that_names_no_model_are_told() {
    let stage = StageReport { stage: "dataset".into(), ..StageReport::default() };
    let report = Report { stages: vec![stage], ..Report::default() };
    let mut facts = CardFacts::default();
    facts.models.insert(String::new(), 4);
    let card = render(&sealed(report, 4, 1, "d"), &facts);
    assert!(card.contains("| dataset | 5 | 4 | 0 | 1 |"), "{card}");
    assert!(card.contains("| not named by its server | 4 |") && !card.contains("\n|  |"), "{card}");
    assert!(card.contains("4 rows; pipeline ``; digest `d`."));
}

#[test]
fn every_role_is_there_with_its_model_and_the_language_of_the_prompts() {
    let facts = CardFacts {
        title: "paper".into(),
        roles: vec![("generator".into(), "flux".into()), ("judge".into(), "qwen".into())],
        languages: [("en", 50), ("zh", 9), ("nl", 1), ("und", 20)]
            .map(|(code, rows)| (code.to_owned(), rows))
            .into(),
        models: [("qwen".to_owned(), 3), (String::new(), 3), ("qwen-0901".to_owned(), 1)].into(),
        ..CardFacts::default()
    };
    let card = render(&Report::default(), &facts);
    assert!(card.contains("\nlanguage:\n- en\n- zh\n"), "{card}");
    assert!(card.contains("| generator | flux |\n| judge | qwen |\n"), "{card}");
    assert!(card.contains("| qwen-0901 | 1 |") && !card.contains("| qwen | 3 |"), "{card}");
    assert!(card.contains("# Image-agent cold-start trajectories (paper)"));
    assert_eq!((pipeline_in(&title(&facts)), pipeline_in("Mine")), ("paper", "Mine"));
    assert!(card.contains("pretty_name: \"Image-agent cold-start trajectories (paper)\""));
}

#[test]
fn the_card_says_what_is_simulated_and_escapes_what_is_foreign() {
    let strata =
        [("a|b/open".to_string(), Stratum { available: 3, quota: 2, wanted: 7, taken: 2 })];
    let report = Report {
        simulated: true,
        stages: vec![StageReport { stage: "hard".into(), entered: 9, ..StageReport::default() }],
        dataset: DatasetReport {
            rows: 2,
            digest: "d".into(),
            strata: strata.into(),
            ..DatasetReport::default()
        },
        ..Report::default()
    };
    let mut facts = CardFacts::default();
    facts.models.insert("<script>|x".into(), 2);
    facts.acceptance.add([Some(false), Some(true)]);
    facts.acceptance.add([Some(true)]);
    let card = render(&report, &facts);
    assert!(card.contains("| J1 | 1 | 1 | 50.0 % |\n| J2 | 1 | 0 | 100.0 % |"), "{card}");
    assert!(card.contains("\n  - split: train\n    path: train-*.parquet\n---\n"));
    let other = CardFacts {
        split: "held_out".into(),
        licence: Some("mine: all rights".into()),
        ..CardFacts::default()
    };
    let other = render(&report, &other);
    assert!(other.contains("path: held_out-*.parquet"));
    assert!(other.contains("\nlicense: other\nlicense_name: \"mine: all rights\"\n"));
    assert!(card.contains("SIMULATED") && card.contains("\n- simulated\n"));
    assert!(card.contains("| a\\|b/open | 3 | 7 | 2 |"));
    assert!(card.contains("\nlicense: other\nlicense_name: unset"));
    assert!(card.contains("load_dataset(\".\", split=\"train\")"));
    assert_eq!(card.matches("SIMULATED DATA").count(), 1);
    assert!(card.contains("| \\<script\\>\\|x | 2 |"));
    assert!(card.contains("| hard | 9 |"));
    let real = Report { simulated: false, ..report };
    assert!(!render(&real, &facts).to_lowercase().contains("simulated data"));
}
