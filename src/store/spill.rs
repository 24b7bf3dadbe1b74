//! A local scratch file for rows that wait (at a barrier, or for the final sort): memory holds 12
//! bytes a row, the disk the rest. It has no name and is gone with the process.

use crate::store::StoreError;
use crate::store::error::from_io;
use parking_lot::{Mutex, MutexGuard};
use std::os::unix::fs::FileExt;

/// Rows gathered in memory before they are written.
const BUFFER: usize = 1 << 20;

/// Where a row lies in its `Spill`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpillRef {
    pub offset: u64,
    pub len: u32,
}

/// Append-only scratch. Thread-safe; buffered.
pub struct Spill {
    file: std::fs::File,
    tail: Mutex<Tail>,
}

struct Tail {
    /// Bytes in the file; the buffer begins there.
    written: u64,
    buffer: Vec<u8>,
}

impl Spill {
    /// In the system's temporary folder.
    pub fn new() -> Result<Spill, StoreError> {
        let file = tempfile::tempfile().map_err(|e| from_io(place(), &e))?;
        Ok(Spill { file, tail: Mutex::new(Tail { written: 0, buffer: Vec::new() }) })
    }

    /// Rows are at most 4 GiB.
    pub fn push(&self, bytes: &[u8]) -> Result<SpillRef, StoreError> {
        let len = u32::try_from(bytes.len()).map_err(|_| {
            let what = format!("a row of {} bytes is over 4 GiB", bytes.len());
            StoreError::other(place(), what)
        })?;
        let mut tail = self.tail();
        if tail.buffer.len() + bytes.len() > BUFFER && !tail.buffer.is_empty() {
            // At a fixed offset, so that a write that failed half-way can be tried again.
            self.file.write_all_at(&tail.buffer, tail.written).map_err(|e| from_io(place(), &e))?;
            tail.written += tail.buffer.len() as u64;
            tail.buffer.clear();
        }
        let at = SpillRef { offset: tail.written + tail.buffer.len() as u64, len };
        tail.buffer.extend_from_slice(bytes);
        Ok(at)
    }

    pub fn read(&self, at: SpillRef) -> Result<Vec<u8>, StoreError> {
        let len = at.len as usize;
        let tail = self.tail();
        if let Some(from) = at.offset.checked_sub(tail.written) {
            let row = tail.buffer.get(from as usize..).and_then(|rest| rest.get(..len));
            return row.map(<[u8]>::to_vec).ok_or_else(|| {
                StoreError::damaged(place(), "a row was asked for that was never written")
            });
        }
        drop(tail);
        let mut bytes = vec![0; len];
        self.file.read_exact_at(&mut bytes, at.offset).map_err(|e| from_io(place(), &e))?;
        Ok(bytes)
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock()
    }
}

fn place() -> String {
    format!("a scratch file in {}", std::env::temp_dir().display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_comes_back_from_file_or_buffer() -> Result<(), StoreError> {
        let spill = Spill::new()?;
        let row = |n: usize| vec![n as u8; n * 977 % 70_000];
        let at = (0..100).map(|n| spill.push(&row(n))).collect::<Result<Vec<_>, _>>()?;
        for (n, at) in at.into_iter().enumerate() {
            assert_eq!(spill.read(at)?, row(n));
        }
        Ok(())
    }
}
