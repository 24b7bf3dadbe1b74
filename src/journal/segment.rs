//! Segments by name: `journal/0000000042.jsonl.zst`, or `…/0000000001-0000000042.jsonl.zst` when
//! merged; and the frames that one holds.
//!
//! A segment never changes, so what was once read of it stays true until it is gone, and then a
//! merged one holds the same. See `catalog` for which segments there are.

use crate::journal::bytes::Place;
use crate::journal::entry::{self, Entry, Scanned};
use crate::journal::error::Damage;
use crate::journal::footer;
use crate::journal::frame::{self, Walked};
use crate::journal::wanted::Wanted;
use crate::store::{Store, StoreError};
use bytes::Bytes;

const SUFFIX: &str = ".jsonl.zst";
/// Fetched from a merged segment's end at first: most footers fit.
const TAIL: u64 = 256 << 10;

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
        items.retain(|item| match item {
            Walked::Frame(place) => wanted.has(&place.key),
            Walked::Damage { .. } => true,
        });
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
pub(super) fn read_lines<T: Scanned>(
    name: &str,
    bytes: &[u8],
    each: &mut dyn FnMut(T),
) -> Vec<Damage> {
    let mut found = Vec::new();
    let mut damage = |offset: u64, what: &str| {
        found.push(Damage { segment: name.to_string(), offset, what: what.to_string() });
    };
    for item in frame::walk(bytes) {
        match item {
            Walked::Frame(place) => {
                let opened = frame::open(&bytes[place.offset as usize..]);
                let line = opened.map_err(str::to_string).and_then(|(key, body)| {
                    let line: T = entry::decode(body)?;
                    match line.key() == key {
                        true => Ok(line),
                        false => Err("a line's key is not its frame's".to_string()),
                    }
                });
                match line {
                    Ok(line) => each(line),
                    Err(what) => damage(u64::from(place.offset), &what),
                }
            }
            Walked::Damage { offset, what } => damage(offset, what),
        }
    }
    found
}
