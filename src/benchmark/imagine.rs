//! Imagine (yejy53/Echo-4o, `test_scripts/`): 270 fantasy prompts, three scores of 0 to 10 each.
//!
//! The published script weighs a group `TWO_OBJECT` that no row has, so its overall leaves
//! `Multi-Object` out; the paper's figures need all four. Both are given.

use crate::benchmark::scan::{Label, labelled};
use crate::benchmark::{
    Benchmark, BenchmarkRow, Counted, Group, Judged, Read, float, rounded, text,
};
use crate::record::Prompt;
use serde_json::{Value, json};

pub static IMAGINE: Benchmark = Benchmark {
    name: "imagine",
    title: "Imagine",
    table: 4,
    rows_at: "yejy53/Echo-4o: test_scripts/Imagine.jsonl",
    rows: 270,
    most: 10.0,
    groups: &GROUPS,
    row,
    asks: |prompt| {
        let note = prompt.gloss.clone().unwrap_or_default();
        vec![
            ("instruction", prompt.text.clone()),
            ("prompt", prompt.text.clone()),
            ("note", note.clone()),
            ("explanation", note),
        ]
    },
    script: "test_scripts/Eval-gpt-4.1-Imagine.py",
    max_tokens: 1024,
    json: false,
    read,
    unread: Counted::As(0.0),
    missing: Counted::LeftOut,
    round: Some(3),
    overall,
    picture: |number, ext| format!("{number}.{ext}"),
    files,
};

const GROUPS: [Group; 4] = [
    Group { title: "Attribute shift", of: &["COLOR", "SHAPE", "SIZE"], weight: 3.0 },
    Group { title: "Hybridization", of: &["MATERIAL", "COMBINATION"], weight: 2.0 },
    Group { title: "Spatiotemporal", of: &["TIME", "ENVIRONMENT"], weight: 2.0 },
    Group { title: "Multi-Object", of: &["Multi-Object"], weight: 2.0 },
];

fn row(row: &Value, _: u64) -> Option<BenchmarkRow> {
    let category = text(row, "type")?;
    GROUPS.iter().find(|g| g.of.contains(&category.as_str()))?;
    Some(BenchmarkRow {
        number: row.get("id")?.as_u64()?,
        prompt: text(row, "instruction")?,
        gloss: text(row, "note")?,
        category,
    })
}

const LABELS: [&str; 3] = ["Fantasy Fulfillment", "Identity Preservation", "Aesthetic Quality"];

/// 0.8 min(FF, IP) + 0.2 AQ.
fn score([fulfilment, identity, beauty]: [f64; 3]) -> f64 {
    rounded(fulfilment.min(identity) * 0.8 + beauty * 0.2, 3)
}

fn read(answer: &str) -> Read {
    let official = LABELS.map(|name| lax(answer, name));
    let strict = LABELS.map(|name| labelled(answer, name, 0.0..=10.0));
    let strict = match strict {
        [Some(a), Some(b), Some(c)] => Some(score([a, b, c])),
        _ => None,
    };
    Read { official: Counted::As(score(official)), strict }
}

/// One or two digits right behind the label, the last match counts; -1 where there is none, which
/// the script leaves in its mean.
fn lax(answer: &str, name: &str) -> f64 {
    let label = Label { name, exact: true, stars: false, colons: &[':', '：'] };
    let digits = |rest: &str| -> Option<f64> {
        let digits: String = rest.chars().take(2).take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let found = label.rests(answer).into_iter().filter_map(|(_, rest)| digits(rest)).next_back();
    found.map_or(-1.0, |n: f64| n.clamp(0.0, 10.0))
}

/// As printed: without `Multi-Object`.
fn overall(means: &[Option<f64>], _: bool) -> Option<f64> {
    let there = means.iter().zip(&GROUPS).take(3).filter_map(|(m, g)| Some((((*m)?), g.weight)));
    let (sum, weight) = there.fold((0.0, 0.0), |(s, w), (mean, of)| (s + mean * of, w + of));
    (weight > 0.0).then(|| rounded(sum / weight, 3))
}

fn group(prompt: &Prompt) -> &str {
    let known = GROUPS.iter().find(|g| g.of.contains(&prompt.category.as_str()));
    known.map_or(prompt.category.as_str(), |g| g.title)
}

fn files(set: &Benchmark, rows: &[Judged<'_>]) -> Vec<(String, String)> {
    const FAILED: &str = "Evaluation failed after 3 attempts.";
    let (mut full, mut scores) = (Vec::new(), Vec::new());
    for judged in rows {
        let Some(image) = judged.image else { continue };
        let (id, prompt) = (set.number(judged.prompt), judged.prompt);
        let score = match judged.answer.map(read) {
            Some(Read { official: Counted::As(score), .. }) => float(score),
            _ => json!(0),
        };
        let evaluation = judged.answer.map_or(FAILED, str::trim);
        let note = prompt.gloss.as_deref().unwrap_or_default();
        full.push(json!({
            "id": id, "instruction": prompt.text, "note": note, "type": group(prompt),
            "image_path": image, "evaluation": evaluation,
        }));
        scores.push(json!({
            "id": id, "type": group(prompt), "Weighted Score": score,
            "evaluation_text": evaluation,
        }));
    }
    let text = |rows: Vec<Value>| format!("{:#}", Value::Array(rows));
    vec![
        ("result_full.json".to_owned(), text(full)),
        ("result_scores.json".to_owned(), text(scores)),
    ]
}
