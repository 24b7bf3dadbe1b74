//! A source's bytes: a file or a folder, local or in a bucket, opened as plain blocking readers.
//!
//! Readers are ordinary `std::io::Read` code on a thread of their own. A bucket's object is fetched in
//! large ranges, gz and zstd are told by their first bytes (names lie), split parts are one stream, and
//! where reading takes longer than the system's own reading ahead, it is done one piece ahead (`ahead`).
//! So memory does not depend on sizes.

use crate::pool::ahead::Ahead;
use crate::pool::out::{Flow, Out};
use crate::pool::packed::{decompress, unpack};
use crate::pool::{BadKind, PoolError, content, stdin};
use crate::store::Store;
use bytes::Bytes;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Handle;

/// Fetched from a bucket at once.
const RANGE: u64 = 8 << 20;
/// Unpacked ahead of a local file's reader.
const PIECE: usize = 1 << 20;

/// A reader of some bytes, on the reading thread.
pub type Stream = Box<dyn Read + Send>;

/// A resolved URI: what files there are.
#[derive(Clone)]
pub struct Input {
    /// As the user gave it.
    pub uri: String,
    store: Store,
    /// Names (relative to the store) with sizes, sorted.
    files: Vec<(String, u64)>,
    /// Files of the folder that are none of its data, and such whose names are no text.
    aside: Vec<String>,
    /// True when the URI is a file.
    pub single: bool,
    handle: Handle,
    /// Of each file, whether a reader has opened it: to tell what was left alone.
    opened: Arc<[AtomicBool]>,
}

impl Input {
    /// Looks at what `uri` is. Hidden files are not part of a folder.
    pub async fn resolve(uri: &str) -> Result<Input, PoolError> {
        let handle = Handle::current();
        let spooled = stdin::spooled(uri)?;
        let uri = spooled.as_deref().unwrap_or(uri);
        let trimmed = uri.trim_end_matches('/');
        if let Some((parent, name)) = split(trimmed) {
            let store = Store::open(parent)?;
            let plain_file = store.local_path(name).is_none_or(|path| path.is_file());
            if plain_file && let Ok(size) = store.size(name).await {
                let files = vec![(name.to_owned(), size)];
                let (uri, opened) = (uri.to_owned(), unopened(&files));
                let aside = Vec::new();
                return Ok(Input { uri, store, files, aside, single: true, handle, opened });
            }
        }
        let store = Store::open(uri)?;
        let mut files = store.list("").await?;
        files.retain(|(name, _)| !name.split('/').any(|part| part.starts_with('.')));
        let aside = aside(&mut files, store.odd_names(""));
        if files.is_empty() {
            let what = "there is no file at this path, nor a folder with files in it".to_owned();
            return Err(PoolError::Unknown { uri: uri.to_owned(), what });
        }
        let (uri, opened) = (uri.to_owned(), unopened(&files));
        Ok(Input { uri, store, files, aside, single: false, handle, opened })
    }

    /// Whether it lies in a bucket.
    pub fn is_remote(&self) -> bool {
        self.store.is_remote()
    }

    /// All files, sorted by name.
    pub fn files(&self) -> &[(String, u64)] {
        &self.files
    }

    /// Names that end in one of `endings` (lower case; `.gz` and `.zst` after it are looked through).
    pub fn ending(&self, endings: &[&str]) -> Vec<&str> {
        let fits = |name: &str| endings.iter().any(|e| bare(name).ends_with(e));
        self.files.iter().map(|(name, _)| name.as_str()).filter(|name| fits(name)).collect()
    }

    /// As `ending`; all files where none ends so: what a format that the user named is read from.
    pub fn ending_or_all(&self, endings: &[&str]) -> Vec<&str> {
        let fitting = self.ending(endings);
        if fitting.is_empty() {
            return self.files.iter().map(|(name, _)| name.as_str()).collect();
        }
        fitting
    }

    /// The files whose name (without folders) is `name`.
    pub fn named(&self, name: &str) -> Vec<&str> {
        let base = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        self.files.iter().map(|(n, _)| n.as_str()).filter(|n| bare(&base(n)) == name).collect()
    }

    pub fn size(&self, name: &str) -> u64 {
        self.listed(name).map_or(0, |at| self.files[at].1)
    }

    /// Where a file stands in the listing.
    fn listed(&self, name: &str) -> Option<usize> {
        self.files.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()
    }

    /// Files that were listed and never opened.
    pub fn unread(&self) -> Vec<&str> {
        let all = self.files.iter().zip(self.opened.iter());
        let left = all.filter(|(_, opened)| !opened.load(Ordering::Relaxed));
        let aside = self.aside.iter().map(String::as_str);
        let mut unread: Vec<&str> = left.map(|((name, _), _)| name.as_str()).chain(aside).collect();
        unread.sort_unstable();
        unread
    }

    fn note_opened(&self, name: &str) {
        if let Some(at) = self.listed(name) {
            self.opened[at].store(true, Ordering::Relaxed);
        }
    }

    /// The file's bytes as they lie.
    pub fn raw(&self, name: &str) -> io::Result<Stream> {
        self.note_opened(name);
        self.whole(name, u64::MAX)
    }

    /// The first `most` bytes at least.
    fn whole(&self, name: &str, most: u64) -> io::Result<Stream> {
        match self.store.local_path(name) {
            Some(path) => Ok(Box::new(std::fs::File::open(path)?)),
            None => Ok(Box::new(self.remote(name, 0, most))),
        }
    }

    fn remote(&self, name: &str, from: u64, most: u64) -> Remote {
        Remote {
            store: self.store.clone(),
            handle: self.handle.clone(),
            size: self.size(name).min(most),
            name: name.to_owned(),
            next: from,
            held: Bytes::new(),
        }
    }

    /// The file's bytes, decompressed where they are gz or zstd.
    pub fn open(&self, name: &str) -> io::Result<Stream> {
        self.ahead(name, self.raw(name)?)
    }

    /// The file's text as UTF-8, whatever it was written in; an error where it is no text.
    fn open_text(&self, name: &str) -> io::Result<Stream> {
        content::as_utf8(self.open(name)?)
    }

    /// Has `read` read the text file `name`; one that cannot be opened is told to `out` as damaged.
    pub fn with_text(
        &self,
        name: &str,
        out: &mut Out,
        read: impl FnOnce(Stream, &mut Out) -> Flow,
    ) -> Flow {
        match self.open_text(name) {
            Ok(stream) => read(stream, out),
            Err(e) => out.bad(name, BadKind::DamagedArchive, &e.to_string(), false),
        }
    }

    /// Decompresses, and reads ahead where that helps: a bucket's pieces are its ranges, so that the
    /// next is fetched while one is looked at. Of a plain local file the system reads ahead itself.
    fn ahead(&self, name: &str, stream: Stream) -> io::Result<Stream> {
        let local = self.store.local_path(name).is_some();
        let (stream, packed) = unpack(stream)?;
        if local && !packed {
            return Ok(stream);
        }
        let piece = if local { PIECE } else { RANGE as usize };
        Ok(Box::new(Ahead::new(&self.handle, stream, piece)))
    }

    /// Several files as one stream, decompressed as a whole: split archives.
    pub fn open_parts(&self, names: &[&str]) -> io::Result<Stream> {
        let mut whole: Stream = Box::new(io::empty());
        for name in names {
            whole = Box::new(whole.chain(self.raw(name)?));
        }
        self.ahead(names.first().unwrap_or(&""), whole)
    }

    /// `len` bytes from `from`; for formats that read at random.
    pub fn range(&self, name: &str, from: u64, len: usize) -> io::Result<Bytes> {
        self.note_opened(name);
        if let Some(path) = self.store.local_path(name) {
            use std::os::unix::fs::FileExt;
            let mut bytes = vec![0; len];
            std::fs::File::open(path)?.read_exact_at(&mut bytes, from)?;
            return Ok(bytes.into());
        }
        let range = from..from + len as u64;
        self.handle.block_on(self.store.get_range(name, range)).map_err(io::Error::other)
    }

    /// A whole file that is not larger than `max`; None where it is not there.
    pub fn small_file(&self, name: &str, max: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(size) = self.size_beside(name)? else { return Ok(None) };
        if size > max {
            return Err(io::Error::other(format!("{size} bytes; at most {max} are read")));
        }
        Ok(Some(self.range(name, 0, size as usize)?.to_vec()))
    }

    /// The size of a file that a row names, None where it is not there. A folder in a bucket has been
    /// listed whole; beside a single file others may lie.
    fn size_beside(&self, name: &str) -> io::Result<Option<u64>> {
        if let Some(path) = self.store.local_path(name) {
            return match std::fs::metadata(path) {
                Ok(meta) => Ok(meta.is_file().then_some(meta.len())),
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(e) => Err(e),
            };
        }
        match self.listed(name) {
            Some(at) => Ok(Some(self.files[at].1)),
            None if !self.single => Ok(None),
            None => {
                let exists = self.handle.block_on(self.store.exists(name));
                if !exists.map_err(io::Error::other)? {
                    return Ok(None);
                }
                self.handle.block_on(self.store.size(name)).map(Some).map_err(io::Error::other)
            }
        }
    }

    /// A stream from `from` on.
    pub fn stream_from(&self, name: &str, from: u64) -> io::Result<Stream> {
        self.note_opened(name);
        match self.store.local_path(name) {
            Some(path) => {
                use std::io::Seek;
                let mut file = std::fs::File::open(path)?;
                file.seek(io::SeekFrom::Start(from))?;
                Ok(Box::new(file))
            }
            None => Ok(Box::new(self.remote(name, from, u64::MAX))),
        }
    }

    /// The first bytes, decompressed; empty when it cannot be read.
    pub fn head(&self, name: &str, len: u64) -> Vec<u8> {
        let mut head = Vec::new();
        if let Ok(stream) = self.whole(name, len.max(1 << 16)).and_then(decompress) {
            // A torn archive's beginning is still good for telling what it is.
            let _ = stream.take(len).read_to_end(&mut head);
        }
        head
    }

    /// `name` as the user would find it.
    pub fn place(&self, name: &str) -> String {
        if self.single {
            self.uri.clone()
        } else {
            format!("{}/{name}", self.uri.trim_end_matches('/'))
        }
    }
}

/// Takes out of a folder's files what only describes it, where something else is there; `odd` are
/// names that are no text.
fn aside(files: &mut Vec<(String, u64)>, odd: Vec<String>) -> Vec<String> {
    let mut aside = odd;
    if files.iter().any(|(name, _)| !content::is_aside(name)) {
        let (away, kept) = files.drain(..).partition(|(name, _)| content::is_aside(name));
        let away: Vec<(String, u64)> = away;
        *files = kept;
        aside.extend(away.into_iter().map(|(name, _)| name));
    }
    aside
}

fn unopened(files: &[(String, u64)]) -> Arc<[AtomicBool]> {
    files.iter().map(|_| AtomicBool::new(false)).collect()
}

/// A URI's folder and its last part; None where there is no folder to open.
fn split(uri: &str) -> Option<(&str, &str)> {
    let scheme = uri.find("://").map_or(0, |at| at + 3);
    match uri[scheme..].rfind('/') {
        Some(0) if scheme == 0 => Some(("/", &uri[1..])),
        Some(at) => Some((&uri[..scheme + at], &uri[scheme + at + 1..])),
        None if scheme == 0 => Some((".", uri)),
        None => None,
    }
    .filter(|(_, name)| !name.is_empty() && *name != "." && *name != "..")
}

/// A name in lower case without a compression's ending.
pub fn bare(name: &str) -> String {
    let lower = name.to_lowercase();
    for ending in [".gz", ".zst", ".zstd"] {
        if let Some(stripped) = lower.strip_suffix(ending) {
            return stripped.to_owned();
        }
    }
    lower
}

/// A bucket's object, range by range.
struct Remote {
    store: Store,
    handle: Handle,
    name: String,
    size: u64,
    next: u64,
    held: Bytes,
}

impl Read for Remote {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.held.is_empty() && self.next < self.size {
            let end = (self.next + RANGE).min(self.size);
            let fetch = self.store.get_range(&self.name, self.next..end);
            self.held = self.handle.block_on(fetch).map_err(io::Error::other)?;
            if self.held.is_empty() {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the object was cut short",
                ));
            }
            self.next += self.held.len() as u64;
        }
        let n = self.held.len().min(out.len());
        out[..n].copy_from_slice(&self.held.split_to(n));
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::{bare, split};

    #[test]
    fn uris_are_split_at_their_last_part() {
        for (uri, parts) in [
            ("a/b.jsonl", Some(("a", "b.jsonl"))),
            ("b.jsonl", Some((".", "b.jsonl"))),
            ("/b.jsonl", Some(("/", "b.jsonl"))),
            ("s3://bucket/dir/x.tar", Some(("s3://bucket/dir", "x.tar"))),
            ("s3://bucket", None),
            ("..", None),
        ] {
            assert_eq!(split(uri), parts, "{uri}");
        }
        assert_eq!(bare("A.JSONL.gz"), "a.jsonl");
    }
}
