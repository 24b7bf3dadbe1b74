//! Evaluation sets that the paper reports, in their owners' own files: `geneval_pp`, `imagine`,
//! `wise_legacy`, `wise_verified`. What a row means is said by `benchmark`.
//!
//! Their prompts go by the source `benchmark/<name>` whatever the user calls it, so that an
//! evaluation is known as one wherever its records go.

use super::{Reader, json_array, jsonl};
use crate::benchmark::{self, Benchmark, BenchmarkRow};
use crate::pool::benchmark::spec_of;
use crate::pool::draft::Draft;
use crate::pool::input::Input;
use crate::pool::out::{Flow, Out};
use serde_json::Value;

macro_rules! reader {
    ($name:ident, $set:literal, $about:literal, $layout:literal) => {
        pub const $name: Reader = Reader {
            name: $set,
            about: $about,
            layout: $layout,
            claims: |input| claims(input, $set),
            read: |input, out| read(input, out, $set),
        };
    };
}

reader!(
    GENEVAL_PP,
    "geneval_pp",
    "GenEval++: an evaluation set, 280 prompts with what must be seen",
    "Geneval++.jsonl: {\"tag\", \"include\", \"exclude\"?, \"prompt\"}; pictures by line number"
);
reader!(
    IMAGINE,
    "imagine",
    "Imagine: an evaluation set, 270 fantasy prompts with notes",
    "Imagine.jsonl: {\"id\", \"instruction\", \"note\", \"type\"}"
);
reader!(
    WISE_LEGACY,
    "wise_legacy",
    "WISE as the paper reports it: an evaluation set, 1,000 prompts with explanations",
    "a folder with three JSON arrays: {\"Prompt\", \"Explanation\", \"prompt_id\", …}; rewrites are left alone"
);
reader!(
    WISE_VERIFIED,
    "wise_verified",
    "WISE as its owners verified it: an evaluation set, 1,000 prompts with explanations",
    "a folder with three `*_verified.json`, or merge.json"
);

/// The files of a set: of a folder that holds a union beside its parts, the parts.
fn files<'a>(input: &'a Input, set: &str) -> Vec<&'a str> {
    let all = input.ending(&[".jsonl", ".json"]);
    let rewrites = |name: &&&str| !name.contains("_rewrite");
    let mut files: Vec<&str> = all.iter().filter(rewrites).copied().collect();
    if set == "wise_verified" && files.iter().any(|f| f.ends_with("_verified.json")) {
        files.retain(|f| f.ends_with("_verified.json"));
    }
    files
}

/// By the first row; WISE's two sets look alike and are told apart by their files' names.
fn claims(input: &Input, set: &str) -> bool {
    let Some(benchmark) = benchmark::find(set) else { return false };
    let files = files(input, set);
    let Some(first) = files.first() else { return false };
    let verified = files.iter().any(|f| f.contains("verified") || f.ends_with("merge.json"));
    if set.starts_with("wise") && verified != (set == "wise_verified") {
        return false;
    }
    first_object(&input.head(first, 1 << 15)).is_some_and(|row| (benchmark.row)(&row, 1).is_some())
}

/// The first object of a file that is lines or an array.
fn first_object(head: &[u8]) -> Option<Value> {
    let open = head.iter().position(|b| *b == b'{')?;
    serde_json::Deserializer::from_slice(&head[open..]).into_iter().next()?.ok()
}

fn read(input: &Input, out: &mut Out, set: &str) -> Flow {
    let Some(benchmark) = benchmark::find(set) else { return Ok(()) };
    out.rename(&benchmark.source());
    for name in files(input, set) {
        let lines = name.ends_with(".jsonl");
        let rows = if lines { jsonl::rows } else { json_array::rows };
        rows(input, name, out, &mut |out, key, row| one(benchmark, name, out, key, &row))?;
    }
    Ok(())
}

fn one(set: &Benchmark, name: &str, out: &mut Out, key: String, row: &Value) -> Flow {
    let line = key.rsplit_once('#').and_then(|(_, n)| n.parse().ok()).unwrap_or(0);
    let Some(BenchmarkRow { number, prompt, category, gloss }) = (set.row)(row, line) else {
        let what = format!("not a row of {}", set.title);
        return out.bad(&key, crate::pool::BadKind::Syntax, &what, false);
    };
    out.mapped("prompt", set.rows_at);
    out.row(Draft {
        key: format!("{name}#{number}"),
        text: Some(prompt),
        category: Some(category),
        gloss: Some(gloss).filter(|g| !g.is_empty()),
        spec: spec_of(row),
        ..Draft::default()
    })
}
