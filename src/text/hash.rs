//! One 64-bit hash, the same on every machine and in every version: fingerprints depend on it.
//!
//! Not cryptographic; a collision costs a wrong drop, which 64 bits make a matter of 1 in 10^7 for
//! a million texts.

const K0: u64 = 0x9e37_79b9_7f4a_7c15;
const K1: u64 = 0xd6e8_feb8_6659_fd93;

/// The two halves of the 128-bit product, folded: one multiplication that mixes all bits.
#[inline]
pub fn mix(a: u64, b: u64) -> u64 {
    let wide = u128::from(a ^ K0).wrapping_mul(u128::from(b ^ K1));
    (wide as u64) ^ ((wide >> 64) as u64)
}

/// Hash of a byte string.
#[inline]
pub fn bytes(data: &[u8]) -> u64 {
    let mut state = data.len() as u64;
    let mut chunks = data.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        state = mix(state, u64::from_le_bytes(word));
    }
    let rest = chunks.remainder();
    let mut word = [0; 8];
    word[..rest.len()].copy_from_slice(rest);
    mix(state, u64::from_le_bytes(word).wrapping_add(K0))
}

/// Hash of a string.
#[inline]
pub fn text(data: &str) -> u64 {
    bytes(data.as_bytes())
}

/// Hash of a sequence of hashes; order matters.
#[inline]
pub fn sequence(parts: impl IntoIterator<Item = u64>) -> u64 {
    parts.into_iter().fold(K1, mix)
}

/// A `HashMap` hasher for keys that are hashes already, and for texts of our own, which nobody can make collide.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

impl std::hash::BuildHasher for Plain {
    type Hasher = PlainHasher;
    fn build_hasher(&self) -> PlainHasher {
        PlainHasher(0)
    }
}

/// See `Plain`.
#[derive(Debug, Clone, Copy)]
pub struct PlainHasher(u64);

impl std::hash::Hasher for PlainHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    /// A text is written as its bytes and an end mark, which must not wash them out.
    fn write(&mut self, data: &[u8]) {
        self.0 = mix(self.0, bytes(data));
    }
    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

#[cfg(test)]
mod tests {
    use super::{sequence, text};

    #[test]
    fn values_never_change_because_fingerprint_files_hold_them() {
        assert_eq!(text("a photo of five clocks"), text("a photo of five clocks"));
        assert_eq!(format!("{:016x}", text("five clocks")), FIVE_CLOCKS);
        assert_ne!(text("ab"), text("ba"));
        assert_ne!(text("a"), text("a\0"));
        assert_ne!(sequence([1, 2]), sequence([2, 1]));
    }

    const FIVE_CLOCKS: &str = "0ce4c88b4541aba5";
}
