//! Writes that go past the page cache, from buffers of our own that the disk can read. `staged` and
//! `batch` write this way.
//!
//! A large object is not read again soon, so gigabytes of page cache would be taken, filled and
//! given back for nothing, at the cost of what a reader beside us has there. Where a file system
//! knows no such writes, or wants other alignments, the caller writes as usual.

use crate::store::buffers::{ALIGN, Buffers};
use bytes::Bytes;
use parking_lot::Mutex;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Result};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// See the module's header.
#[derive(Debug)]
pub(super) struct Direct {
    file: File,
    buffers: Buffers,
    /// One write at a time: the system lets others spin on a processor until it is their turn.
    writing: Mutex<()>,
    refused: AtomicBool,
}

/// What became of a write.
pub(super) enum Written {
    Whole,
    /// These bytes must be written the usual way; whether some of them were does not matter.
    Refused(Bytes),
}

impl Direct {
    /// Another handle of the file at `path`, None where there is no such thing.
    pub fn open(path: &Path, buffers: Buffers) -> Option<Direct> {
        let file = OpenOptions::new().write(true).custom_flags(flag()?).open(path).ok()?;
        Some(Direct { file, buffers, writing: Mutex::default(), refused: AtomicBool::new(false) })
    }

    /// Whether the file system has taken every write so far.
    pub fn works(&self) -> bool {
        !self.refused.load(Ordering::Acquire)
    }

    /// Whether a write of `length` bytes at `at` can be tried.
    pub fn fits(&self, length: usize, at: u64) -> bool {
        let whole = |n: u64| n.is_multiple_of(ALIGN as u64);
        self.works() && length > 0 && whole(length as u64) && whole(at)
    }

    /// Writes `pieces`, `length` bytes together, at `at`, where that `fits`. They are let go before
    /// the disk is waited for.
    pub fn write<P: IntoIterator<Item = Bytes>>(
        &self,
        pieces: P,
        length: usize,
        at: u64,
    ) -> Result<Written> {
        let mut buffer = self.buffers.take(length);
        let mut rest = buffer.filling();
        for piece in pieces {
            let (here, after) = rest.split_at_mut(piece.len());
            here.copy_from_slice(&piece);
            rest = after;
        }
        let bytes = buffer.filled();
        let turn = self.writing.lock();
        let written = self.file.write_all_at(&bytes, at);
        drop(turn);
        match written {
            Ok(()) => Ok(Written::Whole),
            // Of the alignment; or the rest of a write that ended early, which a full disk does.
            Err(e) if e.kind() == ErrorKind::InvalidInput => {
                self.refused.store(true, Ordering::Release);
                Ok(Written::Refused(bytes))
            }
            Err(e) => Err(e),
        }
    }
}

fn flag() -> Option<i32> {
    #[cfg(target_os = "linux")]
    return Some(libc::O_DIRECT);
    #[cfg(not(target_os = "linux"))]
    return None;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_size_make_up_whole_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"").unwrap();
        let Some(direct) = Direct::open(&path, Buffers::default()) else {
            return; // This file system knows no such writes.
        };
        for (length, at) in [(ALIGN - 1, 0), (ALIGN, 7), (0, 0)] {
            assert!(!direct.fits(length, at));
        }
        let bytes: Vec<u8> = (0..3 * ALIGN).map(|n| (n % 251) as u8).collect();
        for at in [0, bytes.len() as u64] {
            assert!(direct.fits(bytes.len(), at));
            let pieces = bytes.chunks(1000).map(Bytes::copy_from_slice);
            match direct.write(pieces, bytes.len(), at).unwrap() {
                Written::Whole => {}
                Written::Refused(back) => {
                    return assert_eq!((&back[..], direct.works()), (&bytes[..], false));
                }
            }
        }
        assert_eq!(std::fs::read(&path).unwrap(), [&bytes[..], &bytes[..]].concat());
    }

    #[test]
    fn a_refusal_gives_the_bytes_back_and_is_remembered() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let Some(direct) = Direct::open(file.path(), Buffers::default()) else { return };
        let bytes = Bytes::from(vec![7; ALIGN]);
        // No file system takes an offset that is negative to it.
        match direct.write([bytes.clone()], ALIGN, 1 << 63).unwrap() {
            Written::Whole => panic!("written before the file's beginning"),
            Written::Refused(back) => assert_eq!(back, bytes),
        }
        assert!(!direct.works() && !direct.fits(ALIGN, 0));
    }
}
