//! The list that closes a merged segment: where its frames lie, so that opening reads some kilobytes
//! of its end and not megabytes. `frame` gives the layout.
//!
//! A footer only saves reading; without a whole one the frames are walked.

use crate::journal::bytes::{MAGIC, Place, Short, number, sum};

const ENTRY: usize = 24;
/// What surrounds the entries.
const AROUND: usize = 8 + 4 + 16 + 8;

/// The footer that lists `places`.
pub(super) fn of(places: &[Place]) -> Vec<u8> {
    let mut out = Vec::with_capacity(AROUND + places.len() * ENTRY);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&((AROUND - 8 + places.len() * ENTRY) as u32).to_le_bytes());
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

/// How many bytes at a segment's end its footer takes, told by the last 8 of them.
pub(super) fn len(last: &[u8]) -> Option<usize> {
    let tail = last.get(last.len().checked_sub(8)?..)?;
    let entries = number(tail)? as usize;
    (tail[4..] == *b"CSe1").then_some(AROUND + entries * ENTRY)
}

/// Where the footer begins and what it lists of the calls that are `wanted`, when `bytes` (a
/// segment, or its end) closes with one.
pub(super) fn find(bytes: &[u8], wanted: impl Fn(&Short) -> bool) -> Option<(usize, Vec<Place>)> {
    let start = bytes.len().checked_sub(len(bytes)?)?;
    let whole = &bytes[start..];
    let (listed, tail) = whole.split_at(whole.len() - 24);
    let entries = listed.get(12..)?;
    if whole[..4] != MAGIC || whole[8..12] != *b"CSx1" || sum::<16>(&[entries]) != tail[..16] {
        return None;
    }
    let places = entries.chunks_exact(ENTRY).filter_map(|entry| {
        let key: Short = entry[..16].try_into().ok()?;
        let place =
            || Some(Place { key, offset: number(&entry[16..])?, len: number(&entry[20..])? });
        wanted(&key).then(place)
    });
    Some((start, places.collect::<Option<Vec<Place>>>()?))
}
