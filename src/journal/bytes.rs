//! What frames and the closing list of a merged segment are both made of: marks, numbers, checksums,
//! short keys and places.

use crate::record::CallKey;

/// Marks our skippable frames (zstd allows 0x184D2A50..=0x184D2A5F).
pub(super) const MAGIC: [u8; 4] = 0x184D_2A5C_u32.to_le_bytes();

/// The first half of a call key, which tells millions of calls apart: what the index in memory holds.
pub type Short = [u8; 16];

/// `key` as the index knows it.
pub fn short(key: &CallKey) -> Short {
    let mut out = [0; 16];
    out.copy_from_slice(&key.0[..16]);
    out
}

/// Where a frame (header and body) lies in its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub key: Short,
    pub offset: u32,
    pub len: u32,
}

/// BLAKE3 of all `parts`, cut to `N` bytes.
pub(super) fn sum<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let mut out = [0; N];
    hasher.finalize_xof().fill(&mut out);
    out
}

/// The little-endian number at the beginning of `bytes`.
pub(super) fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?))
}
