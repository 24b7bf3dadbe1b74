//! The bytes of a segment: frames, their headers and checksums, and a walk that survives damage.
//!
//! Pure: bytes in, items out. See `entry` for names, stores, what a body says, `footer` for the list
//! that closes a merged segment.
//!
//! Every structure of ours is a zstd *skippable* frame, so that `zstd -dc` prints a segment as
//! JSON lines. Numbers are little-endian.
//!
//! ```text
//! segment  = opening frame* footer?
//! opening  = magic u32, 36, "CSs1", writer's nonce [16], bytes that follow u64, check [8]
//! frame    = magic u32, 64, "CSf1", call key [32], body length u32, body sum [16], check [8], body
//! body     = a zstd frame of one JSON line
//! footer   = magic u32, n, "CSx1", (key's first [16], offset u32, length u32)*, sum [16],
//!            entries u32, "CSe1"           (only in merged segments; found from their end)
//! ```
//! `check` is over the header before it, `sum` over key and body (or the footer's entries): BLAKE3,
//! cut short. The digit of each tag is the format's version. Whatever a later version changes, an
//! opening stays a skippable frame that begins with magic, length and "CSs" and ends in its check,
//! and a footer ends in "CSe" and the digit, so that this program knows what it cannot read.

use crate::journal::bytes::{MAGIC, Place, number, short, sum};
use crate::journal::footer;
use crate::record::CallKey;

const OPENING: usize = 44;
const HEADER: usize = 72;

/// The version of all this, as in the tags.
pub(super) const FORMAT: u8 = 1;

/// The size of a segment without frames: a fence.
pub(super) const FENCE_BYTES: u64 = OPENING as u64;

/// What a walk meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Walked {
    Frame(Place),
    /// From `offset` to the next item nothing can be read.
    Damage {
        offset: u64,
        what: &'static str,
    },
}

/// The beginning of a segment of about `capacity` bytes: frames are put behind it, then `seal`
/// makes it one.
pub(super) fn unsealed(capacity: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(OPENING + capacity);
    out.resize(OPENING, 0);
    out
}

/// Writes the opening over the first bytes of what `unsealed` began. `nonce` names the writer.
pub(super) fn seal(segment: &mut [u8], nonce: [u8; 16]) {
    let follows = segment.len().saturating_sub(OPENING) as u64;
    if let Some(first) = segment.get_mut(..OPENING) {
        first.copy_from_slice(&opening(nonce, follows));
    }
}

/// A segment without frames.
pub(super) fn fence(nonce: [u8; 16]) -> Vec<u8> {
    opening(nonce, 0).to_vec()
}

fn opening(nonce: [u8; 16], follows: u64) -> [u8; OPENING] {
    let mut out = [0; OPENING];
    out[..4].copy_from_slice(&MAGIC);
    out[4..8].copy_from_slice(&((OPENING - 8) as u32).to_le_bytes());
    out[8..12].copy_from_slice(b"CSs1");
    out[12..28].copy_from_slice(&nonce);
    out[28..36].copy_from_slice(&follows.to_le_bytes());
    let check: [u8; 8] = sum(&[&out[..36]]);
    out[36..].copy_from_slice(&check);
    out
}

/// What a whole opening says.
struct Opening {
    nonce: [u8; 16],
    /// The bytes after it.
    follows: u64,
}

impl Opening {
    fn of(segment: &[u8]) -> Option<Opening> {
        let bytes = segment.get(..OPENING)?;
        let nonce: [u8; 16] = bytes[12..28].try_into().ok()?;
        let follows = u64::from_le_bytes(bytes[28..36].try_into().ok()?);
        (bytes == opening(nonce, follows)).then_some(Opening { nonce, follows })
    }
}

/// The nonce of the writer of `segment`, when its opening is whole.
pub(super) fn nonce(segment: &[u8]) -> Option<[u8; 16]> {
    Opening::of(segment).map(|opening| opening.nonce)
}

/// The format of a segment that a later version of this program wrote.
pub(super) fn newer(segment: &[u8]) -> Option<u8> {
    let len = number(segment.get(4..)?)? as usize;
    let whole = segment.get(..len.checked_add(8)?)?;
    let (said, check) = whole.split_at_checked(whole.len().checked_sub(8)?)?;
    let format = said.get(11)?.checked_sub(b'0')?;
    // The check tells a newer version from a damaged tag of this one.
    let ours = said[..4] == MAGIC && said[8..11] == *b"CSs" && sum::<8>(&[said]) == check;
    (ours && format > FORMAT).then_some(format)
}

/// A frame around `body`, a zstd frame; `None` when the body is over 1 GiB.
pub(super) fn frame(key: &CallKey, body: &[u8]) -> Option<Vec<u8>> {
    let len = u32::try_from(body.len()).ok().filter(|len| *len <= 1 << 30)?;
    let mut out = Vec::with_capacity(HEADER + body.len());
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&((HEADER - 8) as u32).to_le_bytes());
    out.extend_from_slice(b"CSf1");
    out.extend_from_slice(&key.0);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&sum::<16>(&[&key.0, body]));
    let check: [u8; 8] = sum(&[&out]);
    out.extend_from_slice(&check);
    out.extend_from_slice(body);
    Some(out)
}

/// The key and the body's length that a whole header announces.
fn header(bytes: &[u8]) -> Option<(CallKey, usize)> {
    let bytes = bytes.get(..HEADER)?;
    if bytes[..4] != MAGIC || bytes[8..12] != *b"CSf1" {
        return None;
    }
    if number(&bytes[4..])? != (HEADER - 8) as u32 || sum::<8>(&[&bytes[..64]]) != bytes[64..] {
        return None;
    }
    Some((CallKey(bytes[12..44].try_into().ok()?), number(&bytes[44..])? as usize))
}

/// The key and body of the frame that `bytes` begins with, both sums checked.
pub(super) fn open(bytes: &[u8]) -> Result<(CallKey, &[u8]), &'static str> {
    let (key, len) = header(bytes).ok_or("no frame header here")?;
    let body = bytes.get(HEADER..HEADER + len).ok_or("the segment ends inside a frame")?;
    if sum::<16>(&[&key.0, body]) != bytes[48..64] {
        return Err("a frame's checksum does not match");
    }
    Ok((key, body))
}

/// The same of a frame that `walk` found whole: its sums are not taken once more.
pub(super) fn opened<'a>(segment: &'a [u8], place: &Place) -> Option<(CallKey, &'a [u8])> {
    let from = place.offset as usize;
    let frame = segment.get(from..from.checked_add(place.len as usize)?)?;
    let (header, body) = frame.split_at_checked(HEADER)?;
    Some((CallKey(header[12..44].try_into().ok()?), body))
}

/// Every frame of `segment` that is whole, and where it is not. After damage the walk goes on at
/// the next frame header, so that only what was hit is lost.
pub(super) fn walk(segment: &[u8]) -> Vec<Walked> {
    items(segment).collect()
}

/// `walk`, as far as it is asked for: each frame is summed when its turn comes.
pub(super) fn items(segment: &[u8]) -> impl Iterator<Item = Walked> {
    let opening = Opening::of(segment);
    let at = if opening.is_some() { OPENING } else { 0 };
    let end = footer::find(segment, |_| false).map_or(segment.len(), |(start, _)| start);
    // A cut between two frames leaves nothing broken behind.
    let cut = opening.as_ref().is_some_and(|o| o.follows != (segment.len() - OPENING) as u64);
    let headless = opening.is_none().then_some((0, "no segment opening here"));
    let short = cut.then_some((segment.len(), "the segment is not as long as its opening says"));
    let damage = |(at, what)| Walked::Damage { offset: at as u64, what };
    let found = headless.map(damage).into_iter().chain(Frames { segment, at, end });
    let mut before = false;
    found.chain(short.map(damage)).filter(move |item| {
        let hurt = matches!(item, Walked::Damage { .. });
        // What goes on from the damage before it was noted with that.
        let goes_on = hurt && before;
        before = hurt;
        !goes_on
    })
}

/// What lies from `at` to `end`.
struct Frames<'a> {
    segment: &'a [u8],
    at: usize,
    end: usize,
}

impl Iterator for Frames<'_> {
    type Item = Walked;

    fn next(&mut self) -> Option<Walked> {
        let at = self.at;
        if at >= self.end {
            return None;
        }
        Some(match open(&self.segment[at..self.end]) {
            Ok((key, body)) => {
                let len = HEADER + body.len();
                self.at = at + len;
                Walked::Frame(Place { key: short(&key), offset: at as u32, len: len as u32 })
            }
            Err(what) => {
                self.at = resync(&self.segment[..self.end], at + 1).unwrap_or(self.end);
                Walked::Damage { offset: at as u64, what }
            }
        })
    }
}

/// The next whole frame header at or after `from`.
fn resync(segment: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += segment.get(at..)?.windows(4).position(|four| four == MAGIC)?;
        if header(&segment[at..]).is_some() {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests;
