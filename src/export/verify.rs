//! Proves of a written export what was promised when it was written, from its files alone.
//!
//! Nothing is taken from the writer's memory: rows are read back by the form, taken apart by the grammar,
//! images held against the digest in their names (`look`), and the sums against `export.json`.
//! `deliver::export` reads the files.

mod look;

pub use look::{Look, Shown};

use crate::export::conversation::Dialect;
use crate::export::formats::{Back, DATASET_INFO, Form};
use crate::export::grammar;
use crate::export::report::{ExportReport, LeftOut, left_out};
use crate::export::seal::Seal;
use crate::export::tokens::{Measure, image_tokens};
use crate::record::{Digest, Id};
use crate::text::dedup::{Dedup, THRESHOLD};
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
    /// Files beside the data that were changed since (settings may be).
    pub edited: Vec<String>,
}

impl Verdict {
    /// What was read back, what does not hold, and what was changed since.
    pub fn text(&self) -> String {
        let mut out = format!("{} rows, {} images read back\n", self.rows, self.images);
        left_out(&mut out, "finding", &self.findings);
        for name in &self.edited {
            out += &format!("  changed since it was written: {name}\n");
        }
        if self.findings.is_empty() {
            out += "all holds\n";
        }
        out
    }
}

/// The proof under way.
pub struct Verifier<'a> {
    form: &'static Form,
    report: &'a ExportReport,
    measure: Measure,
    verdict: Verdict,
    /// Tokens of images already proved, by name.
    proved: HashMap<String, Option<u32>>,
    /// The split each prompt was first seen in.
    prompts: HashMap<Digest, String>,
    /// Likeness of prompts, where there are several splits, and each row's split.
    near: Dedup,
    sides: HashMap<Id, String>,
    rows: BTreeMap<String, u64>,
    seals: HashMap<String, Seal>,
}

impl<'a> Verifier<'a> {
    pub fn new(form: &'static Form, report: &'a ExportReport, measure: Measure) -> Verifier<'a> {
        Verifier {
            form,
            report,
            measure,
            verdict: Verdict::default(),
            proved: HashMap::new(),
            prompts: HashMap::new(),
            near: Dedup::new(THRESHOLD, report.seed),
            sides: HashMap::new(),
            rows: BTreeMap::new(),
            seals: HashMap::new(),
        }
    }

    /// Notes a finding.
    pub fn find(&mut self, code: &str, at: &str, what: &str) {
        self.verdict.findings.entry(code.to_string()).or_default().add(at, what);
    }

    /// The form that is proved.
    pub fn form(&self) -> &'static Form {
        self.form
    }

    /// Proves a row: `back` is what the form reads in it, `images` are those it shows, in order and
    /// by path (the container's own, or files).
    pub fn row(
        &mut self,
        split: &str,
        row: &Value,
        back: Result<Back, String>,
        images: &[(String, Shown)],
    ) {
        self.verdict.rows += 1;
        let count = self.rows.entry(split.to_string()).or_default();
        *count += 1;
        let place = format!("{split} row {count}");
        self.seal(split, row, images);
        let back = match back {
            Ok(back) => back,
            Err(what) => return self.find("row", &place, &what),
        };
        let place = format!("{place} ({})", back.id);
        let texts: usize = back.turns.iter().map(|(_, text)| text.len()).sum();
        self.verdict.bytes += texts as u64;
        let slots = self.grammar(&back, &place);
        let mut tokens = Some(0);
        for (path, shown) in images {
            tokens = add(tokens, self.image(&place, path, shown));
        }
        let images = images.len();
        self.verdict.images += images as u64;
        if slots.is_some_and(|slots| slots != images) {
            let what = format!("{images} images for {} slots", slots.unwrap_or(0));
            self.find("image_count", &place, &what);
        }
        let dialect = self.dialect();
        let turns = back.turns.iter();
        let text: u32 = turns.map(|(who, text)| self.measure.turn(*who, text, dialect)).sum();
        if tokens.is_some_and(|tokens| tokens + text > self.report.max_tokens) {
            let what = format!("{} tokens", tokens.unwrap_or(0) + text);
            self.find("too_long", &place, &what);
        }
        self.sides(&back, split, &place);
    }

    fn dialect(&self) -> Dialect {
        let native = self.report.dialect == Dialect::Native.as_str();
        if native { Dialect::Native } else { Dialect::Text }
    }

    fn seal(&mut self, split: &str, row: &Value, images: &[(String, Shown)]) {
        let seal = self.seals.entry(split.to_string()).or_default();
        match row.get("images").and_then(Value::as_array) {
            Some(files) => seal.add(row, files.iter().filter_map(Value::as_str)),
            None => seal.add(row, images.iter().map(|(path, _)| path.as_str())),
        }
    }

    /// The number of image slots, when the grammar holds.
    fn grammar(&mut self, back: &Back, place: &str) -> Option<usize> {
        let system = back.turns.first().map(|(_, text)| Digest::of(text.as_bytes()).hex());
        if system.as_ref() != Some(&self.report.system_digest) {
            self.find("system_altered", place, "its system turn is not the one that was written");
        }
        if back.prompt_only {
            let asked = back.turns.get(1).map(|(_, text)| text.as_str()).unwrap_or_default();
            if let Some(fault) = grammar::prompt(asked) {
                self.find(fault.code, place, &fault.what);
            }
            return Some(0);
        }
        match grammar::conversation(&back.turns, self.dialect()) {
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
    fn image(&mut self, place: &str, path: &str, shown: &Shown) -> Option<u32> {
        let tokens = match shown {
            Shown::Before => return self.proved.get(path).copied().flatten(),
            Shown::Missing => {
                self.find("image_missing", place, path);
                None
            }
            Shown::Seen(look) => self.prove(place, path, look),
        };
        self.proved.insert(path.to_string(), tokens);
        tokens
    }

    fn prove(&mut self, place: &str, path: &str, look: &Look) -> Option<u32> {
        self.verdict.bytes += look.bytes;
        let stem = path.rsplit('/').next().and_then(|name| name.split('.').next());
        if stem.and_then(|hex| hex.parse().ok()) != Some(look.digest) {
            self.find("image_altered", place, path);
            return None;
        }
        let most = self.report.max_image_pixels;
        let tokens = look.size.and_then(|(width, height)| image_tokens(width, height, most));
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
        let id: Option<Id> = back.id.parse().ok().filter(|_| self.report.splits.len() > 1);
        if let Some(id) = id {
            self.near.offer(id, prompt.strip_prefix("Prompt: ").unwrap_or(prompt));
            self.sides.insert(id, split.to_string());
        }
    }

    /// Holds a file beside the data against the account.
    pub fn beside(&mut self, name: &str, wanted: Digest, bytes: Option<&[u8]>) {
        match bytes {
            None => self.find("file_missing", name, "it is not there"),
            Some(bytes) if Digest::of(bytes) == wanted => {}
            // The loader's own map of the data; the others are settings, which are the user's.
            Some(_) if name == DATASET_INFO => {
                self.find("file_altered", name, "it is not what was written");
            }
            Some(_) => self.verdict.edited.push(name.to_string()),
        }
    }

    /// Holds the sums against the export's own account.
    pub fn finish(mut self) -> Verdict {
        let report = self.report;
        for (name, split) in &report.splits {
            let found = self.rows.get(name).copied().unwrap_or(0);
            if found != split.rows {
                self.find("row_count", name, &format!("{found} rows, written were {}", split.rows));
            }
            if self.seals.remove(name).unwrap_or_default().digest().hex() != split.digest {
                self.find("rows_altered", name, "its rows are not those that were written");
            }
        }
        let near = std::mem::replace(&mut self.near, Dedup::new(THRESHOLD, 0));
        for (a, b) in near.pairs() {
            let (Some(one), Some(other)) = (self.sides.get(&a), self.sides.get(&b)) else {
                continue;
            };
            if one != other {
                let what = format!("its prompt is nearly that of {b} in split `{other}`");
                self.find("split_leak", &a.hex(), &what);
            }
        }
        self.verdict
    }
}

fn add(sum: Option<u32>, more: Option<u32>) -> Option<u32> {
    Some(sum? + more?)
}
