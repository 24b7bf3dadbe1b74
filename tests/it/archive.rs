//! A RUN that an earlier version made, and one whose second run was killed: every verb reads the same.

use coldstart::archive::{Reading, RunDir, decisions};
use coldstart::audit::Index;
use coldstart::record::Decision;
use coldstart::store::{Ledger, Store};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

const RUN: &str = "tests/cases/archive/run";
/// A record of two rounds that came into the dataset.
const RECORD: &str = "8a0693c019fffe7473ea4b6fa0df67ca";

pub fn coldstart(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_coldstart")).args(args).output().expect("starts")
}

pub fn text(args: &[&str]) -> String {
    let output = coldstart(args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&text(args)).expect("JSON")
}

fn told(what: &str) -> Value {
    let all = std::fs::read("tests/cases/archive/told.json").expect("readable");
    serde_json::from_slice::<Value>(&all).expect("JSON")[what].take()
}

/// Everything in `old` stands in `new`, which may say more.
fn holds(new: &Value, old: &Value, place: &str) {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => {
            for (key, old) in old {
                let place = format!("{place}.{key}");
                holds(new.get(key).unwrap_or(&Value::Null), old, &place);
            }
        }
        (Value::Array(new), Value::Array(old)) => {
            assert_eq!(new.len(), old.len(), "{place}");
            for (at, (new, old)) in new.iter().zip(old).enumerate() {
                holds(new, old, &format!("{place}[{at}]"));
            }
        }
        _ => assert_eq!(new, old, "{place}"),
    }
}

#[test]
fn a_run_of_an_earlier_version_is_told_as_that_version_told_it() {
    holds(&json(&["audit", RUN, "--format", "json"]), &told("audit"), "audit");
    holds(&json(&["explain", RUN, RECORD, "--format", "json"]), &told("explain"), "explain");
    // A turn that keeps to no form is asked for again since; that one call was never bought.
    let replay = json(&["replay", RUN, "--format", "json"]);
    assert_eq!(replay["missing_calls"], serde_json::json!({"teacher": 1}), "{replay}");
    assert_eq!(replay["report"]["dataset"]["rows"], 3, "{replay}");
    holds(&json(&["estimate", "--run", RUN, "--format", "json"]), &told("estimate"), "estimate");
    let graph = std::fs::read_to_string("tests/cases/archive/graph.txt").expect("readable");
    assert_eq!(text(&["graph", "--run", RUN]), graph);
}

#[test]
fn a_run_of_an_earlier_version_is_exported_to_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    text(&["export", RUN, "--format", "universal", "--out", out.to_str().expect("UTF-8")]);
    let seal = std::fs::read(out.join("export.json")).expect("written last");
    holds(&serde_json::from_slice(&seal).expect("JSON"), &told("export"), "export");
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).expect("copied")),
        }
    }
}

/// A copy of the RUN as a second run leaves it that was killed when four records had come: beside the
/// tables, a ledger with what became of them in the first stages.
async fn killed(folder: &Path) -> Vec<Decision> {
    copy(Path::new(RUN), folder);
    let uri = folder.to_str().expect("UTF-8");
    let run = RunDir::open(uri).await.expect("a RUN");
    let mut rows = Vec::new();
    for stage in ["pool", "unique", "clean", "hard"] {
        let mut of_stage = Vec::new();
        run.each(stage, &mut |row| of_stage.push(row)).await.expect("read");
        rows.extend(of_stage.into_iter().take(4));
    }
    let ledger = Ledger::open(&Store::open(uri).expect("a store")).await.expect("a ledger");
    for row in &rows {
        ledger.push(row);
    }
    ledger.flush().await.expect("written");
    rows
}

#[tokio::test]
async fn after_a_killed_run_every_verb_reads_the_ledger() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = killed(folder.path()).await;
    let uri = folder.path().to_str().expect("UTF-8");
    let mut entered: BTreeMap<&str, u64> = BTreeMap::new();
    rows.iter().for_each(|row| *entered.entry(&row.stage).or_default() += 1);
    let of = |stage: &str| entered.get(stage).copied().unwrap_or(0);
    let ids: std::collections::BTreeSet<_> = rows.iter().map(|row| row.id).collect();

    // It finds that the dataset is another run's, which is no success.
    let audit = coldstart(&["audit", uri, "--format", "json"]).stdout;
    let audit: Value = serde_json::from_slice(&audit).expect("JSON");
    let stages = audit["funnel"]["stages"].as_array().expect("stages");
    for stage in stages {
        let name = stage["stage"].as_str().expect("a name");
        assert_eq!(stage["in"], of(name), "audit: {name}");
    }
    let sql = "select stage, count(*) n from stages group by 1 order by 1";
    let sql = json(&["audit", uri, "--sql", sql, "--format", "json"]).to_string();
    assert!(sql.contains("hard") && !sql.contains("judged"), "{sql}");

    // The edges carry what the ledger's rows passed on, and nothing of the tables.
    let passed =
        |stage: &str| rows.iter().filter(|row| row.stage == stage && !row.port.is_empty()).count();
    let graph = text(&["graph", "--run", uri]);
    assert!(graph.contains(&format!("pool.all ({})", passed("pool"))), "{graph}");
    assert!(graph.contains(&format!("clean.clean ({})", passed("clean"))), "{graph}");
    assert!(!graph.contains("judged.unsatisfied ("), "{graph}");

    // Nothing has come to the end yet, of as many records as the ledger knows.
    let estimate = coldstart(&["estimate", "--run", uri]);
    let said = String::from_utf8_lossy(&estimate.stderr).into_owned();
    assert!(
        !estimate.status.success() && said.contains(&format!("{} records", ids.len())),
        "{said}"
    );

    let diff = json(&["diff", RUN, uri, "--format", "json"]);
    for stage in diff["funnel"].as_array().expect("stages") {
        let name = stage["stage"].as_str().expect("a name");
        assert_eq!(stage["b"][0], of(name), "diff: {name}");
    }
    let life = json(&["explain", uri, &rows[0].id.hex(), "--format", "json"]);
    let steps = life["steps"].as_array().expect("steps").len();
    assert_eq!(steps, rows.iter().filter(|row| row.id == rows[0].id).count());
    let run = RunDir::open(uri).await.expect("a RUN");
    let (_, seen) = Index::read(&run, Reading::Prompts).await.expect("read");
    assert!(seen.from_ledger);
    for stage in ["hard", "judged"] {
        let store = Store::open(uri).expect("a store");
        assert_eq!(
            decisions(&store, stage).await.expect("read").len() as u64,
            of(stage),
            "{stage}"
        );
    }
}

/// What only looks at decisions finds those of the ledger; what is made of the journal is made whole.
#[tokio::test]
async fn after_a_killed_run_labels_replays_and_rebuilds_agree_with_the_audit() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = killed(folder.path()).await;
    let uri = folder.path().to_str().expect("UTF-8");
    let refused = |args: &[&str]| {
        let output = coldstart(args);
        assert!(!output.status.success(), "{args:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    // No stage that a person could judge has come yet.
    let said = refused(&["calibrate", uri, "--sample", "50"]);
    assert!(said.contains("no decisions that a person could judge yet"), "{said}");
    let said = refused(&["judges", uri]);
    assert!(said.contains("holds no looks"), "{said}");

    let replay = json(&["replay", uri, "--format", "json"]);
    for stage in replay["diff"]["funnel"].as_array().expect("stages") {
        let name = stage["stage"].as_str().expect("a name");
        let came = rows.iter().filter(|row| row.stage == name).count();
        assert_eq!(stage["a"][0], came, "replay: {name}");
    }
    assert_eq!(replay["report"]["dataset"]["rows"], 3, "{replay}");
}

/// The shards of the run before are sealed; those of a run that never came to its report are not.
#[tokio::test]
async fn shards_count_once_the_report_seals_them() {
    let folder = tempfile::tempdir().expect("a folder");
    killed(folder.path()).await;
    let uri = folder.path().to_str().expect("UTF-8");
    let dataset = async || RunDir::open(uri).await.expect("a RUN").dataset().await.expect("read");
    assert_eq!(dataset().await.expect("sealed").shards.len(), 1);
    std::fs::remove_file(folder.path().join("report.json")).expect("removed");
    assert!(dataset().await.is_none(), "half-written, as far as anybody can know");
}
