//! Does a prompt overlap with an evaluation set? Fingerprints (hashes, never texts) and the rules.
//!
//! Each rule maps a text to hashes; a benchmark's file holds those of its rows, and a hit is a
//! shared hash. So checking needs no benchmark text, and anyone who has the texts can rebuild the
//! file. Recipe: sources.md, section 4. See `pool::benchmark` for reading benchmark files, `stage`
//! for what to do about a hit.
//!
//! | rule | shared | for |
//! |---|---|---|
//! | `exact` | the normal form, frames (`a photo of`) apart | all |
//! | `spec` | the structured meaning, given or read from the words | lists of things, riddles |
//! | `masked` | the normal form with numbers and colours as marks | sets made from templates |
//! | `bag` | the multiset of content words, 3 to 12 words | short prompts |
//! | `ngram` | 13 words in a row, or a whole prompt of 8 to 12 | long prompts |

mod build;
mod file;
mod grams;

pub use build::Builder;
pub use file::FingerprintError;

use crate::record::Spec;
use crate::text::{gloss, hash, lexicon, mask, normalise, spec, stem, words};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

/// Why a prompt counts as a benchmark's; in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    Exact,
    Spec,
    Masked,
    Bag,
    Ngram,
}

impl Rule {
    pub const ALL: [Rule; 5] = [Rule::Exact, Rule::Spec, Rule::Masked, Rule::Bag, Rule::Ngram];

    /// The name in reports and in the files.
    pub fn as_str(self) -> &'static str {
        match self {
            Rule::Exact => "exact",
            Rule::Spec => "spec",
            Rule::Masked => "masked",
            Rule::Bag => "bag",
            Rule::Ngram => "ngram",
        }
    }
}

/// An overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The benchmark's name: `geneval_pp`.
    pub benchmark: String,
    pub rule: Rule,
    /// `row 261`, counted from 1 in the benchmark's own order.
    pub place: String,
    /// True where the recipe says "report, do not drop": the `masked` rule outside of sets that
    /// are made from templates.
    pub advisory: bool,
}

/// The fingerprints of several benchmarks, ready for lookups.
#[derive(Debug, Clone, Default)]
pub struct Fingerprints {
    benchmarks: Vec<Benchmark>,
    tables: [HashMap<u64, Place, hash::Plain>; 5],
    /// (rule, hash) that further benchmarks hold as well, in the order of merging.
    shared: BTreeMap<(usize, u64), Vec<Place>>,
    grams: grams::Filter,
}

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Benchmark {
    pub name: String,
    /// Repository, path and commit of the texts.
    pub source: String,
    pub licence: String,
    /// Number of prompts.
    pub rows: u32,
    /// Whether the `masked` rule drops (sets made from templates) or only reports.
    pub drop_masked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    benchmark: u16,
    row: u32,
}

impl Fingerprints {
    /// Reads one `.fp` file.
    pub fn load(bytes: &[u8]) -> Result<Fingerprints, FingerprintError> {
        file::read(bytes)
    }

    /// Adds another benchmark's. Where two hold the same hash, both are remembered: which rules drop
    /// differs between them, and a report names every one.
    pub fn merge(&mut self, other: Fingerprints) {
        if self.benchmarks.is_empty() {
            *self = other;
            return;
        }
        let shift = self.benchmarks.len() as u16;
        let moved = |place: Place| Place { benchmark: place.benchmark + shift, ..place };
        self.benchmarks.extend(other.benchmarks);
        for (rule, (mine, theirs)) in self.tables.iter_mut().zip(other.tables).enumerate() {
            // What comes in another table's order would crowd one half of a table that grows.
            mine.reserve(theirs.len());
            for (hash, place) in theirs {
                match mine.entry(hash) {
                    Entry::Vacant(free) => {
                        free.insert(moved(place));
                    }
                    Entry::Occupied(_) => {
                        self.shared.entry((rule, hash)).or_default().push(moved(place));
                    }
                }
            }
        }
        for (key, places) in other.shared {
            self.shared.entry(key).or_default().extend(places.into_iter().map(moved));
        }
        self.grams.merge(&other.grams);
    }

    /// The benchmarks that are covered.
    pub fn benchmarks(&self) -> &[Benchmark] {
        &self.benchmarks
    }

    /// Entries over all rules.
    pub fn len(&self) -> usize {
        self.tables.iter().map(HashMap::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first hit that counts for dropping, in the order of `Rule`; of the prompt, of its spec,
    /// and of its plain meaning where it is a riddle.
    pub fn check(&self, text: &str, spec: Option<&Spec>, gloss: Option<&str>) -> Option<Hit> {
        let mut found = None;
        self.look(text, spec, gloss, &mut |hit| {
            let stop = !hit.advisory;
            if stop {
                found = Some(hit);
            }
            stop
        });
        found
    }

    /// One hit per benchmark and rule that fires, advisory ones too: for reports.
    pub fn check_all(&self, text: &str, spec: Option<&Spec>, gloss: Option<&str>) -> Vec<Hit> {
        let mut found: Vec<Hit> = Vec::new();
        self.look(text, spec, gloss, &mut |hit| {
            if !found.iter().any(|h| h.rule == hit.rule && h.benchmark == hit.benchmark) {
                found.push(hit);
            }
            false
        });
        found
    }

    /// Calls `seen` for each hit until it says true.
    fn look(
        &self,
        text: &str,
        spec: Option<&Spec>,
        gloss: Option<&str>,
        seen: &mut dyn FnMut(Hit) -> bool,
    ) {
        if let Some(spec) = spec
            && (self.ask(Rule::Spec, spec::spec_hash(spec), seen)
                || self.ask_text(&gloss::gloss(spec), Reading { spec: false, masked: false }, seen))
        {
            return;
        }
        // A source's spec may say less than its words do, so the words are read all the same.
        if let Some(gloss) = gloss
            && self.ask_text(gloss, Reading { spec: true, masked: false }, seen)
        {
            return;
        }
        self.ask_text(text, Reading { spec: true, masked: true }, seen);
    }

    /// All rules on one text; true when `seen` has had enough.
    fn ask_text(&self, text: &str, how: Reading, seen: &mut dyn FnMut(Hit) -> bool) -> bool {
        let forms = Forms::of(text);
        if self.ask(Rule::Exact, forms.exact(), seen) {
            return true;
        }
        if how.spec
            && let Some(spec) = forms.spec(text).or_else(|| forms.spec_in_other_words(text))
            && self.ask(Rule::Spec, spec, seen)
        {
            return true;
        }
        if how.masked && self.ask(Rule::Masked, forms.masked(), seen) {
            return true;
        }
        if let Some(bag) = forms.bag()
            && self.ask(Rule::Bag, bag, seen)
        {
            return true;
        }
        let mut stop = false;
        self.grams.candidates(&forms.hashes, |hash| {
            stop = stop || self.ask(Rule::Ngram, hash, seen);
            stop
        });
        stop
    }

    fn ask(&self, rule: Rule, hash: u64, seen: &mut dyn FnMut(Hit) -> bool) -> bool {
        let Some(first) = self.tables[rule as usize].get(&hash) else { return false };
        let others = self.shared.get(&(rule as usize, hash)).into_iter().flatten();
        for place in std::iter::once(first).chain(others) {
            let benchmark = &self.benchmarks[place.benchmark as usize];
            let hit = Hit {
                benchmark: benchmark.name.clone(),
                rule,
                place: format!("row {}", place.row),
                advisory: rule == Rule::Masked && !benchmark.drop_masked,
            };
            if seen(hit) {
                return true;
            }
        }
        false
    }
}

/// What is asked of a text. The masked rule is about a prompt's own wording: a plain meaning is in
/// the form of the templates by construction, and its spec says exactly what it shares with them.
#[derive(Clone, Copy)]
struct Reading {
    spec: bool,
    masked: bool,
}

/// The hashes of one text, by rule; shared by building and checking.
struct Forms {
    normal: String,
    /// A hash for each word.
    hashes: Vec<u64>,
}

impl Forms {
    fn of(text: &str) -> Forms {
        let normal = normalise(text);
        let hashes = words(&normal).map(hash::text).collect();
        Forms { normal, hashes }
    }

    fn exact(&self) -> u64 {
        let words: Vec<&str> = words(&self.normal).collect();
        let frame = lexicon::FRAMES.iter().find(|f| words.starts_with(f)).map_or(0, |f| f.len());
        // A frame alone is not nothing.
        let skip = if frame < words.len() { frame } else { 0 };
        hash::sequence(self.hashes[skip..].iter().copied())
    }

    fn masked(&self) -> u64 {
        hash::text(&mask::masked(&self.normal, true))
    }

    fn bag(&self) -> Option<u64> {
        if !(3..=16).contains(&self.hashes.len()) {
            return None;
        }
        let content = words(&self.normal).filter(|w| !lexicon::is_filler(w));
        let mut bag: Vec<u64> = content
            .map(|w| match lexicon::slot(w) {
                Some((_, value)) => hash::text(&value),
                None => hash::text(&stem(w)),
            })
            .collect();
        bag.sort_unstable();
        (3..=12).contains(&bag.len()).then(|| hash::sequence(bag))
    }

    /// Of a prompt: a benchmark's rows are in plain form, and their file stays as it is.
    fn spec_in_other_words(&self, text: &str) -> Option<u64> {
        if self.hashes.len() > 40 { None } else { self.spec(&spec::plainer(text)) }
    }

    fn spec(&self, text: &str) -> Option<u64> {
        if self.hashes.len() > 40 { None } else { spec::parse(text).map(|s| spec::spec_hash(&s)) }
    }
}

#[cfg(test)]
mod tests;
