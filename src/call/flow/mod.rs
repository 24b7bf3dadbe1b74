//! Flow control: `Retrying(Limited(Balanced(Http)))`, a `Model` around two that `Attempt`.
//!
//! Each wrapper holds one concern and can be tested alone: retries hold no permit while they wait,
//! limits hold no lock while they call, only the gate knows URLs, and a run that stops waits for
//! nothing but what is under way. See `http` for a single try.

mod adaptive;
#[cfg(test)]
mod adaptive_tests;
mod balanced;
mod breaker;
mod budget;
mod gate;
mod limited;
mod queue;
mod retrying;
mod stats;
#[cfg(test)]
mod tests;
mod tokens;

pub use balanced::Balanced;
pub use breaker::BreakerState;
pub use budget::{Allowance, Budget};
pub use limited::{Limited, Limits};
pub use queue::Priority;
pub use retrying::{RetryBudget, Retrying};
pub use stats::{Guard, LATENCY_MS, RoleStats, Stats};

use crate::call::{CallError, KeyedRequest, Reply};
use crate::env::{Env, Phase};

/// Tries a call once: what `Retrying` wraps.
#[async_trait::async_trait]
pub trait Attempt: Send + Sync + std::fmt::Debug {
    async fn attempt(
        &self,
        request: KeyedRequest<'_>,
        priority: Priority,
    ) -> Result<Reply, CallError>;
}

/// `work`, unless the run is told to stop before it is done: what was not sent is not bought.
async fn unless_stopping<T>(env: &Env, work: impl Future<Output = T>) -> Result<T, CallError> {
    tokio::select! {
        biased;
        () = env.shutdown().reached(Phase::Draining) => Err(CallError::Stopped),
        done = work => Ok(done),
    }
}
