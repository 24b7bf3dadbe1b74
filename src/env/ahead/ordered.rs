//! Results in the order in which their work was handed out.

use crate::env::ahead::Bounds;
use crate::env::ahead::task::{Crew, Task};
use std::collections::VecDeque;
use tokio::runtime::Handle;

/// Work on its way out. One thread hands out work and takes results; others do the work, or that one
/// itself where none of them is free.
pub struct OrderedBuffer<T> {
    crew: Crew,
    bounds: Bounds,
    places: VecDeque<(Place<T>, usize)>,
    bytes: usize,
}

enum Place<T> {
    Ready(T),
    Work(Task<T>),
}

impl<T: Send + 'static> OrderedBuffer<T> {
    /// With at most `threads` of the runtime's threads for blocking work at once, and no more than
    /// there are cores.
    pub fn new(handle: &Handle, threads: usize, bounds: Bounds) -> OrderedBuffer<T> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let crew = Crew::new(handle.clone(), cores.min(threads));
        OrderedBuffer { crew, bounds, places: VecDeque::new(), bytes: 0 }
    }

    /// Hands out `work`; `bytes` are held until its result is taken.
    pub fn push(&mut self, bytes: usize, work: impl FnOnce() -> T + Send + 'static) {
        let task = self.crew.start(work);
        self.bytes += bytes;
        self.places.push_back((Place::Work(task), bytes));
    }

    /// What needs no work, in its place among the rest.
    pub fn push_ready(&mut self, value: T) {
        self.places.push_back((Place::Ready(value), 0));
    }

    /// Whether more waits than may.
    pub fn is_full(&self) -> bool {
        self.places.len() > self.bounds.count || self.bytes > self.bounds.bytes
    }

    /// The first result, if it may be taken without a wait, or must be because the line is full.
    pub fn due(&mut self) -> Option<T> {
        let ready = match &self.places.front()?.0 {
            Place::Ready(_) => true,
            Place::Work(task) => task.is_done(),
        };
        if ready || self.is_full() { self.take() } else { None }
    }

    /// The first result; waits for it. A panic of the work goes on here.
    pub fn take(&mut self) -> Option<T> {
        let (place, bytes) = self.places.pop_front()?;
        self.bytes -= bytes;
        Some(match place {
            Place::Ready(value) => value,
            Place::Work(task) => task.finish(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::OrderedBuffer;
    use crate::env::ahead::Bounds;
    use proptest::prelude::*;
    use std::sync::mpsc;

    fn runtime(threads: usize) -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().max_blocking_threads(threads).build().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        /// However many threads there are, and whatever needs work: every result once, in order.
        #[test]
        fn results_come_in_the_order_of_the_work(
            items in proptest::collection::vec((any::<bool>(), 0usize..300), 0..60),
            threads in 1usize..4, count in 0usize..9, bytes in 0usize..1000,
        ) {
            let runtime = runtime(threads);
            let mut line = OrderedBuffer::new(runtime.handle(), 3, Bounds { count, bytes });
            let mut out = Vec::new();
            for (n, (works, size)) in items.iter().copied().enumerate() {
                if works {
                    line.push(size, move || {
                        (0..size * 50).for_each(|x| { std::hint::black_box(x); });
                        n
                    });
                } else {
                    line.push_ready(n);
                }
                out.extend(std::iter::from_fn(|| line.due()));
                prop_assert!(!line.is_full());
            }
            out.extend(std::iter::from_fn(|| line.take()));
            prop_assert_eq!(out, (0..items.len()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn nothing_is_due_before_it_is_done_or_the_line_is_full() {
        let runtime = runtime(1);
        let mut line = OrderedBuffer::new(runtime.handle(), 1, Bounds { count: 9, bytes: 100 });
        let (go, gone) = mpsc::channel::<()>();
        let (say, begun) = mpsc::channel();
        line.push(100, move || {
            say.send(()).unwrap();
            gone.recv().unwrap();
            1
        });
        begun.recv().unwrap();
        line.push_ready(2);
        assert_eq!(line.due(), None, "the first is being worked on");
        go.send(()).unwrap();
        line.push(1, || 3);
        assert_eq!(line.due(), Some(1), "101 bytes are too many: waited for");
        assert_eq!([line.take(), line.take(), line.take()], [Some(2), Some(3), None]);
    }
}
