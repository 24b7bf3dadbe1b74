//! MinHash signatures and locality-sensitive banding: which pairs of texts are worth comparing.
//! `dedup` verifies each pair exactly.
//!
//! 20 bands of 4 rows; a pair of Jaccard similarity s becomes a candidate with probability 1 - (1 -
//! s^4)^20: 0.3 -> 15 %, 0.5 -> 72 %, 0.7 -> 99.6 %, 0.8 -> 99.998 %.

use crate::text::hash;

/// Bands of a signature.
pub const BANDS: usize = 20;
/// Minima per band.
pub const ROWS: usize = 4;
const PERMUTATIONS: usize = BANDS * ROWS;

/// The minima of `PERMUTATIONS` hash functions over a set of shingles. 16 bits each: sets have tens of
/// shingles, and the least common machine multiplies and compares eight of these at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature([i16; PERMUTATIONS]);

/// Odd multipliers for the two halves of a shingle, one pair a permutation; fixed for good.
const KEYS: ([i16; PERMUTATIONS], [i16; PERMUTATIONS]) = keys();

const fn keys() -> ([i16; PERMUTATIONS], [i16; PERMUTATIONS]) {
    let (mut low, mut high) = ([0; PERMUTATIONS], [0; PERMUTATIONS]);
    let mut state: u64 = 0x243f_6a88_85a3_08d3;
    let mut i = 0;
    while i < PERMUTATIONS {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let mixed = (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        low[i] = (mixed >> 48) as i16 | 1;
        high[i] = (mixed >> 32) as i16 | 1;
        i += 1;
    }
    (low, high)
}

impl Signature {
    /// The signature of a set (repeats do not matter). An empty set gives the largest values, which
    /// no other set has in practice.
    pub fn of(shingles: impl IntoIterator<Item = u32>) -> Signature {
        let mut minima = [i16::MAX; PERMUTATIONS];
        let (by_low, by_high) = &KEYS;
        for shingle in shingles {
            let spread = hash::mix(u64::from(shingle), 1);
            let (low, high) = ((spread >> 16) as i16, (spread >> 32) as i16);
            for i in 0..PERMUTATIONS {
                let h = low.wrapping_mul(by_low[i]).wrapping_add(high.wrapping_mul(by_high[i]));
                minima[i] = minima[i].min(h);
            }
        }
        Signature(minima)
    }

    /// An estimate of the Jaccard similarity, 0..=1; standard error about 0.05.
    pub fn similarity(&self, other: &Signature) -> f32 {
        let same = self.0.iter().zip(&other.0).filter(|(a, b)| a == b).count();
        same as f32 / PERMUTATIONS as f32
    }

    fn bands(&self, salt: u64) -> [u32; BANDS] {
        let mut out = [0; BANDS];
        for (band, rows) in out.iter_mut().zip(self.0.chunks_exact(ROWS)) {
            let joined = rows.iter().fold(salt, |state, &row| hash::mix(state, row as u64));
            *band = (joined >> 32) as u32;
        }
        out
    }
}

/// Banded signatures, numbered 0, 1, 2, … as they are pushed: 80 bytes a text.
#[derive(Debug, Default)]
pub struct Lsh {
    bands: Vec<[u32; BANDS]>,
}

impl Lsh {
    pub fn with_capacity(texts: usize) -> Lsh {
        Lsh { bands: Vec::with_capacity(texts) }
    }

    /// Adds a text. Only texts pushed with the same `salt` become candidates.
    pub fn push(&mut self, signature: &Signature, salt: u64) {
        self.bands.push(signature.bands(salt));
    }

    /// Calls `visit(earlier, later)` for each pair that shares a band, once per shared band. In a
    /// bucket each text meets only the first `cap` texts of it, so that a flood of one template
    /// costs linear time; which those are depends on the numbering alone.
    pub fn pairs(&self, cap: usize, mut visit: impl FnMut(u32, u32)) {
        let mut keyed: Vec<u64> = Vec::with_capacity(self.bands.len());
        for band in 0..BANDS {
            keyed.clear();
            keyed.extend(
                self.bands.iter().enumerate().map(|(n, b)| u64::from(b[band]) << 32 | n as u64),
            );
            keyed.sort_unstable();
            for bucket in keyed.chunk_by(|a, b| a >> 32 == b >> 32) {
                for (i, &later) in bucket.iter().enumerate().skip(1) {
                    for &earlier in &bucket[..i.min(cap)] {
                        visit(earlier as u32, later as u32);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lsh, Signature};

    #[test]
    fn the_estimate_follows_the_true_similarity() {
        for shared in [0u32, 50, 80, 95, 100] {
            let a = Signature::of(0..100);
            let b = Signature::of((0..shared).chain(1000..1100 - shared));
            let truth = shared as f32 / (200 - shared) as f32;
            assert!((a.similarity(&b) - truth).abs() < 0.2, "{shared}: {}", a.similarity(&b));
        }
    }

    #[test]
    fn equal_sets_meet_and_salts_keep_apart() {
        let mut lsh = Lsh::default();
        let one = Signature::of([1, 2, 3]);
        lsh.push(&one, 0);
        lsh.push(&Signature::of([3, 2, 1, 1]), 0);
        lsh.push(&one, 7);
        let mut met = std::collections::BTreeSet::new();
        lsh.pairs(8, |a, b| {
            met.insert((a, b));
        });
        assert_eq!(met.into_iter().collect::<Vec<_>>(), [(0, 1)]);
    }
}
