//! Exact and near duplicates of a pool, the same whatever the order and the shards.
//!
//! What is a duplicate:
//! - *exact*: equal `normalise` forms;
//! - *near*: equal slots, and a Jaccard similarity of at least the threshold (default 0.7) over
//!   single words and adjacent pairs of words, where words are stems and fillers (`a`, `photo of`,
//!   `please draw`) do not count. Of 8 words one may be more or other, of 16 two (praise such as
//!   `sharp focus` apart): in a short prompt every word is an object (`a watch`, `a watch face`).
//!   Where each text has a word that the other lacks 0.85 is asked at least, so that another object
//!   makes another prompt.
//!
//! Slots are numbers, colours, relations, sizes, negations and ways of drawing, each bound to the word
//! after it, and what stands before the first relation: a prompt with one of them changed is never a
//! duplicate.
//!
//! In the order of the keyed hash (`Id::keyed`), a text is dropped if it is near an earlier text
//! that was kept. So each dropped text is near a *kept* one (no chains of likenesses), and the
//! result depends on the set of texts alone. Memory: about 200 bytes a text (with 20 words),
//! measured in `benches/pool.rs`.

use crate::record::Id;
use crate::text::minhash::{Lsh, Signature};
use crate::text::{hash, lexicon, normalise, stem, words};
use std::borrow::Cow;
use std::sync::OnceLock;

/// The documented default of `Dedup::new`.
pub const THRESHOLD: f32 = 0.7;
/// What is asked of pairs in which words were replaced.
const REPLACED: f32 = 0.85;
/// Content words of a text that count; the rest of a longer text only counts for exactness.
const MAX_WORDS: usize = 400;
/// One word in so many may differ.
const WORDS_PER_CHANGE: usize = 8;
/// How many texts of one bucket each text is compared with; see `Lsh::pairs`.
const BUCKET: usize = 24;
const PURPOSE: &str = "dedup";

/// What `Dedup` found of one text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ruling {
    /// The first of its group by keyed hash, or alone.
    Keep,
    /// Its normal form is that of `peer`, which is kept or is itself near to a kept text.
    Exact { peer: Id },
    /// Near to `peer`, which is kept.
    Near { peer: Id, similarity: f32 },
}

/// Gathers texts; `finish` rules on all of them.
#[derive(Debug)]
pub struct Dedup {
    threshold: f32,
    seed: u64,
    rows: Vec<Sketch>,
    /// Stems of content words of all texts, hashed to 32 bits.
    arena: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Sketch {
    id: Id,
    exact: u64,
    slots: u64,
    start: u64,
    len: u32,
}

impl Dedup {
    /// `threshold` in 0..=1 (values outside are clamped); `seed` keys who is kept.
    pub fn new(threshold: f32, seed: u64) -> Dedup {
        Dedup { threshold: threshold.clamp(0.0, 1.0), seed, rows: Vec::new(), arena: Vec::new() }
    }

    /// Adds a text. The same id twice counts once (the later text is not looked at).
    pub fn offer(&mut self, id: Id, text: &str) {
        let normal = normalise(text);
        let start = self.arena.len() as u64;
        let slots = content(&normal, &mut self.arena);
        let len = (self.arena.len() as u64 - start) as u32;
        self.rows.push(Sketch { id, exact: hash::text(&normal), slots, start, len });
    }

    /// Number of texts offered.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Takes over what another one gathered (shards).
    pub fn merge(&mut self, other: Dedup) {
        let shift = self.arena.len() as u64;
        self.arena.extend_from_slice(&other.arena);
        self.rows.extend(other.rows.into_iter().map(|r| Sketch { start: r.start + shift, ..r }));
    }

    /// A ruling for each id, sorted by id.
    pub fn finish(mut self) -> Vec<(Id, Ruling)> {
        self.order();
        let (firsts, mut rulings) = self.exact();
        self.near(&firsts, &mut rulings);
        let mut out: Vec<(Id, Ruling)> = self.rows.iter().map(|r| r.id).zip(rulings).collect();
        out.sort_by_key(|&(id, _)| id);
        out
    }

    /// Every pair that was found alike, exact or near, whether a ruling would keep its texts or
    /// not: what must stay on one side of a split. (A ruling names one kept text; a text may be
    /// near to several.)
    pub fn pairs(mut self) -> Vec<(Id, Id)> {
        self.order();
        let (firsts, rulings) = self.exact();
        let exact = self.rows.iter().zip(&rulings).filter_map(|(row, ruling)| match ruling {
            Ruling::Exact { peer } => Some((*peer, row.id)),
            _ => None,
        });
        let mut pairs: Vec<(Id, Id)> = exact.collect();
        let near = self.edges(&firsts).into_iter();
        pairs.extend(near.map(|(later, earlier, _)| {
            (self.rows[earlier as usize].id, self.rows[later as usize].id)
        }));
        pairs
    }

    /// Rows once each, in keyed order.
    fn order(&mut self) {
        self.rows.sort_by_key(|r| r.id);
        self.rows.dedup_by_key(|r| r.id);
        self.rows.sort_by_cached_key(|r| (r.id.keyed(PURPOSE, self.seed), r.id));
    }

    /// The first row of each normal form, in keyed order, and rulings for all others.
    fn exact(&self) -> (Vec<u32>, Vec<Ruling>) {
        let mut rulings = vec![Ruling::Keep; self.rows.len()];
        let mut by_form: Vec<(u64, u32)> =
            self.rows.iter().enumerate().map(|(rank, r)| (r.exact, rank as u32)).collect();
        by_form.sort_unstable();
        let mut firsts = Vec::with_capacity(by_form.len());
        for group in by_form.chunk_by(|a, b| a.0 == b.0) {
            let first = group[0].1;
            firsts.push(first);
            for &(_, rank) in &group[1..] {
                rulings[rank as usize] = Ruling::Exact { peer: self.rows[first as usize].id };
            }
        }
        firsts.sort_unstable();
        (firsts, rulings)
    }

    fn near(&self, firsts: &[u32], rulings: &mut [Ruling]) {
        for (later, earlier, similarity) in self.edges(firsts) {
            let open = rulings[later as usize] == Ruling::Keep;
            if open && rulings[earlier as usize] == Ruling::Keep {
                let peer = self.rows[earlier as usize].id;
                rulings[later as usize] = Ruling::Near { peer, similarity };
            }
        }
    }

    /// Later, earlier, similarity of each near pair, by the later one in keyed order: when it is
    /// looked at, all earlier ones are decided.
    fn edges(&self, firsts: &[u32]) -> Vec<(u32, u32, f32)> {
        let mut lsh = Lsh::with_capacity(firsts.len());
        for &rank in firsts {
            let row = &self.rows[rank as usize];
            let signature = Signature::of(shingles(self.words(row)));
            // Texts without content words are only ever exact duplicates.
            let apart = if row.len == 0 { row.exact } else { 0 };
            lsh.push(&signature, row.slots ^ apart);
        }
        let mut edges: Vec<(u32, u32, f32)> = Vec::new();
        lsh.pairs(BUCKET, |earlier, later| {
            let (a, b) = (firsts[earlier as usize], firsts[later as usize]);
            if let Some(similarity) = self.alike(a, b) {
                edges.push((b, a, similarity));
            }
        });
        edges.sort_unstable_by_key(|&(later, earlier, _)| (later, earlier));
        edges.dedup_by_key(|&mut (later, earlier, _)| (later, earlier));
        edges
    }

    fn words(&self, row: &Sketch) -> &[u32] {
        &self.arena[row.start as usize..row.start as usize + row.len as usize]
    }

    fn alike(&self, a: u32, b: u32) -> Option<f32> {
        let (a, b) = (&self.rows[a as usize], &self.rows[b as usize]);
        if a.slots != b.slots || a.len == 0 || b.len == 0 {
            return None;
        }
        let (wa, wb) = (self.words(a), self.words(b));
        let (less, more) = unshared(wa, wb);
        if less.max(more) * WORDS_PER_CHANGE > wa.len().min(wb.len()) {
            return None;
        }
        let similarity = jaccard(shingles(wa), shingles(wb));
        let replaced = less > 0 && more > 0;
        let asked = if replaced { self.threshold.max(REPLACED) } else { self.threshold };
        (similarity >= asked).then_some(similarity)
    }
}

fn sorted(items: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut items: Vec<u32> = items.collect();
    items.sort_unstable();
    items
}

/// How many words of `a` are not in `b`, and of `b` not in `a`; repeats count, praise does not.
fn unshared(a: &[u32], b: &[u32]) -> (usize, usize) {
    static PRAISE: OnceLock<Vec<u32>> = OnceLock::new();
    let praise =
        PRAISE.get_or_init(|| sorted(lexicon::PRAISE.iter().map(|w| hash::text(&stem(w)) as u32)));
    let counts = |word: &u32| usize::from(praise.binary_search(word).is_err());
    let (a, b) = (sorted(a.iter().copied()), sorted(b.iter().copied()));
    let (mut i, mut j, mut less, mut more) = (0, 0, 0, 0);
    while i < a.len() || j < b.len() {
        match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) if x == y => (i, j) = (i + 1, j + 1),
            (Some(x), y) if y.is_none_or(|y| x < y) => (i, less) = (i + 1, less + counts(x)),
            (_, Some(y)) => (j, more) = (j + 1, more + counts(y)),
            (_, None) => break,
        }
    }
    (less, more)
}

/// The shared part of two sets.
fn jaccard(a: impl Iterator<Item = u32>, b: impl Iterator<Item = u32>) -> f32 {
    let (mut a, mut b) = (sorted(a), sorted(b));
    a.dedup();
    b.dedup();
    let (mut i, mut j, mut shared) = (0, 0, 0usize);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, shared) = (i + 1, j + 1, shared + 1),
        }
    }
    shared as f32 / (a.len() + b.len() - shared).max(1) as f32
}

/// Single words and adjacent pairs.
fn shingles(words: &[u32]) -> impl Iterator<Item = u32> + '_ {
    let pairs =
        words.windows(2).map(|w| hash::mix(u64::from(w[0]), u64::from(w[1]) | 1 << 40) as u32);
    words.iter().copied().chain(pairs)
}

/// Appends the content words' hashes to `arena` and returns the slots' hash: a sum over slots of
/// hash(kind, value, next content word), so that the order of clauses does not matter, and of what
/// stands before the first relation, so that who stands by whom does.
fn content(normal: &str, arena: &mut Vec<u32>) -> u64 {
    let start = arena.len();
    let (mut slots, mut before) = (0u64, Some(0u64));
    let mut open: Option<u64> = None;
    for word in words(normal) {
        let slot = slot(word);
        if slot.is_none() && lexicon::is_filler(word) {
            continue;
        }
        let hashed = match &slot {
            Some((_, value)) => hash::text(value),
            None => hash::text(&stem(word)),
        };
        if let Some(slot) = open.take() {
            slots = slots.wrapping_add(hash::mix(slot, hashed));
        }
        if let Some(sum) = before {
            let places = slot.as_ref().is_some_and(|(kind, value)| places(*kind, value));
            before = if places { None } else { Some(sum.wrapping_add(hash::mix(hashed, 7))) };
            slots = slots.wrapping_add(if places { hash::mix(sum, 8) } else { 0 });
        }
        open = slot.map(|(kind, value)| hash::mix(kind + 1, hash::text(&value)));
        if arena.len() - start < MAX_WORDS {
            arena.push(hashed as u32);
        }
    }
    if let Some(slot) = open {
        slots = slots.wrapping_add(hash::mix(slot, 0));
    }
    slots
}

/// The kind's number and the value of a slot; ways of drawing are slots here.
fn slot(word: &str) -> Option<(u64, Cow<'static, str>)> {
    if let Some(style) = lexicon::style(word) {
        return Some((100, Cow::Borrowed(style)));
    }
    lexicon::slot(word).map(|(kind, value)| (kind as u64, value))
}

/// Whether a slot says where one thing is by another; `in` and `on` mostly name the scene of all.
fn places(kind: u64, value: &str) -> bool {
    kind == lexicon::Slot::Relation as u64 && value != "in" && value != "on"
}

#[cfg(test)]
#[path = "dedup_tests.rs"]
mod tests;
