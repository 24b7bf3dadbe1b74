//! A dataset that the tests of exports build, and how they call the binary.

use bytes::Bytes;
use coldstart::export::dataset::{ShardOptions, ShardWriter};
use coldstart::media::{Outline, Picture};
use coldstart::record::*;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Stands in everything that only the filters may see.
pub const CANARY: &str = "CANARY-7f3a";

pub fn png(shade: u8, (width, height): (usize, usize)) -> Bytes {
    let rgb = (0..width * height * 3).map(|n| shade.wrapping_add((n % 251) as u8)).collect();
    Picture { width, height, rgb }.to_png().unwrap().into()
}

/// Sides of pictures: those that trainers scale down, up, or to whole patches among them.
pub const SIZES: [(usize, usize); 6] =
    [(64, 64), (128, 96), (20, 300), (1024, 768), (1280, 720), (500, 503)];

pub fn image(bytes: &Bytes) -> ImageRef {
    let Outline { mime, width, height, .. } = Outline::read(bytes).unwrap();
    ImageRef { digest: Digest::of(bytes), mime, width, height, bytes: bytes.len() as u64 }
}

pub fn judgement(rationale: &str, satisfied: bool) -> Option<Judgement> {
    let check = Check {
        id: format!("{CANARY}-check"),
        source: CheckSource::Rule,
        question: format!("{CANARY} rule"),
        answer: if satisfied { Answer::Yes } else { Answer::No },
        evidence: format!("{CANARY} evidence"),
    };
    let score = if satisfied { 1.0 } else { 0.5 };
    Some(Judgement {
        rationale: rationale.into(),
        satisfied,
        score,
        checks: vec![check],
        ..Judgement::default()
    })
}

/// The prompt of record n: n + 1 has that of n, and n + 2 nearly that, where n divides by ten.
pub fn prompt_text(n: usize) -> String {
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

pub fn coldstart(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_coldstart")).args(args).output().unwrap()
}

pub fn good(args: &[&str]) -> String {
    let output = coldstart(args);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{args:?}: {stderr}{}",
        String::from_utf8_lossy(&output.stdout)
    );
    String::from_utf8(output.stdout).unwrap()
}

pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { out.extend(files(&path)) } else { out.push(path) }
    }
    out.sort();
    out
}
