//! Evaluation sets that the paper reports: what a row says, what the judge is asked, how its answer
//! is read, the totals, and the folder that the official scripts expect. One file a set and a line
//! in `BENCHMARKS`.
//!
//! No text of a benchmark is here: rows are read from the user's files, and the wording of the
//! official judges is either ours (`templates/`) or read from a checkout of theirs (`official`).
//! Answers are read twice: as the official script reads them, oddities and all, so that totals can
//! be compared, and strictly, so that what could not be read is counted as such.

mod geneval_pp;
mod imagine;
pub mod official;
mod scan;
pub mod totals;
mod wise;

use crate::record::Prompt;
use serde_json::Value;

/// How one judged picture counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Counted {
    /// On the set's own scale.
    As(f64),
    /// The script leaves the row out of its means.
    LeftOut,
    /// The script asks the judge again.
    Again,
}

/// One answer, read both ways.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Read {
    /// As the official script counts it.
    pub official: Counted,
    /// None where a careful reader finds no answer.
    pub strict: Option<f64>,
}

/// A row of a set as it is read from the set's own file.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchmarkRow {
    /// What the picture's file is called by.
    pub number: u64,
    pub prompt: String,
    /// The tag that means are taken over.
    pub category: String,
    /// What is shown to the judge besides: note or explanation; empty for GenEval++.
    pub gloss: String,
}

/// A column of the paper's tables: a tag, or tags taken together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// The paper's heading.
    pub title: &'static str,
    /// Categories whose rows count here.
    pub of: &'static [&'static str],
    /// Its share in the overall figure.
    pub weight: f64,
}

/// What an official file holds of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged<'a> {
    pub prompt: &'a Prompt,
    /// The judge's last answer; None where there was no picture.
    pub answer: Option<&'a str>,
    /// Where the picture lies in the folder.
    pub image: Option<&'a str>,
}

/// Files by name.
pub type Files = fn(&Benchmark, &[Judged<'_>]) -> Vec<(String, String)>;

/// An evaluation set.
#[derive(Debug)]
pub struct Benchmark {
    /// As `--pool`'s format and `--format` know it.
    pub name: &'static str,
    pub title: &'static str,
    /// The paper's table.
    pub table: u8,
    /// Repository and path of the rows.
    pub rows_at: &'static str,
    /// How many rows the whole set has.
    pub rows: usize,
    /// The best score of a row.
    pub most: f64,
    pub groups: &'static [Group],
    /// A row of its file (`line` counts from 1); None where it is no such row.
    pub row: fn(&Value, u64) -> Option<BenchmarkRow>,
    /// The variables of the judge's template beside the picture.
    pub asks: fn(&Prompt) -> Vec<(&'static str, String)>,
    /// The official script, from the root of its repository.
    pub script: &'static str,
    /// The judge's answer limit in the official script, tokens.
    pub max_tokens: u32,
    /// Whether the judge answers with a JSON object, `correct` and `reason`; else with labelled lines.
    pub json: bool,
    pub read: fn(&str) -> Read,
    /// What stands after three unread answers, or a judge that would not answer.
    pub unread: Counted,
    /// What a row without a picture counts as.
    pub missing: Counted,
    /// Digits to which the script rounds means; None: it does not.
    pub round: Option<usize>,
    /// The overall figure as the script prints it, of the means by group (None: no row) and of
    /// whether all rows are there.
    pub overall: fn(&[Option<f64>], bool) -> Option<f64>,
    /// The picture's name in the official folder.
    pub picture: fn(u64, &str) -> String,
    /// The official result files, by name, of all rows in the set's order.
    pub files: Files,
}

/// All sets.
pub static BENCHMARKS: &[&Benchmark] =
    &[&geneval_pp::GENEVAL_PP, &wise::LEGACY, &wise::VERIFIED, &imagine::IMAGINE];

/// Tries that the official scripts make at an answer.
pub const TRIES: u32 = 3;

/// The set of that name.
pub fn find(name: &str) -> Option<&'static Benchmark> {
    BENCHMARKS.iter().copied().find(|b| b.name == name)
}

/// What the source of a set's prompts is called, wherever they go: an evaluation's prompts must be
/// known as such in a dataset.
const SOURCE: &str = "benchmark/";

/// The set that prompts of `source` come from.
pub fn of_source(source: &str) -> Option<&'static Benchmark> {
    find(source.strip_prefix(SOURCE)?)
}

impl Benchmark {
    /// `Prompt::source` of its rows.
    pub fn source(&self) -> String {
        format!("{SOURCE}{}", self.name)
    }

    /// The group that a category counts in.
    pub fn group(&self, category: &str) -> Option<usize> {
        self.groups.iter().position(|g| g.of.contains(&category))
    }

    /// The picture's number, which the reader wrote into the key: `file#number`.
    pub fn number(&self, prompt: &Prompt) -> Option<u64> {
        prompt.key.as_deref()?.rsplit_once('#')?.1.parse().ok()
    }
}

/// A text field of a row.
fn text(row: &Value, name: &str) -> Option<String> {
    row.get(name)?.as_str().map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
}

/// `value` as Python's `round(value, digits)` gives it: to even on the number's exact value.
pub fn rounded(value: f64, digits: usize) -> f64 {
    format!("{value:.digits$}").parse().unwrap_or(value)
}

/// `value` as Python's `json.dumps` writes a float.
fn float(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests;
