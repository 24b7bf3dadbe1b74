//! What a pool holds, before any money is spent on it: sizes, categories, lengths, languages,
//! duplicates, contamination, images.
//!
//! It takes one pass over the rows, in memory that does not grow with texts or images (about 250 bytes a
//! row: hashes for duplicates, the texts in a scratch file).

mod page;

use crate::pool::{Bad, PoolError, PoolItem};
use crate::record::{Id, Prompt};
use crate::store::{Spill, SpillRef};
use crate::text::decontam::Fingerprints;
use crate::text::dedup::{Dedup, Ruling};
use crate::text::{language, normalise, words};
use futures::{Stream, StreamExt};
use serde::Serialize;
use std::collections::BTreeMap;

pub use page::page;

/// The whole report, as `--format json` prints it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Report {
    pub rows: u64,
    pub with_spec: u64,
    pub with_gloss: u64,
    pub by_source: BTreeMap<String, u64>,
    pub by_category: BTreeMap<String, u64>,
    pub by_language: BTreeMap<String, u64>,
    pub by_licence: BTreeMap<String, u64>,
    /// Prompts by number of words: (upper bound, prompts).
    pub words: Vec<(u64, u64)>,
    pub median_words: u64,
    pub images: ImageCounts,
    pub duplicates: Duplicates,
    pub contamination: Contamination,
    /// Rows that cannot be used, by code.
    pub bad: BTreeMap<String, BadRows>,
    /// Files of the sources' folders that no format read.
    pub unread_files: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ImageCounts {
    pub count: u64,
    pub bytes: u64,
    pub by_type: BTreeMap<String, u64>,
    /// By the longer side, in pixels: (upper bound, images).
    pub sides: Vec<(u64, u64)>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Duplicates {
    pub exact: u64,
    pub near: u64,
    pub threshold: f32,
    pub examples: Vec<DuplicateExample>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DuplicateExample {
    pub dropped: String,
    pub kept: String,
    /// 1 for exact ones.
    pub similarity: f32,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Contamination {
    /// The sets that were compared with.
    pub benchmarks: Vec<String>,
    /// Prompts that `decontaminate` would drop.
    pub dropped: u64,
    /// Set -> rule -> prompts; each prompt counts once per set and rule.
    pub hits: BTreeMap<String, BTreeMap<String, u64>>,
    /// The same of hits that are only reported (masked wording outside of template sets).
    pub advisory: BTreeMap<String, BTreeMap<String, u64>>,
    pub examples: Vec<HitExample>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HitExample {
    pub prompt: String,
    pub benchmark: String,
    pub rule: String,
    pub place: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct BadRows {
    pub count: u64,
    pub examples: Vec<String>,
}

/// Examples kept per finding.
const EXAMPLES: usize = 20;
const WORD_BOUNDS: [u64; 11] = [3, 5, 8, 12, 16, 24, 32, 48, 64, 128, u64::MAX];
const SIDE_BOUNDS: [u64; 7] = [256, 512, 768, 1024, 1536, 2048, u64::MAX];

/// Walks a pool once.
pub async fn collect(
    mut items: impl Stream<Item = Result<PoolItem, PoolError>> + Unpin,
    fingerprints: &Fingerprints,
    threshold: f32,
    seed: u64,
) -> Result<Report, PoolError> {
    let mut walk = Walk::new(fingerprints, threshold, seed)?;
    while let Some(item) = items.next().await {
        match item? {
            PoolItem::Row(row) => walk.row(&row.prompt)?,
            PoolItem::Bad(bad) => walk.bad(&bad),
            PoolItem::End(ending) => walk.report.unread_files += ending.unread,
        }
    }
    walk.finish()
}

struct Walk<'a> {
    report: Report,
    fingerprints: &'a Fingerprints,
    dedup: Dedup,
    texts: Spill,
    /// Where each row's text lies.
    places: Vec<(Id, SpillRef)>,
    lengths: Vec<u32>,
}

impl Walk<'_> {
    fn new(fingerprints: &Fingerprints, threshold: f32, seed: u64) -> Result<Walk<'_>, PoolError> {
        let report = Report {
            words: WORD_BOUNDS.map(|bound| (bound, 0)).to_vec(),
            images: ImageCounts {
                sides: SIDE_BOUNDS.map(|bound| (bound, 0)).to_vec(),
                ..ImageCounts::default()
            },
            duplicates: Duplicates { threshold, ..Duplicates::default() },
            contamination: Contamination {
                benchmarks: fingerprints.benchmarks().iter().map(|b| b.name.clone()).collect(),
                ..Contamination::default()
            },
            ..Report::default()
        };
        Ok(Walk {
            report,
            fingerprints,
            dedup: Dedup::new(threshold, seed),
            texts: Spill::new()?,
            places: Vec::new(),
            lengths: Vec::new(),
        })
    }

    fn row(&mut self, row: &Prompt) -> Result<(), PoolError> {
        let report = &mut self.report;
        report.rows += 1;
        report.with_spec += u64::from(row.spec.is_some());
        report.with_gloss += u64::from(row.gloss.is_some());
        let add = |to: &mut BTreeMap<String, u64>, key: &str| {
            *to.entry(key.to_owned()).or_default() += 1;
        };
        add(&mut report.by_source, &row.source);
        add(&mut report.by_category, &row.category);
        add(&mut report.by_language, language::guess(&row.text));
        add(&mut report.by_licence, row.licence.as_deref().unwrap_or("unstated"));
        let length = words(&normalise(&row.text)).count() as u64;
        count_in(&mut report.words, length);
        self.lengths.push(length as u32);
        if let Some(image) = &row.reference {
            report.images.count += 1;
            report.images.bytes += image.bytes;
            add(&mut report.images.by_type, image.mime.ext());
            count_in(&mut report.images.sides, u64::from(image.width.max(image.height)));
        }
        self.dedup.offer(row.id, &row.text);
        self.places.push((row.id, self.texts.push(row.text.as_bytes())?));
        self.contamination(row);
        Ok(())
    }

    fn contamination(&mut self, row: &Prompt) {
        let found = self.fingerprints.check_all(&row.text, row.spec.as_ref(), row.gloss.as_deref());
        let report = &mut self.report.contamination;
        if let Some(hit) = found.iter().find(|hit| !hit.advisory) {
            report.dropped += 1;
            if report.examples.len() < EXAMPLES {
                report.examples.push(HitExample {
                    prompt: short(&row.text),
                    benchmark: hit.benchmark.clone(),
                    rule: hit.rule.as_str().to_owned(),
                    place: hit.place.clone(),
                });
            }
        }
        for hit in found {
            let table = if hit.advisory { &mut report.advisory } else { &mut report.hits };
            let rules = table.entry(hit.benchmark).or_default();
            *rules.entry(hit.rule.as_str().to_owned()).or_default() += 1;
        }
    }

    fn bad(&mut self, bad: &Bad) {
        let rows = self.report.bad.entry(bad.kind.as_str().to_owned()).or_default();
        rows.count += 1;
        if rows.examples.len() < 5 {
            rows.examples.push(format!("{}: {}", bad.place, bad.detail));
        }
    }

    fn finish(mut self) -> Result<Report, PoolError> {
        self.lengths.sort_unstable();
        let middle = self.lengths.get(self.lengths.len() / 2);
        self.report.median_words = middle.copied().unwrap_or(0).into();
        self.places.sort_unstable_by_key(|(id, _)| *id);
        let (places, texts) = (&self.places, &self.texts);
        let text_of = |id: Id| -> Result<String, PoolError> {
            let at = places.partition_point(|(known, _)| *known < id);
            let Some(&(_, place)) = places.get(at) else { return Ok(String::new()) };
            Ok(short(&String::from_utf8_lossy(&texts.read(place)?)))
        };
        let found = &mut self.report.duplicates;
        for (id, ruling) in self.dedup.finish() {
            let (peer, similarity) = match ruling {
                Ruling::Keep => continue,
                Ruling::Exact { peer } => {
                    found.exact += 1;
                    (peer, 1.0)
                }
                Ruling::Near { peer, similarity } => {
                    found.near += 1;
                    (peer, similarity)
                }
            };
            // Exact ones look alike in a list; near ones are what a reader wants to judge.
            let room = if similarity < 1.0 { EXAMPLES } else { EXAMPLES / 4 };
            if found.examples.len() < room {
                let (dropped, kept) = (text_of(id)?, text_of(peer)?);
                found.examples.push(DuplicateExample { dropped, kept, similarity });
            }
        }
        Ok(self.report)
    }
}

/// What a cell of `words` or of `sides` is called: `4 to 5`, `129 and more`.
pub fn ranges(table: &[(u64, u64)]) -> Vec<(String, u64)> {
    let mut from = 1;
    let mut out = Vec::new();
    for &(bound, count) in table {
        let name = match bound {
            u64::MAX => format!("{from} and more"),
            bound => format!("{from} to {bound}"),
        };
        out.push((name, count));
        from = bound.saturating_add(1);
    }
    out
}

fn count_in(table: &mut [(u64, u64)], value: u64) {
    if let Some(cell) = table.iter_mut().find(|(bound, _)| value <= *bound) {
        cell.1 += 1;
    }
}

fn short(text: &str) -> String {
    let cut: String = text.chars().take(240).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}
