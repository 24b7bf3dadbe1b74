//! An iterator walked on a thread of its own, a few values ahead of whoever asks.

use crate::env::ahead::{Bounds, Receiver, channel};
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};

/// Values of an iterator, in its order. Dropped, the walk ends at its next value.
pub struct Walk<T> {
    values: Receiver<T>,
    thread: Option<JoinHandle<()>>,
    handle: Handle,
}

impl<T: Send + 'static> Walk<T> {
    /// Begins to walk; `bytes` says how much a value holds. To be called, and asked, on a blocking
    /// thread of the runtime.
    pub fn start(
        handle: &Handle,
        bounds: Bounds,
        bytes: impl Fn(&T) -> usize + Send + 'static,
        values: impl Iterator<Item = T> + Send + 'static,
    ) -> Walk<T> {
        let (sender, receiver) = channel(bounds);
        let thread = handle.spawn_blocking(move || {
            for value in values {
                let bytes = bytes(&value);
                // Nobody asks any more: who asked has failed elsewhere.
                if sender.send_blocking(value, bytes).is_err() {
                    return;
                }
            }
        });
        Walk { values: receiver, thread: Some(thread), handle: handle.clone() }
    }

    /// The next value. A walk that broke off is an error, never the end.
    pub fn pull(&mut self) -> Result<Option<T>, JoinError> {
        let value = self.values.recv_blocking().map(|(value, _room)| value);
        if value.is_none()
            && let Some(thread) = self.thread.take()
        {
            self.handle.block_on(thread)?;
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::Walk;
    use crate::env::ahead::Bounds;
    use tokio::runtime::Handle;

    const FEW: Bounds = Bounds { count: 2, bytes: 4 << 10 };

    #[tokio::test]
    async fn values_come_in_order_and_a_panic_is_not_the_end() {
        let handle = Handle::current();
        let walked = tokio::task::spawn_blocking(move || {
            let mut whole = Walk::start(&handle, FEW, |n| n << 10, 0..50usize);
            let mut all = Vec::new();
            while let Some(n) = whole.pull().unwrap() {
                all.push(n);
            }
            let torn = (0..3).inspect(|n| assert!(*n < 2, "as it must"));
            let mut torn = Walk::start(&handle, FEW, |_| 0, torn);
            let seen = [torn.pull().unwrap(), torn.pull().unwrap()];
            (all, seen, torn.pull().is_err())
        });
        let (all, seen, broke) = walked.await.unwrap();
        assert_eq!(all, (0..50).collect::<Vec<_>>());
        assert_eq!((seen, broke), ([Some(0), Some(1)], true));
    }
}
