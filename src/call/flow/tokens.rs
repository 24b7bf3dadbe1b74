//! Tokens a minute: reserve an estimate, settle with what the server counted.
//!
//! The bucket may go into debt: a call that used more than was reserved makes the next ones wait;
//! one that used less gives back at once.

use crate::env::Env;
use parking_lot::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// A minute's tokens flow in evenly; at most this share of a minute is saved up.
const BURST: f64 = 0.25;

/// One endpoint's bucket.
pub struct TokenRate {
    env: Env,
    per_second: f64,
    most: f64,
    state: Mutex<(f64, Instant)>,
    /// Waiters go one by one, so that a large reservation is not starved by small ones.
    queue: tokio::sync::Mutex<()>,
}

impl TokenRate {
    pub fn new(env: &Env, per_minute: u64) -> TokenRate {
        let most = per_minute as f64 * BURST;
        TokenRate {
            env: env.clone(),
            per_second: per_minute as f64 / 60.0,
            most,
            state: Mutex::new((most, env.now())),
            queue: tokio::sync::Mutex::new(()),
        }
    }

    /// Waits until `tokens` fit. More than the bucket ever holds waits for a full bucket.
    pub async fn reserve(&self, tokens: u64) {
        let _turn = self.queue.lock().await;
        let wanted = tokens as f64;
        loop {
            let missing = {
                let mut state = self.state.lock();
                let now = self.env.now();
                let flowed = now.duration_since(state.1).as_secs_f64() * self.per_second;
                *state = ((state.0 + flowed).min(self.most), now);
                let missing = wanted.min(self.most) - state.0;
                // A clock counts in nanoseconds: without the margin the last token never comes.
                if missing < 1e-3 {
                    state.0 -= wanted;
                    return;
                }
                missing
            };
            let wait = Duration::from_secs_f64((missing / self.per_second).max(1e-3));
            self.env.sleep(wait).await;
        }
    }

    /// The call that reserved `reserved` used `used`.
    pub fn settle(&self, reserved: u64, used: u64) {
        let mut state = self.state.lock();
        state.0 += reserved as f64 - used as f64;
    }
}
