//! `Limited`: an endpoint's own bounds: calls in flight, requests and tokens a minute, money.

use crate::call::flow::budget::{Budget, Reservation};
use crate::call::flow::queue::{Permit, Permits};
use crate::call::flow::tokens::TokenRate;
use crate::call::flow::{Attempt, Priority, unless_stopping};
use crate::call::price::Prices;
use crate::call::{CallError, ChatRequest, KeyedRequest, Reply, Request, Usage};
use crate::env::Env;
use crate::record::{NanoUsd, Part};
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Pixels of an image that make a token, as Qwen's models count; Gemini and OpenAI count tiles,
/// which come to fewer.
const PIXELS_A_TOKEN: u64 = 28 * 28;
/// The least that a server counts for an image.
const IMAGE_TOKENS: u64 = 258;
/// Output of a call without `max_tokens`, for the budget: the most a long thinker writes.
const LONG_OUTPUT: u64 = 32_768;
/// Output tokens of a picture, where a server bills pictures by tokens: the largest that any draws.
const PICTURE_OUTPUT: u64 = 8_192;
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
    /// What a request is charged by.
    pub prices: Box<dyn Fn(&Request) -> Prices + Send + Sync>,
    /// How many whole answers a request may be billed for (`protocol::Entry`).
    pub billed: fn(&Request) -> u64,
    pub budget: Option<Arc<Budget>>,
}

/// See the module's header.
pub struct Limited<M> {
    env: Env,
    inner: M,
    flight: Option<Permits>,
    rpm: Option<RequestRate>,
    tpm: Option<TokenRate>,
    prices: Box<dyn Fn(&Request) -> Prices + Send + Sync>,
    billed: fn(&Request) -> u64,
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
            flight: limits.max_in_flight.map(Permits::new),
            rpm,
            tpm: limits.tpm.map(|tpm| TokenRate::new(env, tpm)),
            prices: limits.prices,
            billed: limits.billed,
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

    /// The tokens that a call usually takes, for the quota.
    fn usual(&self, request: &Request) -> u64 {
        let Request::Chat(chat) = request else { return 0 };
        // Three bytes a token errs on the high side for English and is near for Chinese.
        let text = |text: &str| text.len() as u64 / 3 + 4;
        let bound = chat.sampling.max_tokens.map_or(u64::MAX, u64::from);
        input(chat, text) + bound.min(self.output.load(Ordering::Relaxed))
    }

    /// The most that a call can cost, for the budget: a token is a byte at least, output is
    /// priced at the dearer of answer and thinking, and goes to its bound.
    fn dearest(&self, request: &Request) -> NanoUsd {
        let prices = (self.prices)(request);
        let times = (self.billed)(request).max(1);
        let usage = match request {
            Request::Chat(chat) => {
                let thinking = chat.sampling.thinking_budget.and_then(|n| u64::try_from(n).ok());
                let bound = chat.sampling.max_tokens.map_or(LONG_OUTPUT, u64::from);
                // Where the bound does not hold the thinking in, its own does.
                let output = bound + thinking.unwrap_or(0);
                let input = input(chat, |text| text.len() as u64 + 16);
                Usage { input: input * times, output: output * times, ..Usage::default() }
            }
            Request::Image(image) => Usage {
                input: image.prompt.len() as u64 + 16,
                output: PICTURE_OUTPUT,
                images: times,
                ..Usage::default()
            },
        };
        let (input, output) = (prices.input.max(prices.cached), prices.output.max(prices.thinking));
        Prices { input, output, ..prices }.cost(&usage)
    }

    /// Waits for all that a call needs before it may be sent.
    async fn admit(&self, request: &Request, priority: Priority) -> Result<Admitted, CallError> {
        let permit = match &self.flight {
            Some(flight) => Some(flight.acquire(priority).await.ok_or(CallError::Stopped)?),
            None => None,
        };
        self.turn().await;
        let tokens = match &self.tpm {
            Some(tpm) => {
                let tokens = self.usual(request);
                tpm.reserve(tokens).await;
                tokens
            }
            None => 0,
        };
        let money = match &self.budget {
            Some(budget) if !(self.prices)(request).is_free() => {
                Some(budget.reserve(self.dearest(request)).await?)
            }
            _ => None,
        };
        Ok(Admitted { tokens, money, _permit: permit })
    }
}

/// What a call holds while it is under way.
struct Admitted {
    /// Reserved of the minute's.
    tokens: u64,
    money: Option<Reservation>,
    _permit: Option<Permit>,
}

/// Input tokens of `chat`, with `text` saying what a text takes.
fn input(chat: &ChatRequest, text: impl Fn(&str) -> u64) -> u64 {
    let parts = chat.messages.iter().flat_map(|message| &message.parts);
    parts
        .map(|part| match part {
            Part::Text(t) => text(t),
            Part::Image(image) => {
                let pixels = u64::from(image.width) * u64::from(image.height);
                (pixels / PIXELS_A_TOKEN).max(IMAGE_TOKENS)
            }
        })
        .sum()
}

impl<M: std::fmt::Debug> std::fmt::Debug for Limited<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Limited({:?})", self.inner)
    }
}

#[async_trait::async_trait]
impl<M: Attempt> Attempt for Limited<M> {
    async fn attempt(
        &self,
        request: KeyedRequest<'_>,
        priority: Priority,
    ) -> Result<Reply, CallError> {
        let admitted =
            unless_stopping(&self.env, self.admit(request.request(), priority)).await??;
        let outcome = self.inner.attempt(request, priority).await;
        let used = outcome.as_ref().ok().map(|reply| reply.usage).unwrap_or_default();
        if let Some(tpm) = &self.tpm {
            tpm.settle(admitted.tokens, used.input + used.output + used.thinking);
        }
        if let Ok(reply) = &outcome {
            let out = used.output + used.thinking;
            let before = self.output.load(Ordering::Relaxed);
            self.output.store((before * 9 + out).div_ceil(10), Ordering::Relaxed);
            if let Some(money) = admitted.money {
                money.settle(reply.cost);
            }
        }
        outcome
    }
}
