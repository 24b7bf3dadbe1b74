//! WISE (PKU-YuanGroup/WISE): 1,000 prompts that need knowledge. `legacy` is what the paper reports
//! (three scores of 0 to 2), `verified` the owners' later set (one score, 0 or 1). Numbers of the
//! two are never comparable.

use crate::benchmark::scan::{Label, bare, labelled, unthought};
use crate::benchmark::{Benchmark, BenchmarkRow, Counted, Group, Judged, Read, text};
use crate::record::Prompt;
use serde_json::{Value, json};

pub static LEGACY: Benchmark = Benchmark {
    name: "wise_legacy",
    title: "WISE (legacy)",
    rows_at: "PKU-YuanGroup/WISE: WISE_legacy/data/",
    groups: &LEGACY_GROUPS,
    row: |row, _| of_row(row, &LEGACY_IDS),
    script: "WISE_legacy/gpt_eval.py",
    max_tokens: 2000,
    read: read_legacy,
    overall: |means, whole| weighted(means, whole, &LEGACY_GROUPS),
    ..VERIFIED_SET
};

pub static VERIFIED: Benchmark = VERIFIED_SET;

const VERIFIED_SET: Benchmark = Benchmark {
    name: "wise_verified",
    title: "WISE (verified)",
    table: 3,
    rows_at: "PKU-YuanGroup/WISE: data_verified/",
    rows: 1000,
    most: 1.0,
    groups: &VERIFIED_GROUPS,
    row: |row, _| of_row(row, &VERIFIED_IDS),
    asks,
    script: "vllm_eval.py",
    max_tokens: 500,
    json: false,
    read: read_verified,
    unread: Counted::LeftOut,
    missing: Counted::LeftOut,
    round: None,
    overall: |means, whole| weighted(means, whole, &VERIFIED_GROUPS),
    picture: |number, _| format!("{number}.png"),
    files,
};

const NAMES: [&str; 6] = ["culture", "time", "space", "biology", "physics", "chemistry"];

/// The last id of each category; strings in the files are not to be trusted.
const LEGACY_IDS: [u64; 6] = [400, 567, 700, 800, 900, 1000];
const VERIFIED_IDS: [u64; 6] = [400, 520, 640, 760, 880, 1000];

const LEGACY_GROUPS: [Group; 6] = groups([0.4, 0.167, 0.133, 0.1, 0.1, 0.1]);
const VERIFIED_GROUPS: [Group; 6] = groups([0.4, 0.12, 0.12, 0.12, 0.12, 0.12]);

const fn groups(weights: [f64; 6]) -> [Group; 6] {
    [
        Group { title: "Culture", of: &["culture"], weight: weights[0] },
        Group { title: "Time", of: &["time"], weight: weights[1] },
        Group { title: "Space", of: &["space"], weight: weights[2] },
        Group { title: "Biology", of: &["biology"], weight: weights[3] },
        Group { title: "Physics", of: &["physics"], weight: weights[4] },
        Group { title: "Chemistry", of: &["chemistry"], weight: weights[5] },
    ]
}

fn of_row(row: &Value, ids: &[u64; 6]) -> Option<BenchmarkRow> {
    let number = row.get("prompt_id")?.as_u64().filter(|n| *n > 0)?;
    let at = ids.iter().position(|last| number <= *last)?;
    Some(BenchmarkRow {
        number,
        prompt: text(row, "Prompt")?,
        gloss: text(row, "Explanation")?,
        category: NAMES[at].to_owned(),
    })
}

fn asks(prompt: &Prompt) -> Vec<(&'static str, String)> {
    let gloss = prompt.gloss.clone().unwrap_or_default();
    vec![
        ("prompt", prompt.text.clone()),
        ("explanation", gloss.clone()),
        ("Prompt", prompt.text.clone()),
        ("Explanation", gloss),
    ]
}

const LABELS: [&str; 3] = ["Consistency", "Realism", "Aesthetic Quality"];

/// (0.7 C + 0.2 R + 0.1 A) / 2.
fn score([consistency, realism, beauty]: [f64; 3]) -> f64 {
    (0.7 * consistency + 0.2 * realism + 0.1 * beauty) / 2.0
}

/// The scores of an answer as the script takes them: any digit behind a label, the last one counts;
/// three bare lines only where no label was found at all.
fn lax(answer: &str) -> Option<[f64; 3]> {
    let found = LABELS.map(|name| {
        let label = Label { name, exact: false, stars: true, colons: &[':'] };
        let digit = |rest: &str| rest.chars().next().and_then(|c| c.to_digit(10)).map(f64::from);
        label.rests(answer).into_iter().filter_map(|(_, rest)| digit(rest)).next_back()
    });
    match found {
        [Some(a), Some(b), Some(c)] => Some([a, b, c]),
        [None, None, None] => bare(answer, 0..=2).get(..3).map(|n| [n[0], n[1], n[2]]),
        _ => None,
    }
}

fn read_legacy(answer: &str) -> Read {
    let official = lax(answer).map_or(Counted::Again, |s| Counted::As(score(s)));
    let strict = match LABELS.map(|name| labelled(answer, name, 0.0..=2.0)) {
        [Some(a), Some(b), Some(c)] => Some(score([a, b, c])),
        [None, None, None] => match bare(answer, 0..=2)[..] {
            [a, b, c] => Some(score([a, b, c])),
            _ => None,
        },
        _ => None,
    };
    Read { official, strict }
}

/// The first `Score: 0|1` that ends a word; else one bare line.
fn binary(answer: &str) -> Option<f64> {
    let label = Label { name: "Score", exact: false, stars: true, colons: &[':'] };
    let digit = |rest: &str| {
        let mut chars = rest.chars();
        let digit = chars.next().filter(|c| matches!(c, '0' | '1'))?;
        let ends = chars.next().is_none_or(|c| !c.is_alphanumeric() && c != '_');
        ends.then_some(if digit == '1' { 1.0 } else { 0.0 })
    };
    label.rests(answer).into_iter().find_map(|(_, rest)| digit(rest)).or_else(|| {
        match bare(answer, 0..=1)[..] {
            [one] => Some(one),
            _ => None,
        }
    })
}

fn read_verified(answer: &str) -> Read {
    let clean = unthought(answer);
    let official = binary(&clean).map_or(Counted::Again, Counted::As);
    let strict = labelled(&clean, "Score", 0.0..=1.0).filter(|s| *s == 0.0 || *s == 1.0);
    let strict = strict.or_else(|| match bare(&clean, 0..=1)[..] {
        [one] if clean.trim().len() == 1 => Some(one),
        _ => None,
    });
    Read { official, strict }
}

/// Nothing is printed unless every row is there.
fn weighted(means: &[Option<f64>], whole: bool, groups: &[Group; 6]) -> Option<f64> {
    let terms = means.iter().zip(groups).map(|(mean, g)| Some((*mean)? * g.weight));
    whole.then(|| terms.sum::<Option<f64>>())?
}

fn files(set: &Benchmark, rows: &[Judged<'_>]) -> Vec<(String, String)> {
    let (mut full, mut scores) = (Vec::new(), String::new());
    for judged in rows {
        let (Some(answer), Some(image)) = (judged.answer, judged.image) else { continue };
        let (id, prompt) = (set.number(judged.prompt), judged.prompt);
        let head = json!({"prompt_id": id, "Subcategory": prompt.category});
        let score = match (set.name, lax(answer), binary(&unthought(answer))) {
            ("wise_legacy", Some([c, r, a]), _) => {
                json!({"consistency": c, "realism": r, "aesthetic_quality": a})
            }
            ("wise_verified", _, Some(score)) => json!({"score": score}),
            _ => continue,
        };
        full.push(json!({
            "prompt_id": id, "prompt": prompt.text,
            "key": prompt.gloss.as_deref().unwrap_or_default(), "image_path": image,
            "evaluation": answer,
        }));
        let line = [head, score].into_iter().filter_map(|v| v.as_object().cloned()).flatten();
        let line: serde_json::Map<String, Value> = line.collect();
        scores += &format!("{}\n", Value::Object(line));
    }
    vec![
        ("full_results.json".to_owned(), format!("{:#}", Value::Array(full))),
        ("scores_results.jsonl".to_owned(), scores),
    ]
}
