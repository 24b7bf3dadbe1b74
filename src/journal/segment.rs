//! Segments by name: `journal/0000000042.jsonl.zst`, or `…/0000000001-0000000042.jsonl.zst` when
//! merged; and the frames that one holds.
//!
//! A segment never changes, so what was once read of it stays true until it is gone, and then a
//! merged one holds the same. See `catalog` for which segments there are.

use crate::env::ahead::{Bounds, OrderedBuffer};
use crate::journal::bytes::Place;
use crate::journal::entry::{self, Entry, Scanned};
use crate::journal::error::Damage;
use crate::journal::footer;
use crate::journal::frame::{self, Walked};
use crate::journal::wanted::Wanted;
use crate::store::{Store, StoreError};
use bytes::Bytes;
use tokio::runtime::Handle;

const SUFFIX: &str = ".jsonl.zst";
/// Fetched from a merged segment's end at first: most footers fit.
const TAIL: u64 = 256 << 10;
/// Frames of so many bytes are one piece of work when a segment is read: about a hundred lines.
const PIECE: usize = 128 << 10;
/// Pieces that wait, by the bytes of their frames; what is read of them takes some times the room.
const AHEAD: Bounds = Bounds { count: 8, bytes: 1 << 20 };

/// A segment's identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Segment {
    /// `journal` or `shards/0000-of-0002/journal`.
    pub dir: String,
    pub first: u64,
    /// `first` unless merged.
    pub last: u64,
    pub size: u64,
}

impl Segment {
    /// Of a listed name; `None` for what is no segment.
    pub fn parse(name: &str, size: u64) -> Option<Segment> {
        let (dir, file) = name.rsplit_once('/')?;
        let stem = file.strip_suffix(SUFFIX)?;
        let number = |text: &str| {
            let digits = text.len() >= 10 && text.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| text.parse::<u64>().ok()).flatten()
        };
        let (first, last) = match stem.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(stem)?, number(stem)?),
        };
        (first <= last).then(|| Segment { dir: dir.to_string(), first, last, size })
    }

    pub fn name(&self) -> String {
        if self.is_merged() {
            format!("{}/{:010}-{:010}{SUFFIX}", self.dir, self.first, self.last)
        } else {
            format!("{}/{:010}{SUFFIX}", self.dir, self.first)
        }
    }

    pub fn is_merged(&self) -> bool {
        self.first != self.last
    }

    /// Marks where a writer began. Never deleted: it is the slot at which the writer before it,
    /// should it still live, will aim.
    pub fn is_fence(&self) -> bool {
        !self.is_merged() && self.size <= frame::FENCE_BYTES
    }

    /// Whether `other` holds all that this one does, if it is whole.
    pub fn is_within(&self, other: &Segment) -> bool {
        self.dir == other.dir
            && other.is_merged()
            && (other.first, other.last) != (self.first, self.last)
            && other.first <= self.first
            && self.last <= other.last
    }

    /// Its frames of the calls that are `wanted`, and what is damaged.
    ///
    /// # Errors
    /// `Newer` when a later version of this program wrote it.
    pub async fn read(&self, store: &Store, wanted: &Wanted) -> Result<Vec<Walked>, StoreError> {
        if self.is_merged()
            && let Some(places) = self.read_footer(store, wanted).await?
        {
            return Ok(places.into_iter().map(Walked::Frame).collect());
        }
        let bytes = store.get(&self.name()).await?;
        self.refuse_newer(store, &bytes)?;
        let mut items = frame::walk(&bytes);
        items.retain(|item| wanted.has_item(item));
        Ok(items)
    }

    /// `Newer` when `head`, what the segment begins with, is a later version's.
    pub fn refuse_newer(&self, store: &Store, head: &[u8]) -> Result<(), StoreError> {
        let Some(format) = frame::newer(head) else { return Ok(()) };
        Err(StoreError::Newer {
            place: format!("{}/{}", store.uri(), self.name()),
            format: u32::from(format),
            known: u32::from(frame::FORMAT),
        })
    }

    async fn read_footer(
        &self,
        store: &Store,
        wanted: &Wanted,
    ) -> Result<Option<Vec<Place>>, StoreError> {
        let tail = self.tail(store, TAIL).await?;
        let Some(len) = footer::len(&tail) else { return Ok(None) };
        let tail = match len as u64 {
            len if len <= TAIL => tail,
            len if len <= self.size => self.tail(store, len).await?,
            _ => return Ok(None),
        };
        let Some((_, places)) = footer::find(&tail, |key| wanted.has(key)) else { return Ok(None) };
        let fits = |p: &Place| u64::from(p.offset) + u64::from(p.len) <= self.size;
        Ok(places.iter().all(fits).then_some(places))
    }

    async fn tail(&self, store: &Store, len: u64) -> Result<Bytes, StoreError> {
        store.get_range(&self.name(), self.size.saturating_sub(len)..self.size).await
    }
}

/// Reads a segment's bytes, whoever wrote them: `each` gets every entry that is whole; what is not
/// is returned. `name` is only for the report.
pub fn read_segment(name: &str, bytes: &[u8], each: &mut dyn FnMut(Entry)) -> Vec<Damage> {
    read_lines(name, bytes, each)
}

/// `read_segment` of the part of each line that `T` wants.
fn read_lines<T: Scanned>(name: &str, bytes: &[u8], each: &mut dyn FnMut(T)) -> Vec<Damage> {
    let mut found = Vec::new();
    for item in frame::items(bytes) {
        match read(name, bytes, &item) {
            Ok(line) => each(line),
            Err(damage) => found.push(damage),
        }
    }
    found
}

/// The same by several threads, of the calls that are `wanted`; `each` gets the lines in their order. To be
/// called in a runtime.
pub(super) fn read_ahead<T: Scanned>(
    name: &str,
    bytes: &Bytes,
    wanted: &Wanted,
    each: &mut dyn FnMut(T),
) -> Vec<Damage> {
    let mut found = Vec::new();
    let mut give = |lines: Vec<Result<T, Damage>>| {
        for line in lines {
            match line {
                Ok(line) => each(line),
                Err(damage) => found.push(damage),
            }
        }
    };
    let mut ahead = OrderedBuffer::new(&Handle::current(), AHEAD.count, AHEAD);
    let mut items = frame::items(bytes).filter(|item| wanted.has_item(item));
    loop {
        let (piece, size) = piece(&mut items);
        if piece.is_empty() {
            break;
        }
        let (name, bytes) = (name.to_owned(), bytes.clone());
        ahead.push(size, move || piece.iter().map(|item| read(&name, &bytes, item)).collect());
        while let Some(lines) = ahead.due() {
            give(lines);
        }
    }
    while let Some(lines) = ahead.take() {
        give(lines);
    }
    found
}

/// The next items of a walk that are one piece of work, and the bytes of their frames.
fn piece(items: &mut impl Iterator<Item = Walked>) -> (Vec<Walked>, usize) {
    let (mut piece, mut size) = (Vec::new(), 0);
    while size < PIECE
        && let Some(item) = items.next()
    {
        if let Walked::Frame(place) = &item {
            size += place.len as usize;
        }
        piece.push(item);
    }
    (piece, size)
}

fn read<T: Scanned>(name: &str, bytes: &[u8], item: &Walked) -> Result<T, Damage> {
    let damage = |offset: u64, what: String| Damage { segment: name.to_string(), offset, what };
    match item {
        Walked::Frame(place) => {
            line(bytes, place).map_err(|what| damage(u64::from(place.offset), what))
        }
        Walked::Damage { offset, what } => Err(damage(*offset, (*what).to_string())),
    }
}

fn line<T: Scanned>(bytes: &[u8], place: &Place) -> Result<T, String> {
    let (key, body) = frame::opened(bytes, place).ok_or("no frame here")?;
    let line: T = entry::decode(body)?;
    match line.key() == key {
        true => Ok(line),
        false => Err("a line's key is not its frame's".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Bought;
    use proptest::prelude::*;

    /// A segment of so many lines, each of which says its number and is `long` bytes longer, compressed too.
    fn segment(lines: usize, long: usize) -> Vec<u8> {
        let mut out = frame::unsealed(0);
        for at in 0..lines {
            let key = crate::record::CallKey([at as u8; 32]);
            let text = serde_json::json!({
                "key": key,
                "request": {"role": at.to_string(), "model": noise(at, long)},
                "reply": {"usage": crate::call::Usage::default(), "cost": 0},
            });
            let body = zstd::bulk::compress(text.to_string().as_bytes(), 1).unwrap();
            out.extend(frame::frame(&key, &body).unwrap());
        }
        frame::seal(&mut out, [7; 16]);
        out
    }

    fn noise(seed: usize, letters: usize) -> String {
        let mut bytes = vec![0; letters];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes.iter().map(|byte| char::from(byte & 63 | 64)).collect()
    }

    fn read_by(
        by: impl FnOnce(&mut dyn FnMut(Bought)) -> Vec<Damage>,
    ) -> (Vec<Bought>, Vec<Damage>) {
        let mut lines = Vec::new();
        let damage = by(&mut |line| lines.push(line));
        (lines, damage)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn several_threads_read_what_one_reads(
            lines in 0_usize..60,
            hurt in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in proptest::option::of(any::<prop::sample::Index>()),
        ) {
            let mut bytes = segment(lines, 9_000);
            for (at, byte) in hurt {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            let one = read_by(|each| read_lines("s", &bytes, each));
            let bytes = Bytes::from(bytes);
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let _inside = runtime.enter();
            prop_assert_eq!(read_by(|each| read_ahead("s", &bytes, &Wanted::ALL, each)), one);
        }
    }

    #[test]
    fn pieces_are_several_and_hold_all() {
        let bytes = segment(60, 9_000);
        let mut items = frame::items(&bytes);
        let pieces: Vec<_> = std::iter::from_fn(|| Some(piece(&mut items)))
            .take_while(|(piece, _)| !piece.is_empty())
            .collect();
        assert!((3..10).contains(&pieces.len()), "{}", pieces.len());
        assert_eq!(pieces.iter().map(|(piece, _)| piece.len()).sum::<usize>(), 60);
        assert!(pieces.iter().rev().skip(1).all(|(_, size)| *size >= PIECE));
    }
}
