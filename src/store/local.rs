//! An open local file: small reads as they are, large ones into buffers that come back.
//!
//! A read from the page cache costs microseconds, less than to hand it to another thread; where
//! large reads follow each other, the system is asked for the next ones beforehand, so that a disk
//! and whoever uses the bytes work at the same time.

use crate::store::buffers::Buffers;
use bytes::Bytes;
use rustix::buffer::spare_capacity;
use std::fs::File;
use std::io::Result;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Smaller reads are not worth a buffer that comes back, nor a hint.
const LARGE: usize = 256 << 10;
/// What is asked for beyond a large read: some milliseconds of a fast disk.
const AHEAD: u64 = 16 << 20;
/// A large read that begins this near behind the last one follows it: other columns' pages, headers.
const NEAR: u64 = 2 << 20;

/// See the module's header.
pub(super) struct Local {
    file: File,
    buffers: Buffers,
    /// Where the last large read ended.
    last: AtomicU64,
    /// Up to where the system was asked.
    asked: AtomicU64,
}

impl Local {
    pub fn open(path: &Path) -> Result<Local> {
        let (file, buffers) = (File::open(path)?, Buffers::default());
        Ok(Local { file, buffers, last: AtomicU64::new(0), asked: AtomicU64::new(0) })
    }

    pub fn size(&self) -> Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// `len` bytes from `offset`.
    pub fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        if len < LARGE {
            return small(&self.file, offset, len);
        }
        if let Some((from, upto)) = self.next(offset, len as u64) {
            ask(&self.file, from, upto - from);
        }
        let mut buffer = self.buffers.take(len);
        self.file.read_exact_at(buffer.filling(), offset)?;
        Ok(buffer.filled())
    }

    /// What to ask for, given a large read; None where it follows none, or enough is asked for. Of
    /// racing reads one may ask for what another does, which costs nothing but time.
    fn next(&self, offset: u64, len: u64) -> Option<(u64, u64)> {
        let end = offset + len;
        let last = self.last.swap(end, Ordering::Relaxed);
        if !(last..=last.saturating_add(NEAR)).contains(&offset) {
            return None;
        }
        let asked = self.asked.load(Ordering::Relaxed);
        // From this read on, where the reading has jumped past or before what was asked for.
        let from = if (offset..=end + AHEAD).contains(&asked) { asked } else { offset };
        if from > end + AHEAD / 2 {
            return None;
        }
        self.asked.store(end + AHEAD, Ordering::Relaxed);
        Some((from, end + AHEAD))
    }
}

/// Into memory that nobody zeroed first.
fn small(file: &File, offset: u64, len: usize) -> Result<Bytes> {
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        let at = offset + bytes.len() as u64;
        match rustix::io::pread(file, spare_capacity(&mut bytes), at) {
            Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    bytes.truncate(len);
    Ok(Bytes::from(bytes))
}

/// A hint: what comes of it is the system's affair.
fn ask(file: &File, from: u64, length: u64) {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{Advice, fadvise};
        let _ = fadvise(file, from, std::num::NonZero::new(length), Advice::WillNeed);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, from, length);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(bytes: &[u8]) -> (tempfile::NamedTempFile, Local) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let local = Local::open(file.path()).unwrap();
        (file, local)
    }

    #[test]
    fn reads_of_any_size_are_the_files_bytes() {
        let bytes: Vec<u8> = (0..3 * LARGE).map(|n| (n % 251) as u8).collect();
        let (_file, local) = local(&bytes);
        for (offset, len) in
            [(0, 10), (5, LARGE), (LARGE, 2 * LARGE), (3 * LARGE, 0), (7, LARGE - 1)]
        {
            let read = local.read_at(offset as u64, len).unwrap();
            assert!(read == bytes[offset..offset + len], "{len} from {offset}");
        }
        for len in [10, LARGE] {
            let error = local.read_at(3 * LARGE as u64 - 5, len).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn only_reads_that_follow_each_other_ask_for_more_and_for_nothing_twice() {
        let (_file, local) = local(b"");
        let len = 4 << 20;
        let mut asked = 0;
        for n in 0..100 {
            if let Some((from, upto)) = local.next(n * (len + 1000), len) {
                assert!(n == 0 || from == asked, "{from} after {asked}");
                asked = upto;
            }
            assert!(asked > n * (len + 1000) + len, "read {n} was not asked for");
        }
        for far in [1 << 40, 1 << 30, 0] {
            assert_eq!(local.next(far, len), None);
        }
        assert_eq!(local.next(len, len), Some((len, 2 * len + AHEAD)));
    }
}
