//! Many objects that are one whole, as the image files of an export are. That the whole is there is
//! said by an object written after it (`export.json`).
//!
//! Before that nobody relies on any of them, so a local file needs no other name until it is
//! complete, and its folder is made durable once, not once a file; large ones pass the page cache
//! (`direct`).

use crate::store::buffers::{ALIGN, Buffers};
use crate::store::direct::{Direct, Written};
use crate::store::error::from_io;
use crate::store::staged::folder;
use crate::store::{Store, StoreError};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Result};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Smaller files go through the page cache.
const LARGE: usize = 64 << 10;

/// See `Store::batch`.
pub struct Batch {
    store: Store,
    buffers: Buffers,
    /// Those of local files, durable at the end.
    folders: Mutex<BTreeSet<PathBuf>>,
}

impl Batch {
    pub(super) fn new(store: Store) -> Batch {
        Batch { store, buffers: Buffers::default(), folders: Mutex::default() }
    }

    /// Writes an object, over one that is there. It may be there in part until this returns, and be
    /// lost by a power cut until `finish` does.
    pub async fn put(&self, name: &str, bytes: Bytes) -> std::result::Result<(), StoreError> {
        self.store.path(name)?;
        let Some(path) = self.store.local_path(name) else {
            return self.store.put(name, bytes).await;
        };
        if let Some(parent) = path.parent() {
            let mut folders = self.folders.lock();
            if !folders.contains(parent) {
                folders.insert(parent.to_path_buf());
            }
        }
        let buffers = self.buffers.clone();
        aside(&self.store, name, move || write(&path, bytes, buffers)).await
    }

    /// Durable, all of them, when it returns.
    pub async fn finish(self) -> std::result::Result<(), StoreError> {
        let folders = self.folders.into_inner();
        let flush = move || folders.iter().try_for_each(|path| File::open(path)?.sync_all());
        aside(&self.store, "", flush).await
    }
}

/// Work that waits for the disk, on a thread that may.
async fn aside(
    store: &Store,
    name: &str,
    work: impl FnOnce() -> Result<()> + Send + 'static,
) -> std::result::Result<(), StoreError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other);
    done.and_then(|done| done).map_err(|e| from_io(store.place(name), &e))
}

/// A durable file, but for its name.
fn write(path: &Path, bytes: Bytes, buffers: Buffers) -> Result<()> {
    let file = create(path)?;
    let whole = bytes.len() - bytes.len() % ALIGN;
    let mut rest = bytes.clone();
    if whole >= LARGE
        && let Some(direct) = Direct::open(path, buffers)
        && let Written::Whole = direct.write([bytes.slice(..whole)], whole, 0)?
    {
        rest = bytes.slice(whole..);
    }
    file.write_all_at(&rest, (bytes.len() - rest.len()) as u64)?;
    file.sync_data()
}

fn create(path: &Path) -> Result<File> {
    match File::create(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            folder(path.parent().ok_or(e)?)?;
            File::create(path)
        }
        made => made,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_of_any_size_are_what_was_put() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().to_str().unwrap()).unwrap();
        let sizes = [0, 1, ALIGN, LARGE - 1, LARGE, LARGE + 1, 300_000, 2 * LARGE];
        for round in [1, 2] {
            let batch = store.batch();
            for size in sizes {
                let bytes = vec![round; size * usize::from(round)];
                batch.put(&format!("a/b/{size}"), bytes.into()).await.unwrap();
            }
            batch.finish().await.unwrap();
            for size in sizes {
                let found = std::fs::read(folder.path().join(format!("a/b/{size}"))).unwrap();
                assert!(found == vec![round; size * usize::from(round)], "{size}, round {round}");
            }
        }
        let there = std::fs::read_dir(folder.path().join("a/b")).unwrap().count();
        assert_eq!(there, sizes.len(), "nothing lies beside them");
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().to_str().unwrap()).unwrap();
        std::fs::write(folder.path().join("a"), b"a file").unwrap();
        let error = store.batch().put("a/b", Bytes::from_static(b"x")).await.unwrap_err();
        assert!(error.to_string().contains("a/b"), "{error}");
        for outside in ["../b", "/b", "a/../b", ""] {
            let put = store.batch().put(outside, Bytes::from_static(b"x")).await;
            assert!(matches!(put, Err(StoreError::Location { .. })), "{outside}");
        }
    }
}
