//! `Limited`: an endpoint's own bounds: calls in flight, requests and tokens a minute, money.

use crate::call::flow::budget::Budget;
use crate::call::flow::tokens::TokenRate;
use crate::call::price::Prices;
use crate::call::{CallError, Model, Part, Reply, Request, Usage};
use crate::env::Env;
use crate::record::NanoUsd;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// What an image costs in input tokens, where nothing better is known.
const IMAGE_TOKENS: u64 = 1_500;
/// Output of a call without `max_tokens`, for the budget: the most a long thinker writes.
const LONG_OUTPUT: u64 = 32_768;
/// Output expected before any reply has come.
const FIRST_OUTPUT: u64 = 2_048;

type RequestRate = RateLimiter<NotKeyed, InMemoryState, EnvClock, NoOpMiddleware<Duration>>;

/// `Env`'s clock as governor wants it.
#[derive(Clone)]
struct EnvClock {
    env: Env,
    start: Instant,
}

impl Clock for EnvClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.env.now().duration_since(self.start)
    }
}

/// An endpoint's bounds; absent ones bound nothing.
pub struct Limits {
    pub max_in_flight: Option<usize>,
    pub rpm: Option<u32>,
    pub tpm: Option<u64>,
    pub prices: Option<Prices>,
    pub budget: Option<Arc<Budget>>,
}

/// See the module's header.
pub struct Limited<M> {
    env: Env,
    inner: M,
    flight: Option<Semaphore>,
    rpm: Option<RequestRate>,
    tpm: Option<TokenRate>,
    prices: Prices,
    budget: Option<Arc<Budget>>,
    clock: EnvClock,
    /// Output tokens of a call, smoothed.
    output: AtomicU64,
}

impl<M> Limited<M> {
    pub fn new(env: &Env, inner: M, limits: Limits) -> Limited<M> {
        let clock = EnvClock { env: env.clone(), start: env.now() };
        let rpm = limits.rpm.and_then(NonZeroU32::new).map(|per_minute| {
            // A tenth of a minute's requests may come at once: servers count in short windows.
            let burst = NonZeroU32::new(per_minute.get() / 10).unwrap_or(NonZeroU32::MIN);
            let quota = Quota::per_minute(per_minute).allow_burst(burst);
            RateLimiter::direct_with_clock(quota, clock.clone())
        });
        Limited {
            env: env.clone(),
            inner,
            flight: limits.max_in_flight.map(Semaphore::new),
            rpm,
            tpm: limits.tpm.map(|tpm| TokenRate::new(env, tpm)),
            prices: limits.prices.unwrap_or_default(),
            budget: limits.budget,
            clock,
            output: AtomicU64::new(FIRST_OUTPUT),
        }
    }

    pub fn inner(&self) -> &M {
        &self.inner
    }

    async fn turn(&self) {
        let Some(rpm) = &self.rpm else { return };
        while let Err(not_until) = rpm.check() {
            self.env.sleep(not_until.wait_time_from(self.clock.now())).await;
        }
    }

    /// Input and output tokens that a call may use; `most` for the money, else what is usual.
    fn estimate(&self, request: &Request, most: bool) -> Usage {
        let Request::Chat(chat) = request else {
            return Usage { images: 1, ..Usage::default() };
        };
        let parts = chat.messages.iter().flat_map(|m| &m.parts);
        // Three bytes a token errs on the high side for English and is near for Chinese.
        let input = parts.map(|part| match part {
            Part::Text(text) => text.len() as u64 / 3 + 4,
            Part::Image(_) => IMAGE_TOKENS,
        });
        let bound = chat.sampling.max_tokens.map(u64::from);
        let output = match most {
            // Gemini's thoughts may come on top of the bound once, when it is doubled.
            true => bound.map_or(LONG_OUTPUT, |n| n * 2),
            false => bound.unwrap_or(u64::MAX).min(self.output.load(Ordering::Relaxed)),
        };
        Usage { input: input.sum(), output, ..Usage::default() }
    }

    /// Output is priced at the dearer of answer and thinking.
    fn dearest(&self, usage: &Usage) -> NanoUsd {
        let output = self.prices.output.max(self.prices.thinking);
        Prices { output, ..self.prices }.cost(usage)
    }
}

impl<M: std::fmt::Debug> std::fmt::Debug for Limited<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Limited({:?})", self.inner)
    }
}

#[async_trait::async_trait]
impl<M: Model> Model for Limited<M> {
    async fn call(&self, request: &Request) -> Result<Reply, CallError> {
        let _permit = match &self.flight {
            Some(flight) => Some(flight.acquire().await.map_err(|_| CallError::Stopped)?),
            None => None,
        };
        self.turn().await;
        let usual = match &self.tpm {
            Some(tpm) => {
                let usual = self.estimate(request, false);
                let tokens = usual.input + usual.output;
                tpm.reserve(tokens).await;
                tokens
            }
            None => 0,
        };
        let money = match &self.budget {
            Some(budget) if !self.prices.is_free() => {
                Some(budget.reserve(self.dearest(&self.estimate(request, true))).await?)
            }
            _ => None,
        };
        let outcome = self.inner.call(request).await;
        let used = outcome.as_ref().ok().map(|reply| reply.usage).unwrap_or_default();
        if let Some(tpm) = &self.tpm {
            tpm.settle(usual, used.input + used.output + used.thinking);
        }
        if let Ok(reply) = &outcome {
            let out = used.output + used.thinking;
            let before = self.output.load(Ordering::Relaxed);
            self.output.store((before * 9 + out).div_ceil(10), Ordering::Relaxed);
            if let Some(money) = money {
                money.settle(reply.cost);
            }
        }
        outcome
    }
}
