//! Runs of words: which are kept of a benchmark's prompt, and a filter that makes looking fast.
//!
//! A prompt of 8 to 12 words counts whole; of a longer one, all runs of 13 words, thinned by
//! winnowing (the least hash of each 4 neighbours), so that any shared run of 16 words is found and
//! most shorter ones, at two fifths of the size.

use crate::text::hash;

pub(super) const SHORTEST: usize = 8;
pub(super) const LONGEST: usize = 13;
const WINNOW: usize = 4;
const BASE: u64 = 0x9ddf_ea08_eb38_2d69;
const BITS: u32 = 20;

/// The runs that stand for a benchmark's prompt, given the hashes of its words.
pub(super) fn of_benchmark(words: &[u64]) -> Vec<u64> {
    if words.len() < SHORTEST {
        return Vec::new();
    }
    let mut all = Vec::new();
    runs(words, words.len().min(LONGEST), |hash| {
        all.push(hash);
        false
    });
    let mut kept: Vec<u64> = match all.len() {
        n if n <= WINNOW => all,
        _ => all.windows(WINNOW).filter_map(|w| w.iter().min().copied()).collect(),
    };
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// The hash of each run of `n` words, by a rolling polynomial, until `visit` says true.
fn runs(words: &[u64], n: usize, mut visit: impl FnMut(u64) -> bool) {
    let out = (0..n).fold(1u64, |power, _| power.wrapping_mul(BASE));
    let mut state = 0u64;
    for (i, &word) in words.iter().enumerate() {
        state = state.wrapping_mul(BASE).wrapping_add(word);
        if i >= n {
            state = state.wrapping_sub(words[i - n].wrapping_mul(out));
        }
        if i + 1 >= n && visit(hash::mix(state, n as u64)) {
            return;
        }
    }
}

/// A bit a hash, and the lengths that occur: says quickly that a run is not there.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    bits: Vec<u64>,
    lengths: u32,
}

impl Default for Filter {
    fn default() -> Filter {
        Filter { bits: vec![0; 1 << (BITS - 6)], lengths: 0 }
    }
}

impl Filter {
    pub(super) fn insert(&mut self, hash: u64) {
        self.bits[(hash >> 6) as usize & ((1 << (BITS - 6)) - 1)] |= 1 << (hash & 63);
        // A file does not say the length of a run; all are tried once there is any.
        self.lengths = u32::MAX;
    }

    pub(super) fn merge(&mut self, other: &Filter) {
        self.bits.iter_mut().zip(&other.bits).for_each(|(a, b)| *a |= b);
        self.lengths |= other.lengths;
    }

    fn may_hold(&self, hash: u64) -> bool {
        self.bits[(hash >> 6) as usize & ((1 << (BITS - 6)) - 1)] >> (hash & 63) & 1 == 1
    }

    /// The runs of a pool's prompt that may be a benchmark's, until `visit` says true.
    pub(super) fn candidates(&self, words: &[u64], mut visit: impl FnMut(u64) -> bool) {
        if self.lengths == 0 {
            return;
        }
        let mut stop = false;
        for n in SHORTEST..=LONGEST.min(words.len()) {
            runs(words, n, |hash| {
                stop = self.may_hold(hash) && visit(hash);
                stop
            });
            if stop {
                return;
            }
        }
    }
}
