//! A piece of work that another thread does if one is free, and whoever needs it if none is.
//!
//! Asking for a result waits only for work that has begun; what has not begun is done on the spot. So a
//! reader may hand out pieces and never hang because the runtime's threads are all taken by readers
//! that wait for pieces.

use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Work on its way. Dropped, it is not begun any more.
pub struct Task<T>(Arc<Shared<T>>);

struct Shared<T> {
    state: Mutex<State<T>>,
    ended: Condvar,
}

enum State<T> {
    Waiting(Box<dyn FnOnce() -> T + Send>),
    /// Being worked on, or asked for.
    Taken,
    Ended(std::thread::Result<T>),
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock()
    }
}

impl<T: Send + 'static> Task<T> {
    /// Offers `work` to the runtime's threads for blocking work.
    pub fn start(handle: &Handle, work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        let task = Task::new(State::Waiting(Box::new(work)));
        let theirs = task.0.clone();
        // The handle is not needed: the result comes by `finish`, or nobody wants it.
        drop(handle.spawn_blocking(move || theirs.run()));
        task
    }

    fn new(state: State<T>) -> Task<T> {
        Task(Arc::new(Shared { state: Mutex::new(state), ended: Condvar::new() }))
    }

    /// What is known already.
    pub fn done(value: T) -> Task<T> {
        Task::new(State::Ended(Ok(value)))
    }

    /// Whether `finish` has nothing to wait for.
    pub fn is_done(&self) -> bool {
        matches!(*self.0.state(), State::Ended(_))
    }

    /// The result. A panic of the work goes on here.
    pub fn finish(self) -> T {
        let mut state = self.0.state();
        loop {
            match std::mem::replace(&mut *state, State::Taken) {
                State::Waiting(work) => {
                    drop(state);
                    return work();
                }
                State::Taken => {
                    self.0.ended.wait(&mut state);
                }
                State::Ended(Ok(value)) => return value,
                State::Ended(Err(panic)) => {
                    drop(state);
                    resume_unwind(panic)
                }
            }
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        // Work that was not begun is dropped outside of the lock: it may hold a whole stream.
        let left = std::mem::replace(&mut *self.0.state(), State::Taken);
        drop(left);
    }
}

/// A task as whoever does it sees it.
trait Job: Send + Sync {
    fn run(&self);
    fn is_waiting(&self) -> bool;
}

impl<T: Send> Job for Shared<T> {
    fn run(&self) {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Waiting(work) => {
                drop(state);
                let ended = State::Ended(catch_unwind(AssertUnwindSafe(work)));
                *self.state() = ended;
                self.ended.notify_one();
            }
            // Asked for before it began: the state is whoever asked for it's.
            other => *state = other,
        }
    }

    fn is_waiting(&self) -> bool {
        matches!(*self.state(), State::Waiting(_))
    }
}

/// A few threads for many tasks, begun in order. While there is work, a thread goes from one to the
/// next without being called for each.
#[derive(Clone)]
pub struct Crew(Arc<Ranks>);

struct Ranks {
    handle: Handle,
    most: usize,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Arc<dyn Job>>,
    /// Threads that were called and have not gone.
    called: usize,
}

impl Crew {
    /// Of `most` threads at once.
    pub fn new(handle: Handle, most: usize) -> Crew {
        Crew(Arc::new(Ranks { handle, most, queue: Mutex::default() }))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock()
    }

    pub fn start<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        let task = Task::new(State::Waiting(Box::new(work)));
        let mut queue = self.queue();
        // Where no thread ever comes, what was asked for must not pile up.
        while queue.jobs.front().is_some_and(|job| !job.is_waiting()) {
            queue.jobs.pop_front();
        }
        queue.jobs.push_back(task.0.clone());
        if queue.called < self.0.most {
            queue.called += 1;
            let crew = self.clone();
            drop(self.0.handle.spawn_blocking(move || crew.work()));
        }
        task
    }

    fn work(&self) {
        loop {
            let mut queue = self.queue();
            let Some(job) = queue.jobs.pop_front() else {
                queue.called -= 1;
                return;
            };
            drop(queue);
            job.run();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Crew, Task};
    use std::sync::mpsc;

    fn one_thread() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap()
    }

    #[test]
    fn a_task_needs_no_free_thread() {
        let runtime = one_thread();
        let (hold, held) = mpsc::channel::<()>();
        // The only thread is taken, as by a reader that waits.
        let blocked = runtime.spawn_blocking(move || held.recv());
        let task = Task::start(runtime.handle(), || 7);
        assert!(!task.is_done());
        assert_eq!(task.finish(), 7);
        drop(hold);
        assert!(runtime.block_on(blocked).unwrap().is_err());
    }

    #[test]
    fn a_task_is_done_elsewhere_when_it_can_be() {
        let runtime = one_thread();
        let here = std::thread::current().id();
        let (say, said) = mpsc::channel();
        let task = Task::start(runtime.handle(), move || {
            say.send(()).unwrap();
            std::thread::current().id()
        });
        said.recv().unwrap();
        assert_ne!(task.finish(), here);
        assert!(Task::done(1).is_done());
    }

    #[test]
    fn a_crew_does_all_whether_it_has_a_thread_or_not() {
        let runtime = one_thread();
        let crew = Crew::new(runtime.handle().clone(), 3);
        for busy in [true, false] {
            let (hold, held) = mpsc::channel::<()>();
            let blocked = runtime.spawn_blocking(move || held.recv());
            let hold = busy.then_some(hold);
            let tasks: Vec<_> = (0..100).map(|n| crew.start(move || n * n)).collect();
            let done: Vec<i32> = tasks.into_iter().map(Task::finish).collect();
            assert_eq!(done, (0..100).map(|n| n * n).collect::<Vec<_>>());
            drop(crew.start(|| ()));
            assert!(crew.queue().jobs.len() <= 100);
            drop(hold);
            assert!(runtime.block_on(blocked).unwrap().is_err());
        }
    }

    #[test]
    fn a_panic_comes_to_whoever_asks_and_a_dropped_task_is_not_begun() {
        let runtime = one_thread();
        let task: Task<()> = Task::start(runtime.handle(), || panic!("as it must"));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| task.finish())).is_err());
        let (hold, held) = mpsc::channel::<()>();
        let blocked = runtime.spawn_blocking(move || held.recv());
        let (say, said) = mpsc::channel::<()>();
        drop(Task::start(runtime.handle(), move || say.send(())));
        drop(hold);
        assert!(runtime.block_on(blocked).unwrap().is_err());
        assert!(said.recv().is_err(), "what it would have said is gone with it");
    }
}
