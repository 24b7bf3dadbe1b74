//! `coldstart export` over a dataset that the test builds: every form is written, proved, and holds
//! nothing that training must not see.

mod damage;
mod data;
mod pictures;
mod requests;

use bytes::Bytes;
pub use data::dataset;
use data::{CANARY, coldstart, files, good, prompt_text};
use std::path::Path;
use std::process::Command;

const FORMS: [(&str, &str); 11] = [
    ("llamafactory", "text"),
    ("llamafactory", "native"),
    ("universal", "text"),
    ("verl-sft", "text"),
    ("verl-rl", "text"),
    ("ms-swift", "text"),
    ("ms-swift", "native"),
    ("trl", "text"),
    ("hf", "text"),
    ("atif", "text"),
    ("atif", "native"),
];

#[test]
fn every_form_is_proved_and_deterministic() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("dataset");
    dataset(&data, 60);
    let data = data.to_str().unwrap();
    for (form, dialect) in FORMS {
        let mut digests = Vec::new();
        for again in ["a", "b"] {
            let out = temp.path().join(format!("{form}-{dialect}-{again}"));
            let to = out.to_str().unwrap();
            let report = good(&[
                "export",
                data,
                "--format",
                form,
                "--dialect",
                dialect,
                "--out",
                to,
                "--split",
                "0.8,0.2",
                "--report",
                "json",
            ]);
            let report: serde_json::Value = serde_json::from_str(&report).unwrap();
            let rows =
                ["train", "validation"].map(|s| report["splits"][s]["rows"].as_u64().unwrap());
            let wanted = if form == "verl-rl" { 54 } else { 60 };
            assert_eq!(rows[0] + rows[1], wanted, "{form}");
            assert!(rows[1] > 2, "{form}: {rows:?}");
            assert!(report["escaped"].as_u64().unwrap() > 20);
            let proof = good(&["export", "--verify", to]);
            assert!(proof.contains("all holds"), "{form}: {proof}");
            let content: Vec<_> = files(&out)
                .iter()
                .map(|f| (f.strip_prefix(&out).unwrap().to_path_buf(), std::fs::read(f).unwrap()))
                .collect();
            digests.push(content);
        }
        assert!(digests[0] == digests[1], "{form} is not deterministic");
    }
}

/// Parquet pages are compressed, so the text is read back through the library.
fn text_of(file: &Path) -> String {
    let bytes = Bytes::from(std::fs::read(file).unwrap());
    if file.extension().is_some_and(|e| e == "parquet") {
        let rows = coldstart::export::dataset::table(bytes).unwrap();
        return rows.map(|row| row.unwrap().0.to_string()).collect();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn what_only_filters_see_is_in_no_export() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("dataset");
    dataset(&data, 12);
    let rules = std::fs::read_to_string("data/judge_rules.toml").unwrap();
    let rules: Vec<&str> = rules
        .lines()
        .filter_map(|line| line.strip_prefix("text = \"")?.strip_suffix('"'))
        .collect();
    assert!(rules.len() > 4);
    for (form, dialect) in FORMS {
        let out = temp.path().join(format!("{form}-{dialect}"));
        let to = out.to_str().unwrap();
        good(&[
            "export",
            data.to_str().unwrap(),
            "--format",
            form,
            "--dialect",
            dialect,
            "--out",
            to,
        ]);
        for file in files(&out) {
            let mut text = text_of(&file);
            if form == "verl-rl" && file.ends_with("train.parquet") {
                // The one place that is for the reward model and not for the trained one.
                assert!(text.contains(CANARY) && text.contains(rules[1]), "no ground truth");
                text =
                    coldstart::export::dataset::table(Bytes::from(std::fs::read(&file).unwrap()))
                        .unwrap()
                        .map(|row| row.unwrap().0["prompt"].to_string())
                        .collect();
            }
            assert!(!text.contains(CANARY), "{form}: {} holds a canary", file.display());
            let rule = rules.iter().find(|rule| text.contains(**rule));
            assert_eq!(rule, None, "{form}: {} holds a rule", file.display());
        }
    }
}

#[test]
fn no_prompt_or_spec_is_on_both_sides() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("dataset");
    dataset(&data, 90);
    let out = temp.path().join("out");
    let to = out.to_str().unwrap();
    good(&["export", data.to_str().unwrap(), "--format", "hf", "--out", to, "--split", "0.5,0.5"]);
    let prompts = |split: &str| -> std::collections::BTreeSet<String> {
        let file = std::fs::read(out.join(format!("data/{split}-00000.parquet"))).unwrap();
        let rows = coldstart::export::dataset::table(Bytes::from(file)).unwrap();
        rows.map(|row| row.unwrap().0["prompt"].as_str().unwrap().to_string()).collect()
    };
    let (train, validation) = (prompts("train"), prompts("validation"));
    assert!(train.len() > 10 && validation.len() > 10);
    assert!(train.is_disjoint(&validation));
    for n in (2..90).step_by(10) {
        let (near, first) = (prompt_text(n), prompt_text(n - 2));
        assert_ne!(near, first);
        assert_eq!(train.contains(&near), train.contains(&first), "{near}");
    }
    // Rows that change sides are found, by their words or by their likeness.
    let proof = good(&["export", "--verify", to]);
    assert!(proof.contains("all holds"), "{proof}");
    for (from, to) in [("train", "swap"), ("validation", "train"), ("swap", "validation")] {
        let file = |name: &str| out.join(format!("data/{name}-00000.parquet"));
        std::fs::rename(file(from), file(to)).unwrap();
    }
    let swapped = coldstart(&["export", "--verify", to, "--format", "json"]);
    assert_eq!(swapped.status.code(), Some(1));
    let swapped: serde_json::Value = serde_json::from_slice(&swapped.stdout).unwrap();
    assert!(swapped["findings"]["rows_altered"]["count"].as_u64() == Some(2), "{swapped}");
}

#[test]
fn control_tokens_can_be_rejected_and_long_rows_left_out() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("dataset");
    dataset(&data, 14);
    let (from, out) = (data.to_str().unwrap(), temp.path().join("out"));
    let to = out.to_str().unwrap();
    let base = ["export", from, "--format", "llamafactory", "--out", to, "--report", "json"];
    let report = good(&[&base[..], &["--control-tokens", "reject"]].concat());
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["left_out"]["control_token"]["count"], 2);
    assert_eq!(report["splits"]["train"]["rows"], 12);
    let long = coldstart(&[&base[..], &["--max-tokens", "50", "--replace"]].concat());
    assert_eq!(long.status.code(), Some(1), "nothing is left");
    assert!(String::from_utf8_lossy(&long.stdout).contains("too_long"));
}

#[test]
fn table1_is_text_and_json() {
    let temp = tempfile::tempdir().unwrap();
    dataset(temp.path(), 30);
    let from = temp.path().to_str().unwrap();
    let lines: serde_json::Value =
        serde_json::from_str(&good(&["export", from, "--table1", "--report", "json"])).unwrap();
    let all = lines.as_array().unwrap().last().unwrap();
    assert_eq!(all["rows"], 30);
    assert_eq!(all["reflected"], 20);
    // A third is accepted at once, another third after reflection.
    assert!((all["gain_from_reflection"].as_f64().unwrap() - 100.0 / 3.0).abs() < 1e-6);
    let by_format = good(&["export", from, "--table1", "--format", "json"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&by_format).unwrap(), lines);
    assert_eq!(coldstart(&["export", from, "--table1", "--format", "trl"]).status.code(), Some(1));
    assert!(good(&["export", from, "--table1"]).contains("counting"));
    assert!(good(&["export", "--formats"]).contains("verl-rl"));
}

/// The trainers' own code over every form, where `tests/trainers/setup.sh` has installed it.
#[test]
fn the_trainers_accept_every_form() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let env = root.join("target/trainers");
    if !env.join("ready").exists() {
        eprintln!("skipped: no trainers; install them by tests/trainers/setup.sh");
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("dataset");
    dataset(&data, 48);
    let output = Command::new(root.join("tests/trainers/run.sh"))
        .args([&env, &data])
        .env("COLDSTART", env!("CARGO_BIN_EXE_coldstart"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("proofs hold"), "{said}");
}

/// Not a test of its own: makes the data that `tests/trainers/` runs on, when asked by
/// `COLDSTART_EXPORT_FIXTURE=DIR`.
#[test]
fn fixture_for_the_trainers() {
    let Some(dir) = std::env::var_os("COLDSTART_EXPORT_FIXTURE") else { return };
    dataset(Path::new(&dir), 48);
    assert!(Path::new(&dir).join("train-00000.parquet").exists());
}
