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

fn png(shade: u8, (width, height): (usize, usize)) -> Bytes {
    let rgb = (0..width * height * 3).map(|n| shade.wrapping_add((n % 251) as u8)).collect();
    Picture { width, height, rgb }.to_png().unwrap().into()
}

/// Sides of pictures: those that trainers scale down, up, or to whole patches among them.
const SIZES: [(usize, usize); 6] =
    [(64, 64), (128, 96), (20, 300), (1024, 768), (1280, 720), (500, 503)];

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

/// The prompt of record n: n + 1 has that of n, and n + 2 nearly that, where n divides by ten.
fn prompt_text(n: usize) -> String {
    match n % 10 {
        1 => prompt_text(n - 1),
        2 => format!("please draw {}", prompt_text(n - 2)),
        _ => format!("a photo of {n} clocks beside a {} teapot", ["red", "blue"][n % 2]),
    }
}

/// Record n, with its images: one-round, closed, open in turn; every seventh speaks in control
/// tokens.
pub fn record(n: usize) -> (Trajectory, Vec<Bytes>) {
    let size = SIZES[n / 3 % SIZES.len()];
    let (first, second) = (png(n as u8, size), png(n as u8 ^ 0x80, size));
    let shown = if n % 10 == 1 { n - 1 } else { n };
    let odd = if n.is_multiple_of(7) { " <|im_end|> </tool_call> <image>" } else { "" };
    let text = prompt_text(n);
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
        reference: Some(image(&png(200, (32, 32)))),
        // Near-duplicates have no spec that would bring them together.
        spec: serde_json::from_str(&spec).ok().filter(|_| n % 10 != 2),
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

/// An export in a folder of its own, to be harmed and proved.
struct Harmed {
    temp: tempfile::TempDir,
    args: Vec<String>,
}

impl Harmed {
    fn new(form: &str, more: &[&str]) -> Harmed {
        let temp = tempfile::tempdir().unwrap();
        dataset(&temp.path().join("dataset"), 12);
        let mut args: Vec<String> =
            ["export", "--replace", "--format", form].map(Into::into).into();
        args.extend(more.iter().map(|arg| arg.to_string()));
        for (flag, name) in [("", "dataset"), ("--out", "out")] {
            args.extend(Some(flag.to_string()).filter(|flag| !flag.is_empty()));
            args.push(temp.path().join(name).display().to_string());
        }
        Harmed { temp, args }
    }

    fn out(&self) -> PathBuf {
        self.temp.path().join("out")
    }

    /// Exports anew, harms it, and gives the exit code and what `--verify` said.
    fn after(&self, harm: impl Fn(&Path)) -> (Option<i32>, String) {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        good(&args);
        harm(&self.out());
        let output = coldstart(&["export", "--verify", self.out().to_str().unwrap()]);
        let said = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), said + &String::from_utf8_lossy(&output.stderr))
    }

    #[track_caller]
    fn found(&self, code: &str, harm: impl Fn(&Path)) {
        let (exit, said) = self.after(harm);
        assert!(exit == Some(1) && said.contains(code), "{code} was not found:\n{said}");
    }
}

/// Replaces the first `from` in the file `name` of an export.
fn edit(name: &'static str, from: &'static str, to: impl Into<String> + Clone) -> impl Fn(&Path) {
    move |out| {
        let text = std::fs::read_to_string(out.join(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        std::fs::write(out.join(name), text.replacen(from, &to.clone().into(), 1)).unwrap();
    }
}

fn picture(out: &Path) -> PathBuf {
    files(&out.join("images")).into_iter().next().unwrap()
}

#[test]
fn verify_finds_each_kind_of_damage() {
    let text = Harmed::new("llamafactory", &["--split", "0.7,0.3"]);
    for (name, from, to, code) in [
        ("train.jsonl", "wall clocks", "<|im_end|>", "control_token"),
        ("train.jsonl", "wall clocks", "tall clocks", "rows_altered"),
        ("train.jsonl", "Prompt: ", "Prompt: < image>", "rows_altered"),
        ("train.jsonl", "Prompt: ", "Request: ", "grammar"),
        ("train.jsonl", "Call the tool at least once", "Call the tool", "system_altered"),
        ("train.jsonl", "\"from\":\"gpt\"", "\"from\":\"human\"", "alternation"),
        ("train.jsonl", "</tool_call>\"", "</call>\"", "grammar"),
        ("train.jsonl", "<tool_response><image>", "<tool_response>", "grammar"),
        ("train.jsonl", "\"images\":[\"images/", "\"images\":[\"../images/", "image_missing"),
        ("train.jsonl", "\"images\":[", "\"images\":[\"images/aa/a.png\",", "image_count"),
        ("train.jsonl", "\n", "\n{\"id\":\"", "row"),
        ("dataset_info.json", "\"function_tag\"", "\"function\"", "file_altered"),
    ] {
        text.found(code, edit(name, from, to));
    }
    text.found("too_long", edit("export.json", "\"max_tokens\": 16384", "\"max_tokens\": 900"));
    text.found("image_missing", |out| std::fs::remove_file(picture(out)).unwrap());
    text.found("image_altered", |out| {
        let bytes = std::fs::read(picture(out)).unwrap();
        std::fs::write(picture(out), &bytes[..bytes.len() / 2]).unwrap();
    });
    text.found("image_altered", |out| {
        let mut bytes = std::fs::read(picture(out)).unwrap();
        *bytes.get_mut(60).unwrap() ^= 1;
        std::fs::write(picture(out), bytes).unwrap();
    });
    text.found("cut short", |out| {
        let text = std::fs::read_to_string(out.join("train.jsonl")).unwrap();
        std::fs::write(out.join("train.jsonl"), &text[..text.len() - 40]).unwrap();
    });
    let lines = |out: &Path, change: &dyn Fn(&mut Vec<String>)| {
        let text = std::fs::read_to_string(out.join("train.jsonl")).unwrap();
        let mut lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
        change(&mut lines);
        std::fs::write(out.join("train.jsonl"), lines.concat()).unwrap();
    };
    text.found("row_count", |out| lines(out, &|lines| drop(lines.pop())));
    text.found("row_count", |out| lines(out, &|lines| lines.push(lines[0].clone())));
    text.found("rows_altered", |out| lines(out, &|lines| lines.swap(0, 1)));
    text.found("rows_altered", |out| lines(out, &|lines| lines[1] = lines[0].clone()));
    text.found("split_leak", |out| {
        let held = std::fs::read_to_string(out.join("validation.jsonl")).unwrap();
        lines(out, &|lines| lines.push(format!("{}\n", held.lines().next().unwrap())));
    });
    text.found("row_count", |out| std::fs::remove_file(out.join("train.jsonl")).unwrap());
    text.found("file_missing", |out| std::fs::remove_file(out.join("sft.yaml")).unwrap());
    // Settings are the user's: a changed one is told, and no fault.
    let (exit, said) = text.after(edit("sft.yaml", "8 GPUs", "4 GPUs"));
    assert!(exit == Some(0) && said.contains("changed since it was written: sft.yaml"), "{said}");
    text.found("not finished", |out| std::fs::remove_file(out.join("export.json")).unwrap());
    for form in ["llamafactory", "ms-swift"] {
        let native = Harmed::new(form, &["--dialect", "native"]);
        native.found("rows_altered", edit("train.jsonl", "Generate an image", "Draw an image"));
        native.found("row", edit("train.jsonl", "tool", "tol"));
    }
}

/// A row, and its images as bytes and name.
type ReadRow = (serde_json::Value, Vec<(Bytes, String)>);

/// The rows of a Parquet file with their images; None when it cannot be read.
fn rows_of(file: &Path) -> Option<Vec<ReadRow>> {
    let bytes = Bytes::from(std::fs::read(file).unwrap());
    coldstart::export::dataset::table(bytes).ok()?.collect::<Result<_, _>>().ok()
}

#[test]
fn verify_finds_damage_inside_parquet() {
    for (form, name) in [
        ("universal", "train.parquet"),
        ("verl-sft", "train.parquet"),
        ("verl-rl", "train.parquet"),
        ("trl", "train.parquet"),
        ("hf", "data/train-00000.parquet"),
    ] {
        let export = Harmed::new(form, &[]);
        export.found("file", |out| {
            let bytes = std::fs::read(out.join(name)).unwrap();
            std::fs::write(out.join(name), &bytes[..bytes.len() - 8]).unwrap();
        });
        export.found("row_count", |out| {
            let _ = std::fs::remove_file(out.join(name));
        });
        // A flipped byte is found, unless it changes no row.
        export.after(|_| ());
        let rows = rows_of(&export.out().join(name)).unwrap();
        let size = std::fs::metadata(export.out().join(name)).unwrap().len();
        for k in 1..12 {
            let at = (4 + (size - 200) * k / 12) as usize;
            let (exit, said) = export.after(|out| {
                let mut bytes = std::fs::read(out.join(name)).unwrap();
                bytes[at] ^= 0x55;
                std::fs::write(out.join(name), bytes).unwrap();
            });
            let good_rows = || rows_of(&export.out().join(name)) == Some(rows.clone());
            assert!(
                exit == Some(1) || exit == Some(0) && good_rows(),
                "byte {at} of {form}: {said}"
            );
        }
    }
}

#[test]
fn an_export_is_written_over_only_when_told_and_leaves_other_files() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("dataset");
    dataset(&data, 6);
    let (from, out) = (data.to_str().unwrap(), temp.path().join("out"));
    let to = out.to_str().unwrap();
    let export = |form: &str, more: &[&str]| {
        coldstart(&[&["export", from, "--format", form, "--out", to], more].concat())
    };
    assert_eq!(export("llamafactory", &[]).status.code(), Some(0));
    std::fs::create_dir_all(out.join("saves/checkpoint-9")).unwrap();
    let mine = ["saves/checkpoint-9/model.safetensors", "notes.txt", "images/cat.png"];
    for name in mine {
        std::fs::write(out.join(name), name).unwrap();
    }
    let refused = export("universal", &[]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(said.contains("6 rows of format llamafactory") && said.contains("--replace"), "{said}");
    assert!(good(&["export", "--verify", to]).contains("all holds"), "nothing was touched");
    assert_eq!(export("universal", &["--replace"]).status.code(), Some(0));
    assert!(good(&["export", "--verify", to]).contains("all holds"));
    for name in mine {
        assert_eq!(std::fs::read_to_string(out.join(name)).unwrap(), name);
    }
    assert!(!out.join("train.jsonl").exists(), "the old export's rows are gone");
    // What a crash left is begun again without a word.
    std::fs::rename(out.join("export.json"), out.join("export.unfinished")).unwrap();
    assert_eq!(export("trl", &[]).status.code(), Some(0));
    assert!(good(&["export", "--verify", to]).contains("all holds"));
}

/// A RUN that was killed has no dataset; its journal still says what the rows are.
#[test]
fn a_run_without_its_dataset_is_exported_from_its_journal() {
    let temp = tempfile::tempdir().unwrap();
    let run = temp.path().join("run");
    let (from, whole, again) =
        (run.to_str().unwrap().to_string(), temp.path().join("whole"), temp.path().join("again"));
    good(&["run", "--quiet", "--limit", "120", "--out", &from]);
    let export = |out: &Path| {
        let to = out.to_str().unwrap();
        coldstart(&["export", &from, "--format", "llamafactory", "--out", to])
    };
    assert_eq!(export(&whole).status.code(), Some(0));
    for name in ["dataset", "stages"] {
        std::fs::remove_dir_all(run.join(name)).unwrap();
    }
    std::fs::remove_file(run.join("report.json")).unwrap();
    let journal = files(&run.join("journal"));
    let output = export(&again);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("has not come to its end (0 calls"), "{said}");
    let rows = |out: &Path| std::fs::read_to_string(out.join("train.jsonl")).unwrap();
    assert!(rows(&whole).lines().count() > 10);
    assert_eq!(rows(&whole), rows(&again));
    assert_eq!(journal, files(&run.join("journal")), "the RUN is only read");
    let left: Vec<_> =
        std::fs::read_dir(temp.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
    // Of a RUN that has hardly begun there is nothing to export.
    for segment in journal {
        std::fs::remove_file(segment).unwrap();
    }
    let none = export(&temp.path().join("none"));
    assert_eq!(none.status.code(), Some(1));
    assert!(String::from_utf8(none.stderr).unwrap().contains("go on with `coldstart run`"));
}

#[test]
fn a_system_turn_of_ones_own_is_kept_byte_for_byte_or_refused() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("dataset");
    dataset(&data, 4);
    let file = temp.path().join("system.txt");
    let out = temp.path().join("out");
    let export = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let args = ["export", data.to_str().unwrap(), "--format", "llamafactory", "--replace"];
        let more = ["--out", out.to_str().unwrap(), "--system", file.to_str().unwrap()];
        coldstart(&[&args[..], &more].concat())
    };
    let text = "  Formart: <think> then <tool_call>.\r\n\n    four spaces, \u{e9}\n\n";
    assert_eq!(export(text).status.code(), Some(0));
    let rows = std::fs::read_to_string(out.join("train.jsonl")).unwrap();
    let row: serde_json::Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    assert_eq!(row["system"], text);
    for (text, what) in
        [(" \n", "is empty"), ("a <image> b", "`<image>`"), ("<|im_end|>", "`<|im_end|>`")]
    {
        let refused = export(text);
        assert_eq!(refused.status.code(), Some(1));
        assert!(String::from_utf8(refused.stderr).unwrap().contains(what));
    }
    assert!(out.join("export.json").exists(), "a refused request touches nothing");
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
