//! Proves of a written export what was promised when it was written, from its files alone.
//!
//! Not here: reading files (`cli::export`). The one idea: nothing is taken from the writer's
//! memory: rows are read back by the form, taken apart by the grammar, images held against the
//! digest in their names, and the sums against `export.json`.

use crate::export::conversation::Dialect;
use crate::export::formats::{Back, Form};
use crate::export::grammar;
use crate::export::picture;
use crate::export::report::{ExportReport, LeftOut};
use crate::export::tokens::{Measure, image_tokens};
use crate::record::Digest;
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// What the proof found.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Verdict {
    pub rows: u64,
    pub images: u64,
    /// Bytes of rows and images read.
    pub bytes: u64,
    /// By code; empty when all holds.
    pub findings: BTreeMap<String, LeftOut>,
}

/// The proof under way.
pub struct Verifier<'a> {
    form: &'a Form,
    report: &'a ExportReport,
    measure: Measure,
    verdict: Verdict,
    /// Tokens of images already proved, by name.
    proved: HashMap<String, Option<u32>>,
    /// The split each prompt was first seen in.
    prompts: HashMap<Digest, String>,
    rows: BTreeMap<String, u64>,
}

impl<'a> Verifier<'a> {
    pub fn new(form: &'a Form, report: &'a ExportReport, measure: Measure) -> Verifier<'a> {
        Verifier {
            form,
            report,
            measure,
            verdict: Verdict::default(),
            proved: HashMap::new(),
            prompts: HashMap::new(),
            rows: BTreeMap::new(),
        }
    }

    /// Notes a finding.
    pub fn find(&mut self, code: &str, at: &str, what: &str) {
        self.verdict.findings.entry(code.to_string()).or_default().add(at, what);
    }

    /// Proves a row. `inside` are the container's images; `outside` reads an image file by name.
    pub fn row(
        &mut self,
        split: &str,
        row: &Value,
        inside: &[(Bytes, String)],
        outside: &mut dyn FnMut(&str) -> Option<Bytes>,
    ) {
        self.verdict.rows += 1;
        let count = self.rows.entry(split.to_string()).or_default();
        *count += 1;
        let place = format!("{split} row {count}");
        let back = match (self.form.back)(row) {
            Ok(back) => back,
            Err(what) => return self.find("row", &place, &what),
        };
        let place = format!("{place} ({})", back.id);
        let texts: usize = back.turns.iter().map(|(_, text)| text.len()).sum();
        self.verdict.bytes += texts as u64;
        let slots = self.grammar(&back, &place);
        let mut tokens = Some(0);
        let files: Vec<String> = back.images.clone();
        for (bytes, path) in inside {
            tokens = add(tokens, self.image(&place, path, Some(bytes.clone())));
        }
        for path in &files {
            let known = self.proved.get(path).copied();
            let found = known.unwrap_or_else(|| self.image(&place, path, outside(path)));
            tokens = add(tokens, found);
        }
        let images = inside.len() + files.len();
        self.verdict.images += images as u64;
        if slots.is_some_and(|slots| slots != images) {
            let what = format!("{images} images for {} slots", slots.unwrap_or(0));
            self.find("image_count", &place, &what);
        }
        let text = back.turns.iter().map(|(_, text)| 5 + self.measure.text(text)).sum::<u32>();
        if tokens.is_some_and(|tokens| tokens + text > self.report.max_tokens) {
            let what = format!("{} tokens", tokens.unwrap_or(0) + text);
            self.find("too_long", &place, &what);
        }
        self.sides(&back, split, &place);
    }

    /// The number of image slots, when the grammar holds.
    fn grammar(&mut self, back: &Back, place: &str) -> Option<usize> {
        if back.prompt_only {
            let asked = back.turns.get(1).map(|(_, text)| text.as_str()).unwrap_or_default();
            if let Some(fault) = grammar::prompt(asked) {
                self.find(fault.code, place, &fault.what);
            }
            return Some(0);
        }
        let native = self.report.dialect == Dialect::Native.as_str();
        let dialect = if native { Dialect::Native } else { Dialect::Text };
        match grammar::conversation(&back.turns, dialect) {
            Ok((_, slots)) => Some(slots),
            Err(faults) => {
                for fault in faults {
                    self.find(fault.code, place, &fault.what);
                }
                None
            }
        }
    }

    /// Proves an image by the digest in its name; its tokens.
    fn image(&mut self, place: &str, path: &str, bytes: Option<Bytes>) -> Option<u32> {
        let tokens = match bytes {
            None => {
                self.find("image_missing", place, path);
                None
            }
            Some(bytes) => {
                self.verdict.bytes += bytes.len() as u64;
                self.prove(place, path, &bytes)
            }
        };
        self.proved.insert(path.to_string(), tokens);
        tokens
    }

    fn prove(&mut self, place: &str, path: &str, bytes: &[u8]) -> Option<u32> {
        let stem = path.rsplit('/').next().and_then(|name| name.split('.').next());
        if stem.and_then(|hex| hex.parse().ok()) != Some(Digest::of(bytes)) {
            self.find("image_altered", place, path);
            return None;
        }
        let whole = picture::header(bytes).filter(|(mime, _, _)| picture::is_whole(bytes, *mime));
        let tokens = whole.and_then(|(_, width, height)| {
            image_tokens(width, height, self.report.max_image_pixels)
        });
        if tokens.is_none() {
            self.find("image_damaged", place, path);
        }
        tokens
    }

    /// A prompt stands on one side of a split only.
    fn sides(&mut self, back: &Back, split: &str, place: &str) {
        let Some((_, prompt)) = back.turns.get(1) else { return };
        let words = crate::export::split::words(prompt).join(" ");
        let seen = self.prompts.entry(Digest::of(words.as_bytes())).or_insert_with(|| split.into());
        if seen != split {
            let what = format!("its prompt stands in split `{seen}` as well");
            self.find("split_leak", place, &what);
        }
    }

    /// Holds the sums against the export's own account.
    pub fn finish(mut self) -> Verdict {
        for (name, split) in &self.report.splits {
            let found = self.rows.get(name).copied().unwrap_or(0);
            if found != split.rows {
                let what = format!("{found} rows, `export.json` says {}", split.rows);
                self.verdict.findings.entry("row_count".into()).or_default().add(name, &what);
            }
        }
        self.verdict
    }
}

fn add(sum: Option<u32>, more: Option<u32>) -> Option<u32> {
    Some(sum? + more?)
}
