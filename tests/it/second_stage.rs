//! The second stage offline: rollouts, rewards, resampling, the best and preference pairs, on the
//! simulated world.

use crate::serve::client::coldstart;
use serde_json::Value;
use std::path::Path;

fn run(pipeline: &str, out: &Path, more: &[&str]) -> Value {
    let out = out.to_str().unwrap();
    let limit = if pipeline == "rl_second_turns" { "12" } else { "4" };
    let mut args = vec!["run", pipeline, "--limit", limit, "--format", "json", "--out", out];
    args.extend(["--set", "rolled.draws=5"]);
    args.extend(more);
    let output = coldstart(&args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn sql(run: &Path, query: &str) -> Vec<Value> {
    let output = coldstart(&["audit", run.to_str().unwrap(), "--sql", query, "--format", "json"]);
    serde_json::from_slice::<Value>(&output.stdout).unwrap().as_array().unwrap().clone()
}

#[test]
fn rollouts_are_rewarded_resampled_and_the_best_becomes_a_trajectory() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("rl");
    let made = run("rl", &out, &["--set", "resampled.keep=3"]);
    let digest = made["dataset"]["digest"].as_str().unwrap().to_owned();
    assert!(made["dataset"]["rows"].as_u64().unwrap() > 0);
    let rewards = sql(
        &out,
        "select answer from votes where stage = 'rewarded' and (ask = 'reward' or ask like 'draw_%_reward')",
    );
    assert_eq!(rewards.len(), 20, "five rollouts of four prompts");
    let values = ["0", "0.15", "0.7", "1", "-0.2", "-0.05", "0.5", "0.8"];
    assert!(rewards.iter().all(|row| values.contains(&row["answer"].as_str().unwrap())));
    let advantages = sql(
        &out,
        "select id, count(*) as n, sum(answer) as total from votes where stage = 'resampled' and ask like \
         '%_advantage' group by id",
    );
    assert_eq!(advantages.len(), 4);
    for row in advantages {
        assert_eq!(row["n"], 3);
        assert!(row["total"].as_f64().unwrap().abs() < 1e-3, "{row}");
    }
    let again = run(
        "rl",
        &folder.path().join("again"),
        &["--set", "resampled.keep=3", "--max-in-flight", "1"],
    );
    assert_eq!(again["dataset"]["digest"], digest.as_str(), "order does not show");
}

#[test]
fn pairs_of_second_turns_share_all_that_came_before() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("pairs");
    // A pool of riddles errs more often, so that rollouts part.
    run("rl_second_turns", &out, &["--set", "paired.margin=0.05"]);
    let rolled = sql(&out, "select id, count(*) as n from uses where stage = 'rolled' group by id");
    assert!(!rolled.is_empty());
    let rows = sql(&out, "select id from stages where stage = 'dataset'");
    assert!(!rows.is_empty(), "some of twelve prompts have a pair");
    for (form, file) in [("llamafactory-pairs", "train.jsonl"), ("trl-dpo", "train.parquet")] {
        let to = folder.path().join(form);
        let (from, to) = (out.to_str().unwrap(), to.to_str().unwrap());
        let exported = coldstart(&["export", from, "--format", form, "--out", to]);
        assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
        assert!(coldstart(&["export", "--verify", to]).status.success(), "{form}");
        assert!(Path::new(to).join(file).exists());
    }
    let lines =
        std::fs::read_to_string(folder.path().join("llamafactory-pairs/train.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), rows.len());
    for line in lines.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let before = row["conversations"].as_array().unwrap();
        assert_eq!(before.len(), 3, "the request, the first turn and its picture");
        assert_eq!(row["images"].as_array().unwrap().len(), 1);
        assert!(row["chosen"]["value"].as_str().unwrap().starts_with("<judge>"));
        assert_ne!(row["chosen"]["value"], row["rejected"]["value"]);
    }
    // A dataset without pairs is told from one with them.
    let plain = folder.path().join("plain");
    run("agent", &plain, &["--set", "rolled.draws=1"]);
    let to = folder.path().join("none");
    let (from, to) = (plain.to_str().unwrap(), to.to_str().unwrap());
    let told = coldstart(&["export", from, "--format", "trl-dpo", "--out", to]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("no_pair"), "{told}");
}
