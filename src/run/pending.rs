//! Counting tasks that a producer has started, so that it can wait for the last one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// A count of live tasks. Cheap to clone.
#[derive(Clone, Default)]
pub struct Pending {
    inner: Arc<(AtomicUsize, Notify)>,
}

/// One task; counted until dropped.
pub struct Ticket(Pending);

impl Pending {
    pub fn ticket(&self) -> Ticket {
        self.inner.0.fetch_add(1, Ordering::AcqRel);
        Ticket(self.clone())
    }

    /// Resolves when no ticket is out.
    pub async fn drained(&self) {
        loop {
            let notified = self.inner.1.notified();
            if self.inner.0.load(Ordering::Acquire) == 0 {
                return;
            }
            notified.await;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.0.inner.0.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.inner.1.notify_waiters();
        }
    }
}
