//! The handles through which time, chance and tasks come in: `Env`, `Rng`, `Shutdown`; and what the
//! process has around it: the proxies that its environment names (`proxy`), the system's signals
//! (`signals`) and its allocator (`memory`).
//!
//! Data may depend on chance only through a `Rng` keyed by names (seed, stage, record), so that it
//! never depends on order; everything else (jitter, nonces, latencies) goes through `Env`, which a
//! test can hold still.

pub mod ahead;
pub mod memory;
pub mod proxy;
mod rng;
mod shutdown;
pub mod signals;

pub use rng::Rng;
pub use shutdown::{Phase, Shutdown};

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinError;
use tokio::time::Instant;
use tracing::Instrument;

/// Time, chance, tasks and the wish to stop. Cheap to clone.
#[derive(Clone)]
pub struct Env {
    inner: Arc<Inner>,
}

struct Inner {
    wall: Wall,
    entropy: Entropy,
    shutdown: Shutdown,
}

enum Wall {
    Real,
    /// Unix milliseconds at `start`; goes on with tokio's (pausable) clock.
    From {
        unix_ms: u64,
        start: Instant,
    },
}

enum Entropy {
    Os,
    Seeded { seed: u64, drawn: AtomicU64 },
}

impl Env {
    /// The real clock and the system's randomness.
    pub fn real() -> Env {
        Env::build(Wall::Real, Entropy::Os)
    }

    /// A clock that starts at 2026-01-01 and follows tokio's (which tests pause), and seeded
    /// entropy. Must be called inside a tokio runtime.
    #[allow(clippy::disallowed_methods)] // the one place that may read the clock
    pub fn test(seed: u64) -> Env {
        Env::build(
            Wall::From { unix_ms: 1_767_225_600_000, start: Instant::now() },
            Entropy::Seeded { seed, drawn: AtomicU64::new(0) },
        )
    }

    fn build(wall: Wall, entropy: Entropy) -> Env {
        Env { inner: Arc::new(Inner { wall, entropy, shutdown: Shutdown::new() }) }
    }

    /// A monotonic instant; needs no runtime.
    #[allow(clippy::disallowed_methods)] // the one place that may read the clock
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// Milliseconds since 1970; for logs and the journal's frames, never for data.
    #[allow(clippy::disallowed_methods)] // the one place that may read the clock
    pub fn unix_ms(&self) -> u64 {
        match self.inner.wall {
            Wall::Real => std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |d| d.as_millis() as u64),
            Wall::From { unix_ms, start } => {
                unix_ms + Instant::now().duration_since(start).as_millis() as u64
            }
        }
    }

    #[allow(clippy::disallowed_methods)] // the one place that may sleep
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// Starts a task on the current runtime. Its log lines keep the caller's context.
    #[allow(clippy::disallowed_methods)] // the one place that may spawn
    pub fn spawn<F>(&self, future: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(future.in_current_span())
    }

    /// Does `work` in a task of its own and gives what it gives. What wakes it is then one of the runtime's
    /// threads that goes on with it itself, and not a thread that sleeps in `block_on` and must be called for each
    /// step. Dropped, it ends the task the next time that it waits; a panic of
    /// `work` goes on here.
    pub async fn on_a_worker<F>(&self, work: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let mut task = Held(self.spawn(work));
        match joined((&mut task.0).await) {
            Ok(done) => done,
            // The runtime is being shut down, and nobody goes on.
            Err(_) => std::future::pending().await,
        }
    }

    /// Unpredictable bits for jitter and nonces; never for data (use `Rng` there).
    pub fn entropy(&self) -> u64 {
        match &self.inner.entropy {
            Entropy::Os => {
                use std::hash::{BuildHasher, Hasher};
                std::hash::RandomState::new().build_hasher().finish()
            }
            Entropy::Seeded { seed, drawn } => {
                let n = drawn.fetch_add(1, Ordering::Relaxed);
                Rng::keyed(*seed, &["entropy", &n.to_string()]).next_u64()
            }
        }
    }

    /// Uniform in 0..1, from `entropy`.
    pub fn entropy_unit(&self) -> f64 {
        (self.entropy() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Who works: `host:pid`. For people who look for a process, never for data.
    pub fn process(&self) -> String {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
            .ok()
            .or_else(|| std::env::var("HOSTNAME").ok())
            .unwrap_or_else(|| "unknown".to_owned());
        format!("{}:{}", host.trim(), std::process::id())
    }

    pub fn shutdown(&self) -> &Shutdown {
        &self.inner.shutdown
    }
}

/// What a task gave. A panic of it is a defect of ours and goes on here; the error that is left says that the runtime
/// is being shut down.
pub fn joined<T>(done: Result<T, JoinError>) -> Result<T, JoinError> {
    done.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(error) => error,
    })
}

/// A task that ends with whoever waits for it.
struct Held<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::Env;
    use futures::FutureExt;
    use std::sync::Arc;

    #[tokio::test]
    async fn work_of_its_own_ends_with_whoever_waits_for_it() {
        let env = Env::test(1);
        assert_eq!(env.on_a_worker(async { 7 }).await, 7);
        let held = Arc::new(());
        let kept = held.clone();
        let endless = async move {
            std::future::pending::<()>().await;
            drop(kept);
        };
        assert!(env.on_a_worker(endless).now_or_never().is_none());
        tokio::task::yield_now().await;
        assert_eq!(Arc::strong_count(&held), 1, "dropped with the waiting");
        let panics = env.on_a_worker(async { panic!("as it must") });
        assert!(std::panic::AssertUnwindSafe(panics).catch_unwind().await.is_err());
    }
}
