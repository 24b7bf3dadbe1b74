//! Large buffers that go round: read into, sent on, and back here when the last holder is done.
//!
//! A fresh buffer costs more than it seems, since its pages must be fetched and filled with zeros
//! before a byte is read into them; one that was used before costs nothing. Whoever holds the bytes
//! knows nothing of it.

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;

/// What lies here unused, in bytes.
const SPARE: usize = 16 << 20;
/// Smaller ones are not worth it.
const SMALL: usize = 16 << 10;
/// A buffer begins at a multiple of this, for writes from memory that the disk reads itself.
pub(super) const ALIGN: usize = 4096;

/// Cheap to clone; buffers come back to the clone's source.
#[derive(Debug, Clone, Default)]
pub struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    fn spare(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock()
    }

    /// A buffer to be filled; what it holds is of no meaning.
    pub fn take(&self, len: usize) -> Buffer {
        let mut spare = self.spare();
        // The last that came is the likeliest to be in a cache; one of twice the size would be held
        // for half of its bytes.
        let fits = |bytes: &Vec<u8>| bytes.len() >= len + ALIGN && bytes.len() / 2 <= len + ALIGN;
        let at = if len < SMALL { None } else { spare.iter().rposition(fits) };
        let bytes = at.map(|at| spare.remove(at));
        drop(spare);
        let bytes = bytes.unwrap_or_else(|| vec![0; len + ALIGN]);
        let start = bytes.as_ptr().align_offset(ALIGN).min(ALIGN);
        Buffer { bytes, start, len, home: self.clone() }
    }

    fn give_back(&self, bytes: Vec<u8>) {
        if (SMALL..=SPARE).contains(&bytes.len()) {
            let mut spare = self.spare();
            let mut held: usize = spare.iter().map(Vec::len).sum::<usize>() + bytes.len();
            // The oldest go first: sizes that are not asked for any more must not stay for ever.
            while held > SPARE {
                held -= spare.remove(0).len();
            }
            spare.push(bytes);
        }
    }
}

/// A buffer on loan.
pub struct Buffer {
    /// At least `start + len`.
    bytes: Vec<u8>,
    start: usize,
    len: usize,
    home: Buffers,
}

impl Buffer {
    pub fn filling(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.len]
    }

    /// Filled: as bytes that come back by themselves.
    pub fn filled(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.home.give_back(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::{ALIGN, Buffers, SMALL, SPARE};

    #[test]
    fn buffers_come_back_when_the_last_holder_is_done_and_not_without_bound() {
        let buffers = Buffers::default();
        let mut first = buffers.take(100_000);
        first.filling().fill(7);
        let bytes = first.filled();
        let second = bytes.clone();
        drop(bytes);
        assert!(buffers.spare().is_empty());
        assert_eq!(second[..], [7; 100_000]);
        drop(second);
        assert_eq!(buffers.spare().len(), 1);
        assert_eq!(buffers.take(90_000).filled().len(), 90_000);
        drop(buffers.take(40_000));
        assert_eq!(buffers.spare().len(), 2, "a buffer of more than twice the size is not taken");
        drop(buffers.take(SMALL - ALIGN - 1));
        drop(buffers.take(SPARE - ALIGN + 1));
        assert_eq!(buffers.spare().len(), 2);
        drop(buffers.take(SPARE - ALIGN));
        assert_eq!(buffers.spare().len(), 1, "the oldest went");
    }

    #[test]
    fn a_buffer_begins_where_the_disk_wants_it() {
        for len in [1, SMALL, 100_000] {
            let bytes = Buffers::default().take(len).filled();
            assert_eq!((bytes.len(), bytes.as_ptr().align_offset(ALIGN)), (len, 0));
        }
    }
}
