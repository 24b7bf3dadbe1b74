//! Makes a benchmark's fingerprints from its rows.

use super::{Benchmark, Forms, Rule, file, grams};
use crate::record::Spec;
use crate::text::spec::spec_hash;

/// Collects the rows of one benchmark; `finish` gives the bytes of its `.fp` file.
#[derive(Debug)]
pub struct Builder {
    benchmark: Benchmark,
    entries: [Vec<(u32, u64)>; 5],
}

impl Builder {
    /// `drop_masked`: whether the set is made from templates, so that a masked match drops.
    pub fn new(name: &str, source: &str, licence: &str, drop_masked: bool) -> Builder {
        let benchmark = Benchmark {
            name: name.to_owned(),
            source: source.to_owned(),
            licence: licence.to_owned(),
            rows: 0,
            drop_masked,
        };
        Builder { benchmark, entries: Default::default() }
    }

    /// Adds a prompt as the next row. Where it says the same as an earlier row, the earlier counts.
    pub fn row(&mut self, text: &str, spec: Option<&Spec>) {
        self.benchmark.rows += 1;
        self.also(text, spec);
    }

    /// Adds another wording (a rewrite, an explanation) to the row added last.
    pub fn also(&mut self, text: &str, spec: Option<&Spec>) {
        let row = self.benchmark.rows;
        let forms = Forms::of(text);
        if forms.hashes.is_empty() {
            return;
        }
        let mut add = |rule: Rule, hash: u64| self.entries[rule as usize].push((row, hash));
        add(Rule::Exact, forms.exact());
        add(Rule::Masked, forms.masked());
        for hash in spec.map(spec_hash).into_iter().chain(forms.spec(text)) {
            add(Rule::Spec, hash);
        }
        if let Some(bag) = forms.bag() {
            add(Rule::Bag, bag);
        }
        for gram in grams::of_benchmark(&forms.hashes) {
            add(Rule::Ngram, gram);
        }
    }

    /// Rows so far.
    pub fn rows(&self) -> u32 {
        self.benchmark.rows
    }

    /// The file: the same bytes for the same rows.
    pub fn finish(mut self) -> Vec<u8> {
        for entries in &mut self.entries {
            // Of equal hashes the earliest row stays.
            entries.sort_unstable_by_key(|&(row, hash)| (hash, row));
            entries.dedup_by_key(|&mut (_, hash)| hash);
            entries.sort_unstable();
        }
        file::write(&self.benchmark, &self.entries)
    }
}
