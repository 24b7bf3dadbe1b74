//! A guard for formats whose parser holds a whole record: a quote that is never closed must not
//! bring a file of any size into memory.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Passes bytes on until the budget is spent; whoever reads records renews it for each.
pub struct Records<R> {
    inner: R,
    left: Arc<AtomicU64>,
}

/// See `Records`.
#[derive(Clone)]
pub struct Budget {
    left: Arc<AtomicU64>,
    max: u64,
}

impl Budget {
    /// Called at the start of each record.
    pub fn renew(&self) {
        self.left.store(self.max, Ordering::Relaxed);
    }
}

impl<R: Read> Records<R> {
    /// `max`: the longest record, in bytes (a parser's read-ahead is allowed for).
    pub fn new(inner: R, max: u64) -> (Records<R>, Budget) {
        let left = Arc::new(AtomicU64::new(max));
        (Records { inner, left: Arc::clone(&left) }, Budget { left, max: max.max(1 << 16) })
    }
}

impl<R: Read> Read for Records<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return Err(io::Error::other("a record is over the bound (is a quote left open?)"));
        }
        let n = self.inner.read(out)?;
        self.left.store(left.saturating_sub(n as u64), Ordering::Relaxed);
        Ok(n)
    }
}
