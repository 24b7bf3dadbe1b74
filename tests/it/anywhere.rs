//! The program in any folder: without a checkout, below a project, and in a project that `init`
//! wrote. The same data come of all of them.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn coldstart(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coldstart"));
    command.current_dir(folder).args(args).output().expect("starts")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The digest of a small run's dataset.
fn digest(folder: &Path, more: &[&str]) -> String {
    let out = tempfile::tempdir().expect("a folder");
    let run = out.path().join("run");
    let mut args = vec!["run", "--limit", "8", "--format", "json", "--out"];
    args.push(run.to_str().expect("UTF-8"));
    args.extend(more);
    let output = coldstart(folder, &args);
    assert!(output.status.success(), "{}", told(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("a JSON report");
    report["dataset"]["digest"].as_str().expect("a digest").to_owned()
}

#[test]
fn an_empty_folder_a_checkout_and_a_written_project_make_the_same_bytes() {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    let expected = digest(checkout, &[]);
    assert!(!expected.is_empty());
    let empty = tempfile::tempdir().expect("a folder");
    assert_eq!(digest(empty.path(), &[]), expected, "built in");
    let folder = checkout.to_str().expect("UTF-8");
    assert_eq!(digest(empty.path(), &["--project", folder]), expected, "named");
    let output = coldstart(empty.path(), &["init", "mine"]);
    assert!(output.status.success(), "{}", told(&output));
    let mine = empty.path().join("mine");
    assert_eq!(digest(&mine, &[]), expected, "written out");
    let below = mine.join("a/b");
    std::fs::create_dir_all(&below).expect("a folder");
    assert_eq!(digest(&below, &[]), expected, "from a folder below");
}

#[test]
fn who_answers_is_said() {
    let empty = tempfile::tempdir().expect("a folder");
    let output = coldstart(empty.path(), &["check"]);
    assert!(output.status.success());
    assert!(
        told(&output).contains("pipeline `standard` of the built-in project"),
        "{}",
        told(&output)
    );
    // A RUN holds `stages/` too, and is no project.
    std::fs::create_dir_all(empty.path().join("stages/pool")).expect("a folder");
    std::fs::write(empty.path().join("stages/pool/part-00000.parquet"), "").expect("writable");
    assert!(coldstart(empty.path(), &["check"]).status.success());
    let output = coldstart(empty.path(), &["run", "no_such_pipeline"]);
    assert!(!output.status.success());
    assert!(told(&output).contains("three_rounds"), "{}", told(&output));
}

#[test]
fn init_writes_over_nothing_and_tells_what_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let init = |args: &[&str]| coldstart(folder.path(), &[&["init", "."], args].concat());
    assert!(init(&["--pipeline", "no_such"]).status.code() == Some(1));
    assert!(init(&["--pipeline", "paper"]).status.success());
    assert!(!folder.path().join("stages/three_rounds").exists());
    for name in ["README.md", ".gitignore", "endpoints.toml", "prompts.jsonl"] {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
    // The commands that it tells of are such as this project takes.
    let readme = std::fs::read_to_string(folder.path().join("README.md")).expect("words");
    for verb in ["run", "check"] {
        let (all, named) = (format!("$ coldstart {verb} "), format!("$ coldstart {verb} paper "));
        assert!(readme.contains(&named), "{readme}");
        assert_eq!(readme.matches(&all).count(), readme.matches(&named).count(), "{readme}");
    }
    let rows = std::fs::read_to_string(folder.path().join("prompts.jsonl")).expect("rows");
    assert_eq!(rows.lines().count(), 10);
    let again = init(&[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(told(&again).contains("nothing was written"), "{}", told(&again));

    let path = folder.path().join("templates/judge.j2");
    let text = std::fs::read_to_string(&path).expect("a template");
    std::fs::write(&path, text + "Be strict.\n").expect("writable");
    std::fs::write(folder.path().join("templates/mine.j2"), "{{ prompt }}").expect("writable");
    std::fs::remove_file(folder.path().join("stages/paper/unleaked.toml")).expect("removable");
    let output = init(&["--diff", "--format", "json"]);
    let shown = String::from_utf8_lossy(&init(&["--diff"]).stdout).into_owned();
    assert!(
        shown.contains("changed   templates/judge.j2") && shown.contains("+Be strict."),
        "{shown}"
    );
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(found["changed"], serde_json::json!(["templates/judge.j2"]));
    assert_eq!(found["added"], serde_json::json!(["templates/mine.j2"]));
    assert_eq!(found["missing"], serde_json::json!(["stages/paper/unleaked.toml"]));
}

#[test]
fn a_run_is_replayed_exported_and_reported_where_there_is_no_project() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = coldstart(folder.path(), &["run", "--limit", "8", "--out", "run"]);
    assert!(output.status.success(), "{}", told(&output));
    let output = coldstart(folder.path(), &["replay", "run", "--set", "better.ties=keep"]);
    assert!(output.status.success(), "{}", told(&output));
    // Unfinished: its end is made from the journal, with the fingerprints that are built in.
    std::fs::remove_dir_all(folder.path().join("run/dataset")).expect("removable");
    let output = coldstart(folder.path(), &["export", "run", "--format", "hf", "--out", "out"]);
    assert!(output.status.success(), "{}", told(&output));
    let rows = "{\"prompt\": \"a photo of five clocks\"}\n";
    std::fs::write(folder.path().join("rows.jsonl"), rows).expect("writable");
    let output = coldstart(folder.path(), &["pool", "report", "rows.jsonl", "--format", "json"]);
    assert!(output.status.success(), "{}", told(&output));
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(report.contains("geneval_pp"), "{report}");
}

#[test]
fn an_endpoints_file_that_was_written_for_no_named_pipeline_serves_the_default_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let new = ["endpoints", "new", "--chat", "vllm", "--images", "sglang", "mine.toml"];
    let output = coldstart(folder.path(), &new);
    assert!(output.status.success(), "{}", told(&output));
    let output = coldstart(folder.path(), &["check", "--endpoints", "mine.toml"]);
    assert!(output.status.success(), "{}", told(&output));
}
