//! A large local object while it is written: staged beside its name, renamed when it is whole. Small
//! objects, and those in buckets, are written by `object_store`.
//!
//! What is written is sent to the disk at once, past the page cache where that can be (`direct`),
//! else by flushes beside the writing; else gigabytes wait for the one flush at the end, and disk
//! and encoder take turns where they could work together.

use crate::store::StoreError;
use crate::store::buffers::Buffers;
use crate::store::direct::{Direct, Written};
use crate::store::error::from_io;
use futures::FutureExt;
use object_store::{MultipartUpload, PutPayload, PutResult, UploadPart};
use parking_lot::Mutex;
use std::fs::File;
use std::io::{ErrorKind, Result};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes written between two flushes: some milliseconds of a fast disk.
const FLUSH: u64 = 32 << 20;

/// See the module's header. Dropped unfinished, it takes its file with it.
#[derive(Debug)]
pub(super) struct Staged {
    file: Arc<File>,
    direct: Option<Arc<Direct>>,
    /// One write at a time, as in `Direct`.
    writing: Arc<Mutex<()>>,
    staging: Option<PathBuf>,
    dest: PathBuf,
    offset: u64,
    flushed: u64,
    flushing: Arc<AtomicBool>,
    /// What a flush met: the system tells it once, so it must be kept for the end. Held while one
    /// is under way.
    failed: Arc<Mutex<Option<std::io::Error>>>,
}

impl Staged {
    /// Begins the object at `dest`; `place` is how an error names it.
    pub async fn create(dest: PathBuf, place: String) -> std::result::Result<Staged, StoreError> {
        let path = dest.clone();
        let begun = tokio::task::spawn_blocking(move || begin(&path)).await;
        let (file, staging) = begun
            .map_err(std::io::Error::other)
            .and_then(|begun| begun)
            .map_err(|e| from_io(place, &e))?;
        Ok(Staged {
            file: Arc::new(file),
            direct: Direct::open(&staging, Buffers::default()).map(Arc::new),
            writing: Arc::default(),
            staging: Some(staging),
            dest,
            offset: 0,
            flushed: 0,
            flushing: Arc::default(),
            failed: Arc::default(),
        })
    }

    /// Sends what was written to the disk, beside the writing.
    fn flush(&mut self) {
        if self.direct.as_ref().is_some_and(|direct| direct.works()) {
            return;
        }
        if self.offset - self.flushed < FLUSH || self.flushing.swap(true, Ordering::AcqRel) {
            return;
        }
        self.flushed = self.offset;
        let (file, flushing) = (self.file.clone(), self.flushing.clone());
        let failed = self.failed.clone();
        drop(tokio::task::spawn_blocking(move || {
            let mut failed = failed.lock();
            if let Err(error) = file.sync_data() {
                *failed = Some(error);
            }
            drop(failed);
            flushing.store(false, Ordering::Release);
        }));
    }
}

/// A file that was not there, `name#1` or the next number, as `Store::list` and `clean` know it.
fn begin(dest: &Path) -> Result<(File, PathBuf)> {
    let mut number = 1;
    loop {
        let mut staging = dest.as_os_str().to_owned();
        staging.push(format!("#{number}"));
        match File::create_new(&staging) {
            Ok(file) => return Ok((file, staging.into())),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(e) if e.kind() == ErrorKind::NotFound => folder(dest.parent().ok_or(e)?)?,
            Err(e) => return Err(e),
        }
    }
}

/// Makes a folder and those above it, each durable in the one that holds it.
pub(super) fn folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let Some(parent) = path.parent() else { return Ok(()) };
    folder(parent)?;
    match std::fs::create_dir(path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
        _ => File::open(parent)?.sync_all(),
    }
}

/// Writes through the page cache.
fn usual(file: &File, writing: &Mutex<()>, data: PutPayload, mut at: u64) -> Result<()> {
    let _turn = writing.lock();
    data.into_iter().try_for_each(|bytes| {
        file.write_all_at(&bytes, at)?;
        at += bytes.len() as u64;
        Ok(())
    })
}

fn finish(file: &File, staging: &Path, dest: &Path) -> Result<()> {
    file.sync_all()?;
    std::fs::rename(staging, dest)?;
    let Some(parent) = dest.parent() else { return Ok(()) };
    File::open(parent)?.sync_all()
}

/// An error of the file system as the other stores would give it: `StoreError` looks inside.
fn generic(error: impl std::error::Error + Send + Sync + 'static) -> object_store::Error {
    object_store::Error::Generic { store: "a local file", source: Box::new(error) }
}

#[async_trait::async_trait]
impl MultipartUpload for Staged {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (file, writing, at) = (self.file.clone(), self.writing.clone(), self.offset);
        let (direct, length) = (self.direct.clone(), data.content_length());
        self.offset += length as u64;
        self.flush();
        let write = move || match direct.filter(|direct| direct.fits(length, at)) {
            None => usual(&file, &writing, data, at),
            Some(direct) => match direct.write(data, length, at)? {
                Written::Whole => Ok(()),
                Written::Refused(bytes) => usual(&file, &writing, bytes.into(), at),
            },
        };
        let written = tokio::task::spawn_blocking(write);
        async move { written.await.map_err(generic)?.map_err(generic) }.boxed()
    }

    async fn complete(&mut self) -> object_store::Result<PutResult> {
        let staging = self.staging.take().ok_or_else(|| generic(std::fmt::Error))?;
        let (file, dest, failed) = (self.file.clone(), self.dest.clone(), self.failed.clone());
        let finished = tokio::task::spawn_blocking(move || {
            let failed = failed.lock().take();
            let finished = failed.map_or_else(|| finish(&file, &staging, &dest), Err);
            if finished.is_err() {
                let _ = std::fs::remove_file(&staging);
            }
            finished
        });
        finished.await.map_err(generic)?.map_err(generic)?;
        Ok(PutResult { e_tag: None, version: None, extensions: Default::default() })
    }

    async fn abort(&mut self) -> object_store::Result<()> {
        if let Some(staging) = self.staging.take() {
            let removed = tokio::task::spawn_blocking(move || std::fs::remove_file(staging));
            removed.await.map_err(generic)?.map_err(generic)?;
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(staging) = self.staging.take() {
            let _ = std::fs::remove_file(staging);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_flush_met_is_told_at_the_end_and_nothing_appears() {
        let folder = tempfile::tempdir().unwrap();
        let dest = folder.path().join("sub/object");
        for broken in [true, false] {
            let mut staged = Staged::create(dest.clone(), "object".to_string()).await.unwrap();
            staged.put_part(PutPayload::from_static(b"bytes")).await.unwrap();
            *staged.failed.lock() = broken.then(|| ErrorKind::StorageFull.into());
            assert_eq!(staged.complete().await.is_err(), broken);
            assert_eq!(dest.exists(), !broken);
            let there = std::fs::read_dir(folder.path().join("sub")).unwrap().count();
            assert_eq!(there, usize::from(!broken), "nothing is left beside it");
        }
        assert_eq!(std::fs::read(&dest).unwrap(), b"bytes");
    }

    #[tokio::test]
    async fn parts_are_the_same_file_with_and_without_the_page_cache() {
        let folder = tempfile::tempdir().unwrap();
        let parts: Vec<Vec<u8>> = [4096 * 3, 4096, 4097, 5].map(|len| vec![len as u8; len]).into();
        for refused_from in 0..=parts.len() {
            let dest = folder.path().join(refused_from.to_string());
            let mut staged = Staged::create(dest.clone(), "object".to_string()).await.unwrap();
            for (n, part) in parts.iter().enumerate() {
                if let (true, Some(direct)) = (n == refused_from, &staged.direct) {
                    // No file system takes an offset that is negative to it.
                    let _ = direct.write([vec![0; 4096].into()], 4096, 1 << 63);
                    assert!(!direct.works());
                }
                staged.put_part(part.clone().into()).await.unwrap();
            }
            staged.complete().await.unwrap();
            assert!(std::fs::read(&dest).unwrap() == parts.concat(), "{refused_from}");
        }
    }
}
