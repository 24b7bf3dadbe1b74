//! A queue for what is scarce, and permits that are handed along it.
//!
//! First come first served, but a call that was tried before goes ahead of those that were not. What
//! was begun ends soon, and a run does not end with the left-over failures of its whole length. See
//! `gate` and `limited` for how much there is of it.

use parking_lot::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Who is served first of those who wait: a call that was tried before, then the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Its first try.
    First,
    /// It was tried before.
    Retry,
}

/// Waiters for a `T`; one that is dropped leaves the queue.
pub struct WaitQueue<T> {
    retries: VecDeque<oneshot::Sender<T>>,
    first: VecDeque<oneshot::Sender<T>>,
}

impl<T> WaitQueue<T> {
    pub fn new() -> WaitQueue<T> {
        WaitQueue { retries: VecDeque::new(), first: VecDeque::new() }
    }

    pub fn join(&mut self, priority: Priority) -> oneshot::Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        match priority {
            Priority::Retry => self.retries.push_back(sender),
            Priority::First => self.first.push_back(sender),
        }
        receiver
    }

    /// The next who still waits.
    pub fn next(&mut self) -> Option<oneshot::Sender<T>> {
        self.skip();
        self.retries.pop_front().or_else(|| self.first.pop_front())
    }

    pub fn is_empty(&mut self) -> bool {
        self.skip();
        self.retries.is_empty() && self.first.is_empty()
    }

    /// Drops those at the head that wait no more.
    fn skip(&mut self) {
        for queue in [&mut self.retries, &mut self.first] {
            while queue.front().is_some_and(oneshot::Sender::is_closed) {
                queue.pop_front();
            }
        }
    }
}

/// So many permits, and a queue for them. Cheap to clone.
#[derive(Clone)]
pub struct Permits {
    state: Arc<Mutex<State>>,
}

struct State {
    free: usize,
    queue: WaitQueue<Permit>,
}

/// One permit; it goes to the next in the queue when dropped.
pub struct Permit {
    permits: Permits,
}

impl Permits {
    pub fn new(free: usize) -> Permits {
        Permits { state: Arc::new(Mutex::new(State { free, queue: WaitQueue::new() })) }
    }

    /// Waits for a permit. None only when all permits are gone.
    pub async fn acquire(&self, priority: Priority) -> Option<Permit> {
        let waiting = {
            let mut state = self.lock();
            if state.free > 0 {
                state.free -= 1;
                return Some(Permit { permits: self.clone() });
            }
            state.queue.join(priority)
        };
        waiting.await.ok()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let next = {
            let mut state = self.permits.lock();
            let next = state.queue.next();
            state.free += usize::from(next.is_none());
            next
        };
        if let Some(next) = next {
            // Who gave up meanwhile drops it, and so hands it on.
            let _ = next.send(Permit { permits: self.permits.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Permits, Priority};
    use futures::FutureExt;

    #[test]
    fn later_tries_go_ahead_and_who_gives_up_is_passed_over() {
        let permits = Permits::new(1);
        let held = permits.acquire(Priority::First).now_or_never().flatten().expect("free");
        let mut waiting: Vec<_> =
            [Priority::First, Priority::Retry, Priority::Retry, Priority::First]
                .into_iter()
                .map(|priority| Some(Box::pin(permits.acquire(priority))))
                .collect();
        for one in waiting.iter_mut().flatten() {
            assert!(one.now_or_never().is_none(), "nothing is free");
        }
        waiting[1] = None;
        drop(held);
        for at in [2, 0, 3] {
            let got = waiting[at].as_mut().and_then(|one| one.now_or_never()).flatten();
            drop(got.unwrap_or_else(|| panic!("{at} is next")));
        }
        assert!(
            permits.acquire(Priority::First).now_or_never().flatten().is_some(),
            "none is lost"
        );
    }
}
