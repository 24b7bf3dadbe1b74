//! All segments of a RUN and the index over them: what readers and the writer share.
//!
//! Segments come and go under a reader (another process merges its own), but an entry is always in
//! one of them; who meets a missing segment lists again. See `writer` for appending, `compact` for
//! merging.

use crate::journal::bytes::{Place, Short, short};
use crate::journal::entry::{self, FromLine, Scanned};
use crate::journal::error::Damage;
use crate::journal::frame::{self, Walked};
use crate::journal::index::{Index, Loc, Uniform};
use crate::journal::segment::{Segment, read_ahead};
use crate::journal::wanted::Wanted;
use crate::record::CallKey;
use crate::store::{Reader, Store, StoreError};
use bytes::Bytes;
use futures::StreamExt;
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

/// Segments read at once when opening.
const OPENING_READS: usize = 16;
/// How often a vanished segment sends us back to the list before we give up.
const RELISTS: usize = 8;

/// Readers kept open. Local ones hold a file, remote ones up to 4 MiB: a RUN of so many shards, each
/// merged into one segment, is replayed with each block read once.
const LOCAL_READERS: usize = 64;
const REMOTE_READERS: usize = 32;

/// Bytes of segments kept for their merge.
const WRITTEN: usize = 8 << 20;

/// See the module's header.
pub(super) struct Catalog {
    store: Store,
    wanted: Wanted,
    index: Index,
    segments: RwLock<Segments>,
    damage: Mutex<Vec<Damage>>,
    /// Opened last first.
    readers: Mutex<Vec<(u32, Arc<Reader>)>>,
    /// Small segments that this process wrote to a bucket and has not merged yet, oldest first.
    written: Mutex<VecDeque<(String, Bytes)>>,
}

/// By the number in `Loc`. Those merged away are dropped, and their numbers not used again.
#[derive(Default)]
struct Segments {
    next: u32,
    live: HashMap<u32, Live>,
}

struct Live {
    segment: Arc<Segment>,
    /// Then it does not stand for the segments it was merged from.
    damaged: bool,
}

impl Segments {
    /// Whether all of `segment` is known: itself, or a whole one that it was merged into.
    fn hold(&self, segment: &Segment) -> bool {
        self.live.values().any(|live| {
            *live.segment == *segment || (!live.damaged && segment.is_within(&live.segment))
        })
    }
}

impl Catalog {
    /// Reads the headers of all segments: `journal/` and `shards/*/journal/`.
    pub async fn open(store: &Store, wanted: Wanted) -> Result<Catalog, StoreError> {
        let catalog = Catalog {
            store: store.clone(),
            wanted,
            index: Index::new(),
            segments: RwLock::default(),
            damage: Mutex::default(),
            readers: Mutex::default(),
            written: Mutex::default(),
        };
        catalog.refresh().await?;
        Ok(catalog)
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn contains(&self, key: &CallKey) -> bool {
        self.index.get(&short(key)).is_some()
    }

    pub fn holds_once(&self, key: &CallKey) -> bool {
        self.index.is_single(&short(key))
    }

    pub fn damage(&self) -> Vec<Damage> {
        self.damage.lock().clone()
    }

    /// The segments there are now, oldest first.
    pub fn live(&self) -> Vec<Arc<Segment>> {
        let mut live: Vec<_> =
            self.segments().live.values().map(|live| Arc::clone(&live.segment)).collect();
        live.sort();
        live
    }

    fn segments(&self) -> RwLockReadGuard<'_, Segments> {
        self.segments.read()
    }

    fn segments_mut(&self) -> RwLockWriteGuard<'_, Segments> {
        self.segments.write()
    }

    /// Lists, and reads what is new.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let mut last = None;
        for _ in 0..RELISTS {
            match self.read_new().await {
                Err(StoreError::NotFound { place }) => last = Some(place),
                done => return done,
            }
        }
        Err(StoreError::other(
            last.unwrap_or_default(),
            "it keeps vanishing while it is read; is the RUN being deleted?",
        ))
    }

    async fn read_new(&self) -> Result<(), StoreError> {
        let mut listed = self.list().await?;
        // A merged segment before those within it, which are then skipped.
        listed.sort_by(|a, b| (&a.dir, a.first, b.last).cmp(&(&b.dir, b.first, a.last)));
        listed.retain(|segment| !self.segments().hold(segment));
        let (store, wanted) = (&self.store, &self.wanted);
        let mut reads = futures::stream::iter(listed)
            .map(|segment| async move {
                let items = segment.read(store, wanted).await;
                (segment, items)
            })
            .buffered(OPENING_READS);
        while let Some((segment, items)) = reads.next().await {
            if !self.segments().hold(&segment) {
                self.adopt(segment, &items?);
            }
        }
        Ok(())
    }

    async fn list(&self) -> Result<Vec<Segment>, StoreError> {
        let mut names = self.store.list("journal").await?;
        names.extend(self.store.list("shards").await?);
        let segments = names.iter().filter_map(|(name, size)| Segment::parse(name, *size));
        Ok(segments
            .filter(|s| {
                let parts: Vec<&str> = s.dir.split('/').collect();
                matches!(parts[..], ["journal"] | ["shards", _, "journal"])
            })
            .collect())
    }

    /// Takes a segment in: its frames into the index, in place of those of segments it replaces.
    pub fn adopt(&self, segment: Segment, items: &[Walked]) {
        let name = segment.name();
        let damaged = items.iter().any(|item| matches!(item, Walked::Damage { .. }));
        let Some((number, replaced)) = self.enter(segment, damaged) else { return };
        for item in items {
            match item {
                Walked::Frame(Place { key, offset, len }) => {
                    let loc = Loc { segment: number, offset: *offset, len: *len };
                    self.index.insert(*key, loc, |old| replaced.contains(&old.segment));
                }
                Walked::Damage { offset, what } => self.report(&name, *offset, what),
            }
        }
        if !damaged && !replaced.is_empty() {
            self.index.retire(|segment| replaced.contains(&segment));
            self.segments_mut().live.retain(|n, _| !replaced.contains(n));
            self.readers.lock().retain(|(n, _)| !replaced.contains(n));
        }
    }

    /// Keeps what was just written to a bucket until it is merged: a merge need not ask for it then.
    pub fn wrote(&self, segment: &Segment, bytes: Bytes) {
        if !self.store.is_remote() {
            return;
        }
        let mut written = self.written.lock();
        written.push_back((segment.name(), bytes));
        let mut held: usize = written.iter().map(|(_, bytes)| bytes.len()).sum();
        while held > WRITTEN {
            let Some((_, oldest)) = written.pop_front() else { break };
            held -= oldest.len();
        }
    }

    /// The whole of `segment`, for the one time that a merge wants it.
    pub async fn bytes_of(&self, segment: &Segment) -> Result<Bytes, StoreError> {
        let name = segment.name();
        let kept = {
            let mut written = self.written.lock();
            let at = written.iter().position(|(written, _)| *written == name);
            at.and_then(|at| written.remove(at))
        };
        match kept {
            Some((_, bytes)) => Ok(bytes),
            None => self.store.get(&name).await,
        }
    }

    /// A number for `segment`, and those of the segments it was merged from; `None` when it is
    /// known already (a reader that listed again was quicker than the writer).
    fn enter(&self, segment: Segment, damaged: bool) -> Option<(u32, HashSet<u32>)> {
        let mut segments = self.segments_mut();
        if segments.hold(&segment) {
            return None;
        }
        let within = |live: &Live| live.segment.is_within(&segment) && !live.segment.is_fence();
        let replaced = match segment.is_merged() {
            true => segments.live.iter().filter(|(_, l)| within(l)).map(|(n, _)| *n).collect(),
            false => HashSet::new(),
        };
        let number = segments.next;
        segments.next += 1;
        segments.live.insert(number, Live { segment: Arc::new(segment), damaged });
        Some((number, replaced))
    }

    fn report(&self, segment: &str, offset: u64, what: &str) {
        let found = Damage { segment: segment.to_string(), offset, what: what.to_string() };
        let mut damage = self.damage.lock();
        if !damage.contains(&found) {
            damage.push(found);
        }
    }

    /// The line of `key`, or the part of it that `T` wants; `None` when it was never bought, or
    /// all its copies turned out damaged (then `damage` says so).
    pub async fn get<T: FromLine>(&self, key: &CallKey) -> Result<Option<T>, StoreError> {
        let short = short(key);
        for _ in 0..RELISTS {
            let Some(loc) = self.index.get(&short) else { return Ok(None) };
            let bytes = match self.read(loc).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) | Err(StoreError::NotFound { .. }) => {
                    if self.index.get(&short) == Some(loc) {
                        self.refresh().await?;
                    }
                    if self.index.get(&short) == Some(loc) {
                        self.lost(&short, loc, "the segment is gone");
                    }
                    continue;
                }
                Err(StoreError::Damaged { what, .. }) => {
                    self.lost(&short, loc, &what);
                    continue;
                }
                Err(e) => return Err(e),
            };
            match line(&bytes, key) {
                Ok(line) => return Ok(Some(line)),
                Err(what) => self.lost(&short, loc, &what),
            }
        }
        Ok(None)
    }

    /// Lets the next copy of `key` count in place of the first, which is whole and yet of no use.
    pub fn pass_over(&self, key: &CallKey) {
        let short = short(key);
        if let Some(loc) = self.index.get(&short) {
            self.index.forget(&short, loc);
        }
    }

    fn lost(&self, key: &Short, loc: Loc, what: &str) {
        let name = self.segment(loc.segment).map_or_else(|| "journal".to_string(), |s| s.name());
        self.report(&name, u64::from(loc.offset), what);
        self.index.forget(key, loc);
    }

    fn segment(&self, number: u32) -> Option<Arc<Segment>> {
        self.segments().live.get(&number).map(|live| Arc::clone(&live.segment))
    }

    /// The frame at `loc`; `None` when its segment was merged away since the index was asked.
    async fn read(&self, loc: Loc) -> Result<Option<Bytes>, StoreError> {
        let Some(reader) = self.reader(loc.segment)? else { return Ok(None) };
        reader.read_at(u64::from(loc.offset), loc.len as usize).await.map(Some)
    }

    /// The open reader of a segment: one for all who read it at once.
    fn reader(&self, number: u32) -> Result<Option<Arc<Reader>>, StoreError> {
        let held = |readers: &mut Vec<(u32, Arc<Reader>)>| {
            let at = readers.iter().position(|(n, _)| *n == number)?;
            readers[..=at].rotate_right(1);
            Some(Arc::clone(&readers[0].1))
        };
        if let Some(reader) = held(&mut self.readers.lock()) {
            return Ok(Some(reader));
        }
        let Some(segment) = self.segment(number) else { return Ok(None) };
        let reader = Arc::new(self.store.listed_reader(&segment.name(), segment.size)?);
        let mut readers = self.readers.lock();
        if let Some(reader) = held(&mut readers) {
            return Ok(Some(reader));
        }
        readers.insert(0, (number, Arc::clone(&reader)));
        readers.truncate(if self.store.is_remote() { REMOTE_READERS } else { LOCAL_READERS });
        Ok(Some(reader))
    }

    /// See `ReadJournal::scan`.
    pub async fn scan<T: Scanned>(
        &self,
        each: &mut (dyn FnMut(T, bool) + Send),
    ) -> Result<(), StoreError> {
        let mut given: HashSet<Short, BuildHasherDefault<Uniform>> = HashSet::default();
        given.reserve(self.len());
        let mut done: Vec<Arc<Segment>> = Vec::new();
        'list: for _ in 0..RELISTS {
            for segment in self.live() {
                if segment.is_fence() || done.contains(&segment) {
                    continue;
                }
                let bytes = match self.store.get(&segment.name()).await {
                    Err(StoreError::NotFound { .. }) => {
                        self.refresh().await?;
                        self.drop_gone(&segment);
                        continue 'list;
                    }
                    other => other?,
                };
                // What was read before a merge is in the merged segment again.
                let again = done.iter().any(|old| old.is_within(&segment));
                let damage = read_ahead(&segment.name(), &bytes, &self.wanted, &mut |entry: T| {
                    let first = given.insert(short(&entry.key()));
                    if first || !again {
                        each(entry, !first);
                    }
                });
                damage.iter().for_each(|d| self.report(&d.segment, d.offset, &d.what));
                done.push(segment);
            }
            return Ok(());
        }
        Ok(())
    }

    /// A segment that is neither there nor merged into another was deleted by hand.
    fn drop_gone(&self, gone: &Segment) {
        let mut segments = self.segments_mut();
        let before = segments.live.len();
        segments.live.retain(|_, live| *live.segment != *gone);
        if segments.live.len() < before {
            self.report(&gone.name(), 0, "the segment is gone");
        }
    }
}

fn line<T: FromLine>(bytes: &[u8], key: &CallKey) -> Result<T, String> {
    let (found, body) = frame::open(bytes)?;
    if found != *key {
        return Err("a frame holds another call than the index says".to_string());
    }
    entry::decode(body)
}
