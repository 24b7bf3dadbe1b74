//! A guard for formats whose parser holds a whole record or header: a quote that is never closed,
//! or an archive's name of a terabyte, must not bring a file of any size into memory.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Passes bytes on until the budget is spent; whoever reads records renews it for each.
pub struct Records<R> {
    inner: R,
    budget: Budget,
    /// What the error says.
    over: &'static str,
}

/// See `Records`.
#[derive(Clone, Default)]
pub struct Budget {
    left: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
}

impl Budget {
    /// Called at the start of each record: so many bytes may be read until the next.
    pub fn set(&self, bytes: u64) {
        self.left.store(bytes, Ordering::Relaxed);
    }

    /// Whether the reader has come to the end of its bytes.
    pub fn at_end(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

impl<R: Read> Records<R> {
    /// Nothing passes until `Budget::set`; `over` says what it means when the budget is spent.
    pub fn new(inner: R, over: &'static str) -> (Records<R>, Budget) {
        let budget = Budget::default();
        (Records { inner, budget: budget.clone(), over }, budget)
    }
}

impl<R: Read> Read for Records<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.budget.left.load(Ordering::Relaxed);
        if left == 0 {
            return Err(io::Error::other(self.over));
        }
        let n = self.inner.read(out)?;
        self.budget.set(left.saturating_sub(n as u64));
        if n == 0 && !out.is_empty() {
            self.budget.ended.store(true, Ordering::Relaxed);
        }
        Ok(n)
    }
}
