//! A breaker: stops sending to a URL that only fails, and tries it again with single calls.
//!
//! A row of failures without a success between them opens it; one success closes it. Overload (429,
//! 503) is no failure here: it belongs to `adaptive`.

use std::time::Duration;
use tokio::time::Instant;

/// Failures in a row that open it.
const ROW: u32 = 8;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    Closed,
    /// Nothing until the wait is over.
    Open,
    /// One call, whose end decides.
    HalfOpen,
}

/// One URL's breaker.
#[derive(Debug, Clone)]
pub struct Breaker {
    state: BreakerState,
    row: u32,
    until: Instant,
    wait: Duration,
    probing: bool,
}

impl Breaker {
    pub fn new(now: Instant) -> Breaker {
        let state = BreakerState::Closed;
        Breaker { state, row: 0, until: now, wait: FIRST_WAIT, probing: false }
    }

    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// Whether a call may start now.
    pub fn admits(&mut self, now: Instant) -> bool {
        if self.state == BreakerState::Open && now >= self.until {
            self.state = BreakerState::HalfOpen;
            self.probing = false;
        }
        match self.state {
            BreakerState::Closed => true,
            BreakerState::Open => false,
            BreakerState::HalfOpen => !self.probing,
        }
    }

    /// A call starts; only after `admits`.
    pub fn started(&mut self) {
        self.probing |= self.state == BreakerState::HalfOpen;
    }

    pub fn succeeded(&mut self) {
        (self.state, self.row, self.wait) = (BreakerState::Closed, 0, FIRST_WAIT);
        self.probing = false;
    }

    /// Counts a failure; when it opens the breaker, says how long for.
    pub fn failed(&mut self, now: Instant) -> Option<Duration> {
        self.row += 1;
        let opens = match self.state {
            BreakerState::Closed => self.row >= ROW,
            // Late failures of calls that began before it opened.
            BreakerState::Open => false,
            BreakerState::HalfOpen => {
                self.wait = (self.wait * 2).min(LONGEST_WAIT);
                true
            }
        };
        if !opens {
            return None;
        }
        (self.state, self.until) = (BreakerState::Open, now + self.wait);
        self.probing = false;
        Some(self.wait)
    }

    /// A probe ended without a verdict (refused for overload, given up by the caller).
    pub fn undecided(&mut self) {
        self.probing = false;
    }
}

#[cfg(test)]
mod tests {
    use super::{Breaker, BreakerState};
    use std::time::Duration;

    #[tokio::test]
    async fn opens_probes_and_closes() {
        let mut now = crate::env::Env::test(1).now();
        let mut breaker = Breaker::new(now);
        for _ in 0..7 {
            assert_eq!(breaker.failed(now), None);
        }
        assert_eq!(breaker.failed(now), Some(Duration::from_secs(1)));
        assert!(!breaker.admits(now));
        now += Duration::from_secs(1);
        assert!(breaker.admits(now));
        breaker.started();
        assert!(!breaker.admits(now), "one probe at a time");
        assert_eq!(breaker.failed(now), Some(Duration::from_secs(2)));
        now += Duration::from_secs(2);
        assert!(breaker.admits(now));
        breaker.started();
        breaker.succeeded();
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
}
