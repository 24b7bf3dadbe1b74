//! A URI (`dir`, `file://`, `memory://`, `s3://`, `gs://`, `az://`) opened for reading and writing.
//!
//! Names are untrusted and relative; whatever a store says becomes one of few errors. See `open` for
//! how a URI becomes a client, `writer` for how large objects are fed.

use crate::store::error::{from_io, from_object_store};
use crate::store::open::{Backend, Patience, backend};
use crate::store::walk::walk;
use crate::store::{Batch, Ranges, Reader, StoreError, StoreWriter};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Attribute, AttributeValue, Attributes, GetOptions, ObjectStore, ObjectStoreExt, PutMode,
    PutOptions,
};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// The outcome of a put-if-absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    New,
    AlreadyThere,
}

/// A place that holds named objects. Cheap to clone. Names are `/`-separated, relative.
#[derive(Clone)]
pub struct Store {
    backend: Arc<Backend>,
    /// Where this store begins in the backend: no leading or trailing `/`; empty at its root.
    prefix: String,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.uri())
    }
}

/// Tries of a create whose outcome is unknown, on top of the client's own.
const CREATE_TRIES: usize = 3;

/// Object metadata that tells a writer its own object from another's (see `Store::create`).
const NONCE: Attribute = Attribute::Metadata(Cow::Borrowed("coldstart_nonce"));

/// How a client says that no answer came.
const UNREACHED: [&str; 4] = ["error sending request", "connect", "timed out", "dns"];

impl Store {
    /// A half-written file this old has no writer any more; see `clean`.
    pub const STALE_MS: u64 = 3_600_000;

    /// Opens `uri`; a bare path is a local directory (made when first written). Bucket
    /// credentials come from the environment. `memory://` is a fresh store on every call.
    pub fn open(uri: &str) -> Result<Store, StoreError> {
        Ok(Store { backend: Arc::new(backend(uri, Patience::Usual)?), prefix: String::new() })
    }

    /// As the user would type it.
    pub fn uri(&self) -> String {
        self.place("")
    }

    /// The same place by a client that does not ask again; a store in memory is itself.
    pub(super) fn hasty(&self) -> Result<Store, StoreError> {
        if !self.backend.remote {
            return Ok(self.clone());
        }
        let backend = Arc::new(backend(&self.backend.uri, Patience::Hasty)?);
        Ok(Store { backend, prefix: self.prefix.clone() })
    }

    /// For messages: the server's address.
    pub(super) fn server(&self) -> Option<String> {
        let server = self.backend.server.as_ref()?;
        Some(format!("the server at `{}`", server.as_str().trim_end_matches('/')))
    }

    /// The local path of `name`, when the store is a local directory.
    pub fn local_path(&self, name: &str) -> Option<std::path::PathBuf> {
        let mut path = self.backend.local.clone()?;
        for part in self.prefix.split('/').chain(name.split('/')) {
            match part {
                "" | "." => {}
                ".." => return None,
                part => path.push(part),
            }
        }
        Some(path)
    }

    /// True for buckets: a round trip costs tens of milliseconds.
    pub fn is_remote(&self) -> bool {
        self.backend.remote
    }

    /// A store whose names are under `prefix` of this one.
    pub fn under(&self, prefix: &str) -> Store {
        let joined = format!("{}/{}", self.prefix, prefix.trim_matches('/'));
        Store { backend: Arc::clone(&self.backend), prefix: joined.trim_matches('/').to_string() }
    }

    pub async fn get(&self, name: &str) -> Result<Bytes, StoreError> {
        let path = self.path(name)?;
        let got = self.object().get(&path).await.map_err(|e| self.error(name, e))?;
        got.bytes().await.map_err(|e| self.error(name, e))
    }

    /// The bytes of `range`; shorter when the object ends before it does.
    pub async fn get_range(
        &self,
        name: &str,
        range: std::ops::Range<u64>,
    ) -> Result<Bytes, StoreError> {
        let path = self.path(name)?;
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        self.object().get_range(&path, range).await.map_err(|e| self.error(name, e))
    }

    /// A handle for many small reads of one object.
    pub async fn reader(&self, name: &str) -> Result<Reader, StoreError> {
        Reader::open(self, name).await
    }

    /// As `reader`, of an object that was listed with `size` bytes.
    pub fn listed_reader(&self, name: &str, size: u64) -> Result<Reader, StoreError> {
        Reader::listed(self, name, size)
    }

    /// Ranges of one Parquet object; to be asked for on a blocking thread.
    pub async fn ranges(&self, name: &str) -> Result<Ranges, StoreError> {
        Ranges::open(self, name).await
    }

    pub async fn size(&self, name: &str) -> Result<u64, StoreError> {
        let path = self.path(name)?;
        // Locally a microsecond: less than to hand it to another thread.
        if let Some(file) = self.local_path(name) {
            return match std::fs::metadata(file) {
                Ok(meta) if meta.is_file() => Ok(meta.len()),
                Ok(_) => Err(StoreError::NotFound { place: self.place(name) }),
                Err(e) => Err(from_io(self.place(name), &e)),
            };
        }
        Ok(self.object().head(&path).await.map_err(|e| self.error(name, e))?.size)
    }

    pub async fn exists(&self, name: &str) -> Result<bool, StoreError> {
        match self.size(name).await {
            Ok(_) => Ok(true),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Atomic replace, durable when it returns.
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), StoreError> {
        let path = self.path(name)?;
        self.object().put(&path, bytes.into()).await.map_err(|e| self.error(name, e))?;
        Ok(())
    }

    /// Put-if-absent, durable when it returns. Exactly one of several racing writers gets `New`.
    ///
    /// A PUT whose reply was lost is sent again and then meets its own object; a nonce in the
    /// object's metadata tells that from another's.
    pub async fn create(&self, name: &str, bytes: Bytes) -> Result<Created, StoreError> {
        let path = self.path(name)?;
        let mut options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let nonce = format!("{:016x}{:016x}", entropy(), entropy());
        if self.backend.remote {
            options.attributes =
                Attributes::from_iter([(NONCE, AttributeValue::from(nonce.clone()))]);
        }
        let mut tries = 0..CREATE_TRIES;
        loop {
            let put = self.object().put_opts(&path, bytes.clone().into(), options.clone()).await;
            let again = tries.next().is_some();
            match put {
                Ok(_) => return Ok(Created::New),
                Err(e @ object_store::Error::AlreadyExists { .. }) => {
                    if !self.backend.remote {
                        return Ok(Created::AlreadyThere);
                    }
                    match self.whose(name, &path, &nonce).await? {
                        Some(created) => return Ok(created),
                        None if again => {}
                        None => return Err(self.error(name, e)),
                    }
                }
                // Written or not? Only another try tells.
                Err(object_store::Error::Generic { .. }) if self.backend.remote && again => {}
                Err(e) => return Err(self.error(name, e)),
            }
        }
    }

    /// Whether the object that is there is the one we sent; `None` when there is none after all
    /// (S3 answers 409 while another's conditional write is under way, which may yet fail).
    async fn whose(
        &self,
        name: &str,
        path: &Path,
        nonce: &str,
    ) -> Result<Option<Created>, StoreError> {
        let head = GetOptions { head: true, ..GetOptions::default() };
        match self.object().get_opts(path, head).await {
            Ok(got) if got.attributes.get(&NONCE).is_some_and(|n| n.as_ref() == nonce) => {
                Ok(Some(Created::New))
            }
            Ok(_) => Ok(Some(Created::AlreadyThere)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(self.error(name, e)),
        }
    }

    /// Deleting what is not there is no error.
    pub async fn delete(&self, name: &str) -> Result<(), StoreError> {
        let path = self.path(name)?;
        match self.object().delete(&path).await.map_err(|e| self.error(name, e)) {
            Err(StoreError::NotFound { .. }) => Ok(()),
            other => other,
        }
    }

    /// `delete` of many: a bucket takes up to a thousand in one request.
    pub async fn delete_all(&self, names: &[String]) -> Result<(), StoreError> {
        let paths = names.iter().map(|name| self.path(name)).collect::<Result<Vec<_>, _>>()?;
        let paths = futures::stream::iter(paths.into_iter().map(Ok)).boxed();
        // Which of them it is, the object store's own words say.
        let folder = names.first().and_then(|name| name.rsplit_once('/')).map_or("", |(of, _)| of);
        let mut deleted = self.object().delete_stream(paths);
        while let Some(one) = deleted.next().await {
            match one.map_err(|e| self.error(folder, e)) {
                Ok(_) | Err(StoreError::NotFound { .. }) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Names (relative to this store) with their sizes under the folder `prefix`, sorted by name.
    /// What a crashed writer left half-written is not among them.
    pub async fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let folder = prefix.trim_matches('/');
        let path = match folder {
            "" => self.backend.base_under(&self.prefix),
            folder => self.path(folder)?,
        };
        let root = self.backend.base_under(&self.prefix);
        let cut = match root.as_ref().len() {
            0 => 0,
            n => n + 1,
        };
        let found: Result<Vec<(String, u64)>, _> = self
            .object()
            .list(Some(&path))
            .map_ok(|meta| {
                (meta.location.as_ref().get(cut..).unwrap_or_default().to_string(), meta.size)
            })
            .try_collect()
            .await;
        let mut found = match (found, self.local_path(folder)) {
            (Ok(found), _) => found,
            // One name that is no text does not hide the others.
            (Err(object_store::Error::InvalidPath { .. }), Some(local)) if local.is_dir() => {
                walk(&local, folder).files
            }
            (Err(e), _) => return Err(self.error(prefix, e)),
        };
        found.retain(|(name, _)| !name.is_empty());
        found.sort_unstable();
        Ok(found)
    }

    /// Deletes what crashed writers left half-written under the folder `prefix` before
    /// `before_ms` (Unix milliseconds; those at work are younger than `STALE_MS`). Only a local
    /// directory shows such files; a bucket's own lifecycle rules remove unfinished uploads.
    pub fn clean(&self, prefix: &str, before_ms: u64) -> Result<usize, StoreError> {
        let Some(folder) = self.local_path(prefix) else { return Ok(0) };
        let of_io = |e: std::io::Error| from_io(self.place(prefix), &e);
        let mut deleted = 0;
        let mut folders = vec![folder];
        while let Some(folder) = folders.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                entries => entries.map_err(of_io)?,
            };
            for entry in entries {
                let entry = entry.map_err(of_io)?;
                // Gone meanwhile: its writer has finished.
                let Ok(meta) = entry.metadata() else { continue };
                let age = meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
                let old = age.is_some_and(|age| (age.as_millis() as u64) < before_ms);
                if meta.is_dir() {
                    folders.push(entry.path());
                } else if old && is_staging(&entry.file_name().to_string_lossy()) {
                    deleted += usize::from(std::fs::remove_file(entry.path()).is_ok());
                }
            }
        }
        Ok(deleted)
    }

    /// A writer that uploads as it is fed (multipart) and appears under `name`, whole, only on
    /// `finish`.
    pub async fn writer(&self, name: &str) -> Result<StoreWriter, StoreError> {
        Ok(StoreWriter::new(self.clone(), name, self.path(name)?))
    }

    /// Many objects of which none counts before all are there; at a bucket, plain puts.
    pub fn batch(&self) -> Batch {
        Batch::new(self.clone())
    }

    pub(super) fn object(&self) -> &dyn ObjectStore {
        self.backend.object.as_ref()
    }

    pub(super) fn error(&self, name: &str, error: object_store::Error) -> StoreError {
        let mut error = from_object_store(self.place(name), error);
        if let (StoreError::Other { what, .. }, Some(server)) = (&mut error, &self.backend.server)
            && UNREACHED.iter().any(|word| what.contains(word))
            && let Some(proxy) = crate::env::proxy::named(server)
        {
            what.push_str(&format!(" (asked{proxy})"));
        }
        error
    }

    /// `name` as the user would type it.
    pub fn place(&self, name: &str) -> String {
        let mut place = self.backend.uri.clone();
        for part in [self.prefix.as_str(), name.trim_matches('/')] {
            if !part.is_empty() {
                if !place.ends_with('/') {
                    place.push('/');
                }
                place.push_str(part);
            }
        }
        place
    }

    /// The backend's path of `name`; refuses what could leave the store or meet a writer's
    /// staging file (`name#1`).
    pub(super) fn path(&self, name: &str) -> Result<Path, StoreError> {
        let refuse = |what: &str| StoreError::Location {
            place: format!("{}/{}", self.uri(), name.escape_debug()),
            what: what.to_string(),
        };
        if name.is_empty() || name.starts_with('/') {
            return Err(refuse("a name inside a store is relative and not empty"));
        }
        for part in name.split('/') {
            if matches!(part, "" | "." | "..") {
                return Err(refuse("a name inside a store has no empty, `.` or `..` part"));
            }
            if part.contains(|c: char| c.is_control() || c == '\\') {
                return Err(refuse("a name inside a store has no control character or backslash"));
            }
        }
        if is_staging(name) {
            return Err(refuse(
                "a name ending in `#` and digits is reserved for unfinished writes",
            ));
        }
        let base = self.backend.base_under(&self.prefix);
        let whole = match base.as_ref() {
            "" => name.to_string(),
            base => format!("{base}/{name}"),
        };
        Path::parse(whole).map_err(|e| refuse(&e.to_string()))
    }
}

/// Whether `name` is what the local store calls a file that is being written.
pub(super) fn is_staging(name: &str) -> bool {
    name.rsplit_once('#')
        .is_some_and(|(_, digits)| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Bits that no other process draws. Names nothing and orders nothing, so it never shows in data.
pub(super) fn entropy() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}
