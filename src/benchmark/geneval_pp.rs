//! GenEval++ (yejy53/Echo-4o, `test_scripts/`): 280 rows in seven tags of 40; the judge says of the
//! whole checklist whether it holds.

use crate::benchmark::{
    Benchmark, BenchmarkRow, Counted, Group, Judged, Read, float, rounded, text,
};
use crate::record::{Prompt, Region, Size, SpecObject};
use crate::text::json::last;
use serde_json::{Value, json};

pub static GENEVAL_PP: Benchmark = Benchmark {
    name: "geneval_pp",
    title: "GenEval++",
    table: 2,
    rows_at: "yejy53/Echo-4o: test_scripts/Geneval++.jsonl",
    rows: 280,
    most: 1.0,
    groups: &GROUPS,
    row,
    asks,
    script: "test_scripts/Eval-gpt-4.1-geneval++.py",
    max_tokens: 200,
    json: true,
    read,
    unread: Counted::As(0.0),
    missing: Counted::As(0.0),
    round: Some(4),
    overall,
    picture: |number, _| format!("{number}.jpg"),
    files,
};

/// The paper's columns, in its order; `multi_object_count_attr` counts only, no colours.
const GROUPS: [Group; 7] = [
    Group { title: "Color", of: &["color_attr"], weight: 1.0 },
    Group { title: "Count", of: &["counting"], weight: 1.0 },
    Group { title: "Color/Count", of: &["color_count_attr"], weight: 1.0 },
    Group { title: "Color/Pos", of: &["color_spatial_attr"], weight: 1.0 },
    Group { title: "Pos/Count", of: &["spatial_count_attr"], weight: 1.0 },
    Group { title: "Pos/Size", of: &["size_spatial_attr"], weight: 1.0 },
    Group { title: "Multi-Count", of: &["multi_object_count_attr"], weight: 1.0 },
];

fn row(row: &Value, line: u64) -> Option<BenchmarkRow> {
    row.get("include")?.as_array()?;
    let category = text(row, "tag")?;
    // GenEval's rows look alike, and it has tags that are not here.
    GROUPS.iter().find(|g| g.of.contains(&category.as_str()))?;
    Some(BenchmarkRow {
        number: line,
        prompt: text(row, "prompt")?,
        category,
        gloss: String::new(),
    })
}

fn asks(prompt: &Prompt) -> Vec<(&'static str, String)> {
    vec![
        ("instruction", prompt.text.clone()),
        ("prompt", prompt.text.clone()),
        ("explanation", format!("This image should contain:\n{}", checklist(prompt))),
        ("checklist", checklist(prompt)),
    ]
}

/// One line an expectation, as the official script words it: colour and size before the count.
pub fn checklist(prompt: &Prompt) -> String {
    let Some(spec) = &prompt.spec else { return String::new() };
    let wanted = spec.include.iter().map(|item| format!("- {}.", expectation(item)));
    let barred = spec.exclude.iter().map(|item| {
        let most = item.count.saturating_sub(1);
        format!("- No more than {most} {} should appear.", noun(item))
    });
    wanted.chain(barred).collect::<Vec<_>>().join("\n")
}

/// A plain `s`, whatever the word.
fn noun(item: &SpecObject) -> String {
    format!("{}{}", item.class, if item.count > 1 { "s" } else { "" })
}

fn expectation(item: &SpecObject) -> String {
    let colour = item.color.as_ref().map(|c| format!("{c}-colored"));
    let size = item.size.map(|size| match size {
        Size::Larger => "larger".to_owned(),
        Size::Smaller => "smaller".to_owned(),
    });
    let counted = format!("{} {}", item.count, noun(item));
    let words: Vec<String> = colour.into_iter().chain(size).chain([counted]).collect();
    let region = item.region.map(|region| match region {
        Region::Left => "left",
        Region::Right => "right",
        Region::Above => "above",
        Region::Below => "below",
    });
    match region {
        Some(region) => format!("{} located in the {region} part of the image", words.join(" ")),
        None => format!("{} present in the image", words.join(" ")),
    }
}

/// The object in the answer, as `json.loads` takes it.
fn object(answer: &str) -> Option<Value> {
    let (open, close) = (answer.find('{')?, answer.rfind('}')?);
    serde_json::from_str(answer.get(open..=close)?).ok()
}

/// A hit is `correct == 1`: to Python `true` and `1.0` are that, and the text `"1"` is not. Strictly,
/// the last object that answers counts, with braces or slips around it that the script trips over.
fn read(answer: &str) -> Read {
    let strict = last(answer, |object| strictly(&object).ok_or_else(String::new)).ok();
    let Some(object) = object(answer) else {
        return Read { official: Counted::Again, strict };
    };
    let hit = match object.get("correct") {
        Some(Value::Bool(yes)) => *yes,
        Some(Value::Number(n)) => n.as_f64() == Some(1.0),
        _ => false,
    };
    Read { official: Counted::As(f64::from(hit)), strict }
}

fn strictly(object: &Value) -> Option<f64> {
    match object.get("correct")? {
        Value::Bool(yes) => Some(f64::from(*yes)),
        Value::Number(n) => n.as_f64().filter(|n| *n == 0.0 || *n == 1.0),
        _ => None,
    }
}

/// The mean of the tags that have rows, each already rounded.
fn overall(means: &[Option<f64>], _: bool) -> Option<f64> {
    let there: Vec<f64> = means.iter().flatten().copied().collect();
    (!there.is_empty()).then(|| rounded(there.iter().sum::<f64>() / there.len() as f64, 4))
}

/// The tags in the order in which the official rows bring them.
const FILE_ORDER: [&str; 7] = [
    "color_attr",
    "spatial_count_attr",
    "color_spatial_attr",
    "color_count_attr",
    "multi_object_count_attr",
    "size_spatial_attr",
    "counting",
];

fn result(judged: &Judged<'_>) -> Value {
    match judged.answer {
        _ if judged.image.is_none() => json!({"correct": 0, "reason": "Image not found"}),
        None => json!({"correct": -1, "reason": "Image not successfully evaluated"}),
        Some(answer) => object(answer).unwrap_or_else(
            || json!({"correct": -1, "reason": "Image not successfully evaluated after 3 retries"}),
        ),
    }
}

fn files(set: &Benchmark, rows: &[Judged<'_>]) -> Vec<(String, String)> {
    let mut results = Vec::new();
    let mut tags = [(0u64, 0u64); 7];
    for judged in rows {
        let result = result(judged);
        let hit = read(&result.to_string()).official == Counted::As(1.0);
        let tag = judged.prompt.category.as_str();
        if let Some(at) = FILE_ORDER.iter().position(|t| *t == tag) {
            tags[at].0 += u64::from(hit);
            tags[at].1 += 1;
        }
        let id = set.number(judged.prompt);
        results.push(json!({"id": id, "tag": tag, "prompt": judged.prompt.text, "result": result}));
    }
    let per = |(hits, of): (u64, u64)| rounded(hits as f64 / of.max(1) as f64, 4);
    let there = || FILE_ORDER.iter().zip(tags).filter(|(_, (_, of))| *of > 0);
    let accuracy: Vec<f64> = there().map(|(_, tag)| per(tag)).collect();
    let named: serde_json::Map<String, Value> =
        there().map(|(name, tag)| ((*name).to_owned(), float(per(tag)))).collect();
    let mean = rounded(accuracy.iter().sum::<f64>() / accuracy.len().max(1) as f64, 4);
    let all = tags.iter().fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    let whole = json!({
        "overall_results": results,
        "tag_accuracy": named,
        "overall_score_mean_of_tags": float(mean),
        "overall_accuracy_all_samples": float(per(all)),
    });
    vec![("Output.json".to_owned(), format!("{whole:#}"))]
}
