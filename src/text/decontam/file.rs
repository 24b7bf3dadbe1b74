//! The `.fp` file: a magic line, a JSON line, then per rule its entries (row delta as a varint, hash
//! as 8 bytes, little endian) sorted by row. Compact, diffable by its header, and without texts.

use crate::record::Cause;

use super::{Benchmark, Fingerprints, Place, Rule};
use std::collections::HashMap;

const MAGIC: &str = "coldstart fingerprints 1\n";
/// No benchmark comes near; a larger count is damage.
const MAX_ENTRIES: usize = 50_000_000;

/// A fingerprint file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FingerprintError {
    #[error(
        "this is not a fingerprint file of a version that is known; rebuild it with `coldstart pool fingerprint`"
    )]
    NotFingerprints,
    #[error(
        "the fingerprint file is damaged at byte {at}: {what}; rebuild it with `coldstart pool fingerprint`"
    )]
    Damaged { at: usize, what: String },
    #[error(
        "the header of the fingerprint file is damaged: {0}; rebuild it with `coldstart pool fingerprint`"
    )]
    Header(#[source] Cause),
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Header {
    #[serde(flatten)]
    benchmark: Benchmark,
    /// Entries by rule, in the order of `Rule::ALL`.
    entries: [usize; 5],
}

pub(super) fn write(benchmark: &Benchmark, entries: &[Vec<(u32, u64)>; 5]) -> Vec<u8> {
    let header =
        Header { benchmark: benchmark.clone(), entries: std::array::from_fn(|i| entries[i].len()) };
    let mut out = MAGIC.as_bytes().to_vec();
    out.extend(serde_json::to_vec(&header).unwrap_or_default());
    out.push(b'\n');
    for table in entries {
        let mut before = 0;
        for &(row, hash) in table {
            varint(row - before, &mut out);
            out.extend(hash.to_le_bytes());
            before = row;
        }
    }
    out
}

fn varint(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn read(bytes: &[u8]) -> Result<Fingerprints, FingerprintError> {
    let body = bytes.strip_prefix(MAGIC.as_bytes()).ok_or(FingerprintError::NotFingerprints)?;
    let end = body.iter().position(|&b| b == b'\n').ok_or(FingerprintError::NotFingerprints)?;
    let damaged = |at: usize, what: String| FingerprintError::Damaged { at, what };
    let header: Header = serde_json::from_slice(&body[..end])
        .map_err(|e| FingerprintError::Header(Cause::new(e)))?;
    let mut cursor = Cursor { bytes, at: MAGIC.len() + end + 1 };
    let mut out = Fingerprints { benchmarks: vec![header.benchmark], ..Fingerprints::default() };
    for (rule, count) in Rule::ALL.into_iter().zip(header.entries) {
        if count > MAX_ENTRIES || count * 9 > bytes.len() {
            return Err(damaged(cursor.at, format!("{count} entries cannot be in it")));
        }
        let mut table: HashMap<u64, Place, _> = HashMap::default();
        table.reserve(count);
        let mut row = 0u32;
        for _ in 0..count {
            let (step, hash) =
                cursor.entry().ok_or_else(|| damaged(cursor.at, "it ends early".to_owned()))?;
            row = row.saturating_add(step);
            table.entry(hash).or_insert(Place { benchmark: 0, row });
            if rule == Rule::Ngram {
                out.grams.insert(hash);
            }
        }
        out.tables[rule as usize] = table;
    }
    if cursor.at != bytes.len() {
        return Err(damaged(cursor.at, "bytes follow its end".to_owned()));
    }
    Ok(out)
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn entry(&mut self) -> Option<(u32, u64)> {
        let mut step = 0u32;
        for shift in (0..35).step_by(7) {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            step |= u32::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                break;
            }
        }
        let hash = self.bytes.get(self.at..self.at + 8)?;
        self.at += 8;
        let mut word = [0; 8];
        word.copy_from_slice(hash);
        Some((step, u64::from_le_bytes(word)))
    }
}
