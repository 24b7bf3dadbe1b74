//! Randomness for data: a BLAKE3 stream keyed by names, the same on every machine and version.

/// A stream of random numbers. Equal keys give equal streams; order of use elsewhere never shows.
pub struct Rng {
    stream: blake3::OutputReader,
}

impl Rng {
    /// The stream named by `seed` and `names` (for instance stage and record id).
    pub fn keyed(seed: u64, names: &[&str]) -> Rng {
        let mut hasher = blake3::Hasher::new_derive_key("coldstart 2026 rng v1");
        hasher.update(&seed.to_le_bytes());
        for name in names {
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
        }
        Rng { stream: hasher.finalize_xof() }
    }

    pub fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.stream.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Uniform in 0..1.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in 0..n (n > 0; 0 gives 0). The bias of the multiply-shift is below 2^-32 for the
    /// small n used here.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// One of `items`, or None when there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }

    /// Fisher-Yates.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }

    /// A generator's seed: fits the signed 32-bit field that some servers have, and is never 0.
    pub fn image_seed(&mut self) -> u64 {
        1 + self.below(i32::MAX as usize - 1) as u64
    }
}
