//! `Retrying`: tries a call again when that can help.
//!
//! Waits have full jitter above the server's own wish, no permit is held while waiting, and later
//! tries go ahead of first ones. The whole run has one budget of tries: when more than a fifth of
//! all calls must be tried again, the endpoint is down and the run says so rather than paying for
//! it.

use crate::call::flow::stats::Stats;
use crate::call::flow::{Attempt, Priority, unless_stopping};
use crate::call::{CallError, Fatal, KeyedRequest, Model, Reply, Request, Usage};
use crate::env::Env;
use crate::record::NanoUsd;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Most faults are of one try alone: the first wait is short. What fails again and again is down:
/// each wait may be three times the one before.
const BASE: Duration = Duration::from_millis(100);
const FACTOR: u32 = 3;
const CAP: Duration = Duration::from_secs(60);
/// Refusals for overload are flow control, not failures: they have their own, wider bound.
const MOST_OVERLOADS: u32 = 60;
/// Tries of a call whose answers come without text or with an odd end: each is paid, and a server that
/// says nothing so often will say nothing.
const MOST_UNSETTLED: u32 = 4;

/// Retries that a run may still make, in tenths: each answered call earns two, each retry costs
/// ten. Shared by all roles.
#[derive(Debug)]
pub struct RetryBudget {
    tenths: AtomicI64,
}

impl RetryBudget {
    /// Enough for every call in flight to fail once or twice before anything was answered.
    const START: i64 = 20_000;
    const MOST: i64 = 200_000;

    pub fn new() -> RetryBudget {
        RetryBudget { tenths: AtomicI64::new(Self::START) }
    }

    fn earn(&self) {
        if self.tenths.load(Ordering::Relaxed) < Self::MOST {
            self.tenths.fetch_add(2, Ordering::Relaxed);
        }
    }

    fn spend(&self) -> bool {
        self.tenths.fetch_sub(10, Ordering::Relaxed) >= 10
    }
}

/// See the module's header.
pub struct Retrying<M> {
    env: Env,
    inner: M,
    attempts: u32,
    budget: Arc<RetryBudget>,
    stats: Arc<Stats>,
}

impl<M> Retrying<M> {
    /// `attempts` bounds the tries of one call, refusals for overload apart.
    pub fn new(
        env: &Env,
        inner: M,
        attempts: u32,
        budget: Arc<RetryBudget>,
        stats: Arc<Stats>,
    ) -> Retrying<M> {
        Retrying { env: env.clone(), inner, attempts, budget, stats }
    }

    pub fn inner(&self) -> &M {
        &self.inner
    }
}

impl<M: std::fmt::Debug> std::fmt::Debug for Retrying<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Retrying({:?})", self.inner)
    }
}

#[async_trait::async_trait]
impl<M: Attempt> Model for Retrying<M> {
    async fn call(&self, request: KeyedRequest<'_>) -> Result<Reply, CallError> {
        let start = self.env.now();
        let (mut faults, mut overloads) = (0, 0);
        let mut priority = Priority::First;
        let mut paid = (Usage::default(), NanoUsd(0));
        loop {
            let error = match self.inner.attempt(request, priority).await {
                Ok(mut reply) => match reply.unsettled() {
                    Some(what) if faults + 1 < self.attempts.min(MOST_UNSETTLED) => {
                        paid.0 += reply.usage;
                        paid.1 += reply.cost;
                        CallError::Transient { what, after: None, overload: false }
                    }
                    _ => {
                        reply.attempts = 1 + faults + overloads;
                        reply.usage += paid.0;
                        reply.cost += paid.1;
                        self.budget.earn();
                        return Ok(reply);
                    }
                },
                Err(error) => error,
            };
            let CallError::Transient { what, after, overload } = error else { return Err(error) };
            let count = if overload {
                overloads += 1;
                overloads
            } else {
                faults += 1;
                faults
            };
            let elapsed = self.env.now().duration_since(start);
            if faults >= self.attempts || overloads >= MOST_OVERLOADS {
                let tries = faults + overloads;
                let what = format!("{what} (try {tries}, the last, after {elapsed:.0?})");
                return Err(CallError::Record { what });
            }
            if !overload && !self.budget.spend() {
                return Err(exhausted(&what));
            }
            let wait = backoff(count, after, self.env.entropy_unit());
            self.note(request.request(), faults + overloads, overload, wait, &what);
            unless_stopping(&self.env, self.env.sleep(wait)).await?;
            priority = Priority::Retry;
        }
    }
}

impl<M> Retrying<M> {
    fn note(&self, request: &Request, tries: u32, overload: bool, wait: Duration, what: &str) {
        if let Some(stats) = self.stats.get(request.role()) {
            stats.retries.fetch_add(1, Ordering::Relaxed);
            stats.overloads.fetch_add(u64::from(overload), Ordering::Relaxed);
        }
        tracing::debug!(attempt = tries, overload, ?wait, what, "try again");
    }
}

fn exhausted(what: &str) -> CallError {
    CallError::Fatal {
        kind: Fatal::Endpoint,
        what: format!(
            "more than a fifth of the run's calls had to be tried again; last: {what}; see to the \
             endpoint, then run again"
        ),
    }
}

/// Full jitter: uniform in 0..min(cap, base * factor^(n-1)). A server's own wish is the floor,
/// with jitter above it (a tenth of it at least, half of it at most) so that not all come back at
/// once.
fn backoff(n: u32, after: Option<Duration>, unit: f64) -> Duration {
    let reach = BASE.saturating_mul(FACTOR.pow((n - 1).min(10))).min(CAP);
    match after {
        Some(floor) => floor + reach.max(floor / 10).min(floor / 2 + BASE).mul_f64(unit),
        None => reach.mul_f64(unit),
    }
}

#[cfg(test)]
mod tests {
    use super::backoff;
    use proptest::prelude::*;
    use std::time::Duration;

    proptest! {
        #[test]
        fn waits_keep_to_floor_and_cap(n in 1..80u32, floor in 0..600_000u64, unit in 0.0..1.0) {
            let floor = Duration::from_millis(floor);
            let wait = backoff(n, Some(floor), unit);
            prop_assert!(wait >= floor && wait <= floor + floor / 2 + Duration::from_secs(1));
            prop_assert!(backoff(n, None, unit) <= Duration::from_secs(60));
        }
    }
}
