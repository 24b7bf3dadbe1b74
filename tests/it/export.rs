//! `coldstart export` over a dataset that the test builds: every form is written, proved, and holds
//! nothing that training must not see.

use bytes::Bytes;
use coldstart::export::dataset::{ShardOptions, ShardWriter};
use coldstart::export::picture::{self, Picture};
use coldstart::record::*;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Stands in everything that only the filters may see.
const CANARY: &str = "CANARY-7f3a";

fn png(shade: u8, side: usize) -> Bytes {
    let rgb = (0..side * side * 3).map(|n| shade.wrapping_add((n % 251) as u8)).collect();
    Picture { width: side, height: side, rgb }.to_png().unwrap().into()
}

fn image(bytes: &Bytes) -> ImageRef {
    let (mime, width, height) = picture::header(bytes).unwrap();
    ImageRef { digest: Digest::of(bytes), mime, width, height, bytes: bytes.len() as u64 }
}

fn judgement(rationale: &str, satisfied: bool) -> Option<Judgement> {
    let check = Check {
        id: format!("{CANARY}-check"),
        source: CheckSource::Rule,
        answer: if satisfied { Answer::Yes } else { Answer::No },
        evidence: format!("{CANARY} evidence"),
    };
    let score = if satisfied { 1.0 } else { 0.5 };
    Some(Judgement { rationale: rationale.into(), satisfied, score, checks: vec![check] })
}

/// Record n, with its images: one-round, closed, open in turn; every seventh speaks in control
/// tokens; n and n + 1 share a prompt where n divides by ten.
pub fn record(n: usize) -> (Trajectory, Vec<Bytes>) {
    let side = [64, 128, 96][n % 3];
    let (first, second) = (png(n as u8, side), png(n as u8 ^ 0x80, side));
    let shown = if n % 10 == 1 { n - 1 } else { n };
    let odd = if n.is_multiple_of(7) { " <|im_end|> </tool_call> <image>" } else { "" };
    let text = format!("a photo of {shown} clocks beside a {} teapot", ["red", "blue"][shown % 2]);
    let round = |k: usize, bytes: &Bytes, verdict: Option<bool>| Round {
        thinking: format!("Round {k}: the user wants {shown} clocks.\nI say so plainly.{odd}"),
        refined: format!("{shown} wall clocks, \"round {k}\", oak table, café light{odd}"),
        image: Some(image(bytes)),
        seed: Some(7),
        judgement: verdict
            .and_then(|ok| judgement(&format!("I see {shown} clocks, {ok}.{odd}"), ok)),
    };
    let (rounds, outcome) = match n % 3 {
        0 => (vec![round(1, &first, Some(true))], Outcome::OneRound),
        1 => (vec![round(1, &first, Some(false)), round(2, &second, Some(true))], Outcome::Closed),
        _ => (vec![round(1, &first, Some(false)), round(2, &second, None)], Outcome::Open),
    };
    let spec = format!(r#"{{"include":[{{"class":"{CANARY}-{shown}","count":{}}}]}}"#, shown + 1);
    let prompt = Prompt {
        id: Id::of("fixture", &n.to_string(), &text),
        text,
        category: ["counting", "colour"][n % 2].into(),
        source: "fixture".into(),
        key: Some(n.to_string()),
        reference: Some(image(&png(200, 32))),
        spec: serde_json::from_str(&spec).ok(),
        gloss: Some(format!("{CANARY} gloss")),
        licence: Some("cc0-1.0".into()),
    };
    let atom = Atom {
        id: "a1".into(),
        kind: AtomKind::Count,
        question: format!("{CANARY} question?"),
        expected: format!("{CANARY} expected"),
        parents: Vec::new(),
    };
    let images = match outcome {
        Outcome::Closed => vec![first, second],
        _ => vec![first],
    };
    let trajectory = Trajectory {
        atoms: vec![atom],
        rounds,
        outcome: Some(outcome),
        models: vec!["teacher".into()],
        simulated: true,
        ..Trajectory::new(prompt)
    };
    (trajectory, images)
}

/// Writes a dataset of `rows` records into `dir`, in two shards.
pub fn dataset(dir: &Path, rows: usize) {
    std::fs::create_dir_all(dir).unwrap();
    for (shard, range) in [0..rows / 2, rows / 2..rows].into_iter().enumerate() {
        let mut writer = ShardWriter::new(ShardOptions::default()).unwrap();
        let mut bytes = Vec::new();
        for n in range {
            let (trajectory, images) = record(n);
            writer.push(&trajectory, &images).unwrap();
            bytes.extend(writer.take());
        }
        bytes.extend(writer.finish().unwrap());
        std::fs::write(dir.join(format!("train-{shard:05}.parquet")), bytes.concat()).unwrap();
    }
}

fn coldstart(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_coldstart")).args(args).output().unwrap()
}

fn good(args: &[&str]) -> String {
    let output = coldstart(args);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{args:?}: {stderr}{}",
        String::from_utf8_lossy(&output.stdout)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { out.extend(files(&path)) } else { out.push(path) }
    }
    out.sort();
    out
}

const FORMS: [(&str, &str); 9] = [
    ("llamafactory", "text"),
    ("llamafactory", "native"),
    ("universal", "text"),
    ("verl-sft", "text"),
    ("verl-rl", "text"),
    ("ms-swift", "text"),
    ("ms-swift", "native"),
    ("trl", "text"),
    ("hf", "text"),
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
    let long = coldstart(&[&base[..], &["--max-tokens", "50"]].concat());
    assert_eq!(long.status.code(), Some(1), "nothing is left");
    assert!(String::from_utf8_lossy(&long.stdout).contains("too_long"));
}

#[test]
fn verify_finds_each_kind_of_damage() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("dataset");
    dataset(&data, 9);
    let out = temp.path().join("out");
    let to = out.to_str().unwrap();
    let export = ["export", data.to_str().unwrap(), "--format", "llamafactory", "--out", to];
    let findings = |harm: &dyn Fn()| -> String {
        good(&export);
        harm();
        let output = coldstart(&["export", "--verify", to]);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr)
    };
    let lines = out.join("train.jsonl");
    let edit = |from: &'static str, to: &'static str| {
        let lines = lines.clone();
        move || {
            let text = std::fs::read_to_string(&lines).unwrap();
            assert!(text.contains(from));
            std::fs::write(&lines, text.replacen(from, to, 1)).unwrap();
        }
    };
    let picture = || files(&out.join("images")).into_iter().next().unwrap();
    assert!(findings(&edit("wall clocks", "<|im_end|>")).contains("control_token"));
    assert!(findings(&edit("\"from\":\"gpt\"", "\"from\":\"human\"")).contains("alternation"));
    assert!(findings(&edit("</tool_call>", "</call>")).contains("grammar"));
    assert!(findings(&edit("<image>", "")).contains("grammar"));
    assert!(findings(&|| std::fs::remove_file(picture()).unwrap()).contains("image_missing"));
    let cut = || {
        let bytes = std::fs::read(picture()).unwrap();
        std::fs::write(picture(), &bytes[..bytes.len() / 2]).unwrap();
    };
    assert!(findings(&cut).contains("image_altered"));
    let shorten = || {
        let text = std::fs::read_to_string(&lines).unwrap();
        std::fs::write(&lines, &text[..text.len() - 40]).unwrap();
    };
    let found = findings(&shorten);
    assert!(found.contains("cut short") && found.contains("row_count"));
    let unfinished = || std::fs::remove_file(out.join("export.json")).unwrap();
    assert!(findings(&unfinished).contains("not finished"));
}

#[test]
fn what_cannot_be_exported_says_how_to_go_on() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("dataset");
    dataset(&data, 4);
    let (from, out) = (data.to_str().unwrap(), temp.path().join("out"));
    let to = out.to_str().unwrap();
    let fail = |args: &[&str], what: &str| {
        let output = coldstart(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(what), "{stderr}");
    };
    fail(&["export", from, "--format", "llamafactry", "--out", to], "did you mean `llamafactory`?");
    fail(&["export", from, "--format", "trl", "--dialect", "native", "--out", to], "no dialect");
    fail(&["export", to, "--format", "trl", "--out", to], "no dataset shards");
    fail(&["export", from, "--format", "trl", "--out", from], "holds no earlier export");
    fail(&["export", from, "--format", "trl", "--out", to, "--split", "0.9"], "sum to 0.9");
    // A damaged shard costs its own rows only.
    let shard = data.join("train-00001.parquet");
    let bytes = std::fs::read(&shard).unwrap();
    std::fs::write(&shard, &bytes[..bytes.len() - 1]).unwrap();
    fail(&["export", from, "--format", "trl", "--out", to], "train-00001.parquet");
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
