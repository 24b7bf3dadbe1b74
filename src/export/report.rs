//! What an export holds and what was left out of it, and why: `export.json` beside the data.

use crate::export::formats::Form;
use crate::record::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The export's own account, written last: a folder without it is not whole.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ExportReport {
    pub format: String,
    pub dialect: String,
    /// `escape` or `reject`.
    pub control_tokens: String,
    /// BLAKE3 of the system turn's text.
    pub system_digest: String,
    pub seed: u64,
    /// The expression of `--where`, and how many were to be taken of what it holds for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take: Option<u64>,
    pub max_tokens: u32,
    pub max_image_pixels: u64,
    /// False when token counts are estimates, for want of a tokenizer file.
    pub tokens_exact: bool,
    pub splits: BTreeMap<String, SplitReport>,
    /// By code.
    pub left_out: BTreeMap<String, LeftOut>,
    /// Control tokens that were broken in outside text.
    pub escaped: u64,
    /// Rows from the simulated world.
    pub simulated: u64,
    /// Digests of the files beside rows and images.
    #[serde(default)]
    pub files: BTreeMap<String, Digest>,
    pub version: String,
}

/// A split's sums.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SplitReport {
    pub rows: u64,
    pub images: u64,
    pub image_bytes: u64,
    pub tokens: u64,
    pub longest: u32,
    /// `Seal::digest` of its rows.
    #[serde(default)]
    pub digest: String,
}

/// Rows left out for one reason.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LeftOut {
    pub count: u64,
    /// The first few, as `id: what`.
    pub examples: Vec<String>,
}

/// Why a split that was asked for has no rows, and what to do.
const EMPTY: &str = "prompts that are alike stay together, and there were too few groups of them, or \
    all its rows were left out; export more rows or ask for fewer splits";

/// How many examples a report keeps of each code.
const EXAMPLES: usize = 5;

impl LeftOut {
    pub fn add(&mut self, id: &str, what: &str) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            let what: String = what.chars().take(200).collect();
            self.examples.push(format!("{id}: {what}"));
        }
    }
}

impl ExportReport {
    pub fn rows(&self) -> u64 {
        self.splits.values().map(|split| split.rows).sum()
    }

    /// The report for people.
    pub fn text(&self) -> String {
        use std::fmt::Write;
        let mut out = String::new();
        let _ = writeln!(out, "format {}, dialect {}", self.format, self.dialect);
        if let Some(filter) = &self.selected {
            let _ = writeln!(out, "  where {filter}");
        }
        if let Some(take) = self.take {
            let _ = writeln!(out, "  {take} rows were asked for, balanced, seed {}", self.seed);
        }
        let exact = if self.tokens_exact { "tokens" } else { "tokens (estimated)" };
        for (name, split) in &self.splits {
            if split.rows == 0 {
                let _ = writeln!(out, "  {name:<10} no rows, so it is not written: {EMPTY}");
                continue;
            }
            let mean = split.tokens / split.rows.max(1);
            let _ = writeln!(
                out,
                "  {name:<10} {} rows, {} images, {exact}: mean {mean}, longest {} of {}",
                split.rows, split.images, split.longest, self.max_tokens
            );
        }
        if self.escaped > 0 {
            let _ = writeln!(out, "  {} control tokens of outside text were escaped", self.escaped);
        }
        left_out(&mut out, "left out", &self.left_out);
        if self.simulated > 0 {
            let _ =
                writeln!(out, "  SIMULATED: {} rows come from the simulated world", self.simulated);
        }
        out
    }
}

/// README.md of an export: what it is, how to train on it, what is in it and what is not.
pub fn readme(form: &Form, report: &ExportReport) -> String {
    use std::fmt::Write;
    let mut out = format!("# {}: {}\n\n", form.name, form.about);
    if report.simulated > 0 {
        let _ = writeln!(
            out,
            "> **SIMULATED DATA**: {} of the {} rows come from coldstart's simulated world; do not \
             train a model for use on them.\n",
            report.simulated,
            report.rows()
        );
    }
    let _ = writeln!(out, "{}\n", form.docs);
    out.push_str("| split | rows | images | tokens | longest row |\n|---|---:|---:|---:|---:|\n");
    for (name, split) in &report.splits {
        let SplitReport { rows, images, tokens, longest, .. } = split;
        let _ = writeln!(out, "| {name} | {rows} | {images} | {tokens} | {longest} |");
    }
    let exact = if report.tokens_exact { "counted with the tokenizer" } else { "estimates" };
    let _ = writeln!(
        out,
        "\nDialect `{}`. Tokens are {exact}; no row has more than {}, with images scaled down to {} \
         pixels. {} control tokens of prompts and model text were broken by a space.",
        report.dialect, report.max_tokens, report.max_image_pixels, report.escaped
    );
    if let Some(filter) = &report.selected {
        let _ = writeln!(out, "\nSelected: `{}`.", filter.replace('`', "'"));
    }
    if let Some(take) = report.take {
        let _ = writeln!(
            out,
            "\nTaken: {take}, balanced over category and outcome, seed {}.",
            report.seed
        );
    }
    for (name, _) in report.splits.iter().filter(|(_, split)| split.rows == 0) {
        let _ = writeln!(out, "- split `{name}` has no rows and is not written");
    }
    for (code, left) in &report.left_out {
        let _ = writeln!(out, "- left out: `{code}` {}", left.count);
    }
    let _ = writeln!(
        out,
        "\nWritten by coldstart {}; `coldstart export --verify .` in this folder proves it.",
        report.version
    );
    out
}

/// Lines of a table by code, with examples.
pub fn left_out(out: &mut String, head: &str, table: &BTreeMap<String, LeftOut>) {
    use std::fmt::Write;
    for (code, left) in table {
        let _ = writeln!(out, "  {head}: {code} {}", left.count);
        for example in &left.examples {
            let _ = writeln!(out, "    {example}");
        }
    }
}
