//! Identities: 32-byte content digests, 16-byte record ids, call keys, and money as an integer.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A string that was not the expected number of lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {digits} hex digits")]
pub struct ParseHexError {
    text: String,
    digits: usize,
}

/// Written for every call and every row, so not through `fmt`.
const DIGITS: &[u8; 16] = b"0123456789abcdef";

macro_rules! hex_type {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Lower-case hex, `2 * size` digits.
            pub fn hex(&self) -> String {
                self.0.iter().fold(String::with_capacity($len * 2), |mut out, byte| {
                    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
                    out.push(char::from(DIGITS[usize::from(byte & 15)]));
                    out
                })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.hex())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.hex())
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
                s.serialize_str(&self.hex())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
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
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let nibble = |c: u8| match c {
            b'0'..=b'9' => Ok(c - b'0'),
            b'a'..=b'f' => Ok(c - b'a' + 10),
            _ => Err(err()),
        };
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
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
