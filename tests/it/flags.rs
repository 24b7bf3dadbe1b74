//! Flags that no other test gives: each is seen to do what its help says, on a RUN that is kept and on
//! a few prompts.

use crate::archive::{coldstart, copy, text};
use serde_json::Value;
use std::path::Path;

const RUN: &str = "tests/cases/archive/run";
const RECORD: &str = "8a0693c019fffe7473ea4b6fa0df67ca";

fn path(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).to_str().expect("UTF-8").to_owned()
}

#[test]
fn full_tells_more_and_checks_lists_what_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let short = text(&["explain", RUN, RECORD]);
    let whole = text(&["explain", RUN, RECORD, "--full"]);
    assert!(whole.len() > 2 * short.len(), "{} of {}", short.len(), whole.len());
    let end = "Answer with one JSON object";
    assert!(whole.contains(end) && !short.contains(end), "requests are told to their end");
    assert!(text(&["audit", RUN, "--full"]).contains("9 records"));
    assert!(text(&["audit", "--checks"]).lines().count() > 20);
    let out = path(&folder, "r.html");
    text(&["report", RUN, "--full", "--out", &out]);
    assert!(std::fs::read_to_string(out).unwrap().contains("<html"));
}

#[test]
fn labels_are_held_against_the_filters() {
    let folder = tempfile::tempdir().unwrap();
    let labels = path(&folder, "labels.jsonl");
    let asked = text(&["calibrate", RUN, "--sample", "12"]);
    let filled: String = asked
        .lines()
        .map(|line| {
            let mut row: Value = serde_json::from_str(line).unwrap();
            row["truth"] = row["decided"].clone();
            format!("{row}\n")
        })
        .collect();
    std::fs::write(&labels, filled).unwrap();
    let told = text(&["calibrate", RUN, "--labels", &labels]);
    assert!(told.contains("0 wrongly; rejected") && !told.contains("1 wrongly"), "{told}");
}

#[test]
fn what_can_serve_a_role_is_listed() {
    let listed = text(&["endpoints", "new", "--list"]);
    let serves = |name: &str| listed.lines().find(|line| line.starts_with(name)).expect("listed");
    assert!(serves("vllm ").contains("chats") && serves("sglang ").contains("draws"), "{listed}");
}

#[test]
fn warnings_are_errors_where_that_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let project = path(&folder, "project");
    text(&["init", &project]);
    let stage = Path::new(&project).join("stages/paper/_models.toml");
    let roles = std::fs::read_to_string(&stage).unwrap();
    let idle = "\n[idle]\nkind = \"chat\"\nmodel = \"m\"\n";
    std::fs::write(&stage, roles + idle).unwrap();
    assert!(coldstart(&["check", "paper", "--project", &project]).status.success());
    let denied = coldstart(&["check", "paper", "--project", &project, "--deny-warnings"]);
    assert_eq!(denied.status.code(), Some(1));
}

#[test]
fn a_changed_pipeline_goes_into_a_run_only_if_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(RUN), folder.path());
    let refused = coldstart(&["run", "--out", folder.path().to_str().unwrap()]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1));
    assert!(said.contains("--into-changed-pipeline"), "{said}");
    let manifest = |at: &Path| std::fs::read(at.join("manifest.json")).unwrap();
    assert_eq!(manifest(folder.path()), manifest(Path::new(RUN)));
}

#[test]
fn figures_are_written_of_agents_only() {
    let folder = tempfile::tempdir().unwrap();
    let figures = path(&folder, "figures");
    let none = coldstart(&["table", RUN, "--figures", &figures]);
    assert_eq!(none.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&none.stderr).contains("has no rollouts"));
    assert!(!Path::new(&figures).exists());
}

#[test]
fn an_export_takes_rules_that_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let (rules, out) = (path(&folder, "rules.toml"), path(&folder, "out"));
    let own = std::fs::read_to_string("data/judge_rules.toml").unwrap();
    let first = own.lines().find_map(|line| line.strip_prefix("text")).unwrap();
    let first = first.split('"').nth(1).unwrap();
    std::fs::write(&rules, own.replacen(first, "No zebra anywhere.", 1)).unwrap();
    let form = "verl-rl";
    text(&["export", RUN, "--format", form, "--rules", &rules, "--out", &out, "--seed", "3"]);
    let rows = std::fs::read(Path::new(&out).join("train.parquet")).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(
        bytes::Bytes::from(rows),
    );
    let batches: Vec<_> = reader.unwrap().build().unwrap().map(Result::unwrap).collect();
    assert!(format!("{batches:?}").contains("No zebra anywhere."));
}

#[test]
fn prompts_are_inspected_reported_and_fingerprinted_as_flags_say() {
    let folder = tempfile::tempdir().unwrap();
    let (prompts, fingerprints) = (path(&folder, "p.txt"), path(&folder, "fp"));
    std::fs::write(&prompts, "a red cat on a green mat\na blue dog\n").unwrap();
    let shown = |flags: &[&str]| {
        let all = [&["pool", "inspect", prompts.as_str(), "--format", "json"], flags].concat();
        serde_json::from_str::<Value>(&text(&all)).unwrap()
    };
    assert_eq!(shown(&["--rows", "1", "--no-images"])["sample"].as_array().unwrap().len(), 1);
    assert_eq!(shown(&["--rows", "2", "--decode"])["rows"], 2);

    let set = ["--name", "mine", "--templates", "--licence", "CC0-1.0", "--out", &fingerprints];
    text(&[&["pool", "fingerprint", "--add", &prompts][..], &set].concat());
    let made = std::fs::read(Path::new(&fingerprints).join("mine.fp")).unwrap();
    let head = String::from_utf8_lossy(&made).into_owned();
    assert!(head.contains("\"licence\":\"CC0-1.0\"") && head.contains("\"drop_masked\":true"));

    let sources = path(&folder, "sources.toml");
    std::fs::write(&sources, format!("[[source]]\npath = \"{prompts}\"\n")).unwrap();
    let flags = ["--sources", &sources, "--no-images", "--threshold", "0.5", "--format", "json"];
    let report = text(&[&["pool", "report", "--fingerprints", &fingerprints][..], &flags].concat());
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["rows"], &report["contamination"]["dropped"]), (&2.into(), &2.into()));
}

#[test]
fn a_dataset_that_its_balance_left_empty_says_how_to_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pool, out) = (path(&folder, "own.jsonl"), path(&folder, "run"));
    let prompts = [
        "A red apple",
        "A dog",
        "A blue cup",
        "A yellow lemon",
        "A white sheep",
        "A cat",
        "A purple umbrella",
    ];
    let rows = prompts.map(|prompt| format!("{{\"prompt\":\"{prompt}\"}}\n")).concat();
    std::fs::write(&pool, rows).expect("writes");
    let run = ["run", "--pool", &pool, "--out", &out, "--quiet"];
    let said = text(&run);
    assert!(said.contains("dataset   0 rows"), "{said}");
    assert!(said.contains("as many that accept as reject"), "{said}");
    let more = ["--set", "balanced.accepts={}", "--into-changed-pipeline"];
    let said = text(&[&run[..], &more].concat());
    assert!(said.contains("dataset   ") && !said.contains("dataset   0 rows"), "{said}");
}
