//! The bytes of a segment: frames, their headers and checksums, and a walk that survives damage.
//!
//! Not here: names, stores, or what a body says (`entry`). Pure: bytes in, items out.
//!
//! Every structure of ours is a zstd *skippable* frame, so that `zstd -dc` prints a segment as
//! JSON lines. Numbers are little-endian.
//!
//! ```text
//! segment  = opening frame* index?
//! opening  = magic u32, 28, "CSs1", writer's nonce [16], check [8]
//! frame    = magic u32, 64, "CSf1", call key [32], body length u32, body sum [16], check [8], body
//! body     = a zstd frame of one JSON line
//! index    = magic u32, n, "CSx1", (key's first [16], offset u32, length u32)*, sum [16],
//!            entries u32, "CSe1"           (only in merged segments; found from their end)
//! ```
//! `check` is over the header before it, `sum` over key and body (or the index's entries): BLAKE3,
//! cut short.

use crate::record::CallKey;

/// Marks our skippable frames (zstd allows 0x184D2A50..=0x184D2A5F).
const MAGIC: [u8; 4] = 0x184D_2A5C_u32.to_le_bytes();
const OPENING: usize = 36;
const HEADER: usize = 72;
const INDEX_ENTRY: usize = 24;
/// Of the index, what surrounds its entries.
const INDEX_FRAME: usize = 8 + 4 + 16 + 8;

/// The size of a segment without frames: a fence.
pub(super) const FENCE_BYTES: u64 = OPENING as u64;

/// The first half of a call key: what the index in memory holds.
pub(super) type Short = [u8; 16];

/// The index's name for `key`.
pub(super) fn short(key: &CallKey) -> Short {
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

/// What a walk meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Frame(Place),
    /// From `offset` to the next item nothing can be read.
    Damage {
        offset: u64,
        what: &'static str,
    },
}

fn sum<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let mut out = [0; N];
    hasher.finalize_xof().fill(&mut out);
    out
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?))
}

/// A segment's first bytes. `nonce` names the writer.
pub(super) fn opening(nonce: [u8; 16]) -> Vec<u8> {
    let mut out = Vec::with_capacity(OPENING);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&((OPENING - 8) as u32).to_le_bytes());
    out.extend_from_slice(b"CSs1");
    out.extend_from_slice(&nonce);
    let check: [u8; 8] = sum(&[&out]);
    out.extend_from_slice(&check);
    out
}

/// The nonce of the writer of `segment`, when its opening is whole.
pub(super) fn nonce(segment: &[u8]) -> Option<[u8; 16]> {
    let bytes = segment.get(..OPENING)?;
    let nonce: [u8; 16] = bytes[12..28].try_into().ok()?;
    (bytes == opening(nonce)).then_some(nonce)
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

/// Every frame of `segment` that is whole, and where it is not. After damage the walk goes on at
/// the next frame header, so that only what was hit is lost.
pub(super) fn walk(segment: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut at = 0;
    match nonce(segment) {
        Some(_) => at = OPENING,
        None => items.push(Item::Damage { offset: 0, what: "no segment opening here" }),
    }
    let end = index(segment).map_or(segment.len(), |(start, _)| start);
    let segment = &segment[..end];
    while at < end {
        let what = match open(&segment[at..]) {
            Ok((key, body)) => {
                let len = HEADER + body.len();
                items.push(Item::Frame(Place {
                    key: short(&key),
                    offset: at as u32,
                    len: len as u32,
                }));
                at += len;
                continue;
            }
            Err(what) => what,
        };
        if !matches!(items.last(), Some(Item::Damage { .. })) {
            items.push(Item::Damage { offset: at as u64, what });
        }
        at = resync(segment, at + 1).unwrap_or(end);
    }
    items
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

/// The index that closes a merged segment.
pub(super) fn index_of(places: &[Place]) -> Vec<u8> {
    let mut out = Vec::with_capacity(INDEX_FRAME + places.len() * INDEX_ENTRY);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&((INDEX_FRAME - 8 + places.len() * INDEX_ENTRY) as u32).to_le_bytes());
    out.extend_from_slice(b"CSx1");
    for place in places {
        out.extend_from_slice(&place.key);
        out.extend_from_slice(&place.offset.to_le_bytes());
        out.extend_from_slice(&place.len.to_le_bytes());
    }
    out.extend_from_slice(&sum::<16>(&[&out[12..]]));
    out.extend_from_slice(&(places.len() as u32).to_le_bytes());
    out.extend_from_slice(b"CSe1");
    out
}

/// How many bytes at a segment's end its index takes, told by the last 8 of them.
pub(super) fn index_bytes(last: &[u8]) -> Option<usize> {
    let tail = last.get(last.len().checked_sub(8)?..)?;
    let entries = number(tail)? as usize;
    (tail[4..] == *b"CSe1").then_some(INDEX_FRAME + entries * INDEX_ENTRY)
}

/// Where the index begins and what it lists, when `bytes` (a segment, or its end) closes with one.
pub(super) fn index(bytes: &[u8]) -> Option<(usize, Vec<Place>)> {
    let start = bytes.len().checked_sub(index_bytes(bytes)?)?;
    let whole = &bytes[start..];
    let (listed, tail) = whole.split_at(whole.len() - 24);
    let entries = listed.get(12..)?;
    if whole[..4] != MAGIC || whole[8..12] != *b"CSx1" || sum::<16>(&[entries]) != tail[..16] {
        return None;
    }
    let places = entries.chunks_exact(INDEX_ENTRY).map(|entry| {
        Some(Place {
            key: entry[..16].try_into().ok()?,
            offset: number(&entry[16..])?,
            len: number(&entry[20..])?,
        })
    });
    Some((start, places.collect::<Option<Vec<Place>>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(bodies: &[Vec<u8>]) -> (Vec<u8>, Vec<Place>) {
        let mut bytes = opening([7; 16]);
        let mut places = Vec::new();
        for (n, body) in bodies.iter().enumerate() {
            let key = CallKey(*blake3::hash(&n.to_le_bytes()).as_bytes());
            let frame = frame(&key, body).unwrap_or_default();
            let (offset, len) = (bytes.len() as u32, frame.len() as u32);
            places.push(Place { key: short(&key), offset, len });
            bytes.extend_from_slice(&frame);
        }
        (bytes, places)
    }

    fn frames(bytes: &[u8]) -> Vec<Place> {
        let frame = |item| if let Item::Frame(place) = item { Some(place) } else { None };
        walk(bytes).into_iter().filter_map(frame).collect()
    }

    fn bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..12)
    }

    proptest! {
        #[test]
        fn a_segment_gives_back_its_frames(bodies in bodies(), indexed: bool) {
            let (mut bytes, places) = segment(&bodies);
            if indexed {
                bytes.extend_from_slice(&index_of(&places));
                prop_assert_eq!(index(&bytes).map(|(_, listed)| listed), Some(places.clone()));
            }
            prop_assert_eq!(nonce(&bytes), Some([7; 16]));
            let items: Vec<Item> = places.into_iter().map(Item::Frame).collect();
            prop_assert_eq!(walk(&bytes), items);
        }

        #[test]
        fn damage_costs_only_the_frames_it_touches(
            bodies in bodies(), at: prop::sample::Index, noise: Vec<u8>, cut: prop::sample::Index,
        ) {
            let (whole, places) = segment(&bodies);
            let mut bytes = whole.clone();
            let from = at.index(bytes.len());
            let upto = (from + noise.len()).min(bytes.len());
            bytes[from..upto].copy_from_slice(&noise[..upto - from]);
            bytes.truncate(cut.index(bytes.len() + 1));
            let expected: Vec<Place> = places
                .into_iter()
                .filter(|p| {
                    let range = p.offset as usize..(p.offset + p.len) as usize;
                    bytes.get(range.clone()) == Some(&whole[range])
                })
                .collect();
            prop_assert_eq!(frames(&bytes), expected);
            if bytes != whole && !is_boundary(&whole, bytes.len(), &bytes) {
                let damaged = walk(&bytes).iter().any(|i| matches!(i, Item::Damage { .. }));
                prop_assert!(damaged, "changed and not named");
            }
        }

        #[test]
        fn any_bytes_are_walked(bytes: Vec<u8>, tail: Vec<u8>) {
            walk(&bytes);
            let mut marked = bytes.clone();
            marked.extend_from_slice(&MAGIC);
            marked.extend_from_slice(&tail);
            marked.extend_from_slice(b"CSe1");
            walk(&marked);
            index(&marked);
        }
    }

    /// Whether `bytes` is `whole` cut between two frames: nothing tells that more was there.
    fn is_boundary(whole: &[u8], len: usize, bytes: &[u8]) -> bool {
        let ends = frames(whole).into_iter().map(|p| (p.offset + p.len) as usize);
        bytes == &whole[..len] && ends.chain([OPENING]).any(|end| end == len)
    }
}
