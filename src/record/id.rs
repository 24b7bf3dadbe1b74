//! Identities: 32-byte content digests, 16-byte record ids, call keys, and money as an integer.

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// A string that was not the expected number of lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {digits} hex digits")]
pub struct ParseHexError {
    text: String,
    digits: usize,
}

/// Digits are written and read for every call and every row, so neither through `fmt` nor through
/// strings of their own.
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The value of each lower-case digit; of all else `NONE`.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < DIGITS.len() {
        values[DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    values
};
const NONE: u8 = 0xff;

/// The digits of at most 32 bytes, written to `room`.
fn digits<'a>(bytes: &[u8], room: &'a mut [u8; 64]) -> &'a str {
    for (pair, byte) in room.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    std::str::from_utf8(&room[..bytes.len() * 2]).unwrap_or_default()
}

/// Reads `T` of digits.
struct Digits<T>(PhantomData<T>);

impl<T: FromStr<Err = ParseHexError>> Visitor<'_> for Digits<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

macro_rules! hex_type {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Lower-case hex, `2 * size` digits.
            pub fn hex(&self) -> String {
                digits(&self.0, &mut [0; 64]).to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(digits(&self.0, &mut [0; 64]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(digits(&self.0, &mut [0; 64]))
            }
        }

        impl FromStr for $name {
            type Err = ParseHexError;
            fn from_str(text: &str) -> Result<Self, ParseHexError> {
                parse_hex(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(digits(&self.0, &mut [0; 64]))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                d.deserialize_str(Digits(PhantomData))
            }
        }
    };
}

fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], ParseHexError> {
    let err = || ParseHexError { text: text.chars().take(80).collect(), digits: N * 2 };
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return Err(err());
    }
    let (mut out, mut seen) = ([0; N], 0);
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = [pair[0], pair[1]].map(|digit| VALUES[usize::from(digit)]);
        seen |= high | low;
        *byte = high << 4 | low & 15;
    }
    if seen == NONE {
        return Err(err());
    }
    Ok(out)
}

hex_type!(
    /// The BLAKE3 digest of some bytes; the name of a blob.
    Digest, 32
);
hex_type!(
    /// A record's id: a hash of (source, row key, prompt text), stable over runs, machines,
    /// order and shards.
    Id, 16
);
hex_type!(
    /// The identity of a model call: a versioned BLAKE3 of all that shapes the reply
    /// (`call::Request::key`).
    CallKey, 32
);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(*blake3::hash(bytes).as_bytes())
    }
}

impl Id {
    /// The id of the row `key` of `source`; `text` is in it so that an edited row is a new record.
    pub fn of(source: &str, key: &str, text: &str) -> Id {
        let mut hasher = blake3::Hasher::new_derive_key("coldstart 2026 record id v1");
        for part in [source, key, text] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let mut out = [0; 16];
        hasher.finalize_xof().fill(&mut out);
        Id(out)
    }

    /// A number that is uniform over ids and keyed by `purpose` and `seed`: what order-independent
    /// picks (`sample`, shards, dedup) compare.
    pub fn keyed(&self, purpose: &str, seed: u64) -> u64 {
        let mut hasher = blake3::Hasher::new_derive_key("coldstart 2026 keyed pick v1");
        hasher.update(&seed.to_le_bytes());
        hasher.update(&self.0);
        hasher.update(purpose.as_bytes());
        let mut out = [0; 8];
        hasher.finalize_xof().fill(&mut out);
        u64::from_le_bytes(out)
    }
}

/// Money in 1e-9 US dollars: sums are exact and do not depend on their order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NanoUsd(pub u64);

impl NanoUsd {
    /// From dollars; negative and non-finite amounts count as zero.
    pub fn from_usd(usd: f64) -> NanoUsd {
        NanoUsd((usd.max(0.0) * 1e9).round() as u64)
    }

    /// As dollars, for showing.
    pub fn usd(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl std::ops::Add for NanoUsd {
    type Output = NanoUsd;
    fn add(self, other: NanoUsd) -> NanoUsd {
        NanoUsd(self.0.saturating_add(other.0))
    }
}

impl std::ops::AddAssign for NanoUsd {
    fn add_assign(&mut self, other: NanoUsd) {
        *self = *self + other;
    }
}

impl std::iter::Sum for NanoUsd {
    fn sum<I: Iterator<Item = NanoUsd>>(iter: I) -> NanoUsd {
        iter.fold(NanoUsd(0), |a, b| a + b)
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;

    #[test]
    fn digits_are_read_as_they_are_written_and_nothing_else_is() {
        let bytes = std::array::from_fn(|at| (at * 8 + at % 8) as u8);
        let digest = Digest(bytes);
        assert_eq!(digest.hex().parse(), Ok(digest));
        let json = serde_json::to_string(&digest).expect("JSON");
        assert_eq!(json, format!("\"{digest}\""));
        assert_eq!(serde_json::from_str::<Digest>(&json).expect("digits"), digest);
        for place in 0..64 {
            for wrong in [b'A', b'g', b'/', b':', b'`', b' ', 0] {
                let mut text = digest.hex().into_bytes();
                text[place] = wrong;
                let text = String::from_utf8(text).expect("ASCII");
                assert!(text.parse::<Digest>().is_err(), "{text}");
            }
        }
        assert!("00".parse::<Digest>().is_err());
    }
}
