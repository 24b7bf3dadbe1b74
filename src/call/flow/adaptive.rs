//! How many calls a server can take at once, found by trying.
//!
//! What was SERVED is the measure. Each call knows how many were under way when it started; the most
//! with which one got through is proven. Growth goes past that by probes, and a refused probe costs
//! itself alone: the limit falls back to what is proven. Below that, single refusals mean nothing
//! (providers sprinkle 429s over everything); a burst of them means that the server takes less than
//! it did, and the limit falls to what it still serves. Slow answers never count: thinking length
//! varies a hundredfold, so latency says nothing of load.

use std::time::Duration;
use tokio::time::Instant;

/// Where a limit that nobody stated starts, and how far it may go.
const START: f64 = 32.0;
const MOST: f64 = 4096.0;
/// Added by each answer until the first burst: the limit triples in a round trip. A full server
/// refuses much faster than it answers, so what is sent too many is little.
const GAIN: f64 = 2.0;
/// The share of refusals is smoothed over calls in the order they STARTED, with this weight:
/// refusals come so much sooner than answers that a count of outcomes would be all refusals
/// first. Above `BURST` they are not sprinkled: eight in a row, or half of the last thirty.
const WEIGHT: f64 = 1.0 / 16.0;
const BURST: f64 = 0.4;
/// Refusals of calls that started at the limit one after the other that lower it by one.
const ROW: u32 = 3;
/// Below this share of refusals a limit that was used in full grows.
const GROW: f64 = 0.15;
/// Outcomes in the shortest round; a probe a round.
const ROUND: f64 = 100.0;

/// A call's place among those of its URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Start {
    number: u64,
    /// How many were under way with it.
    level: usize,
}

/// One URL's limit.
#[derive(Debug, Clone)]
pub struct Adaptive {
    limit: f64,
    most: f64,
    /// The most calls under way with which one got through.
    proven: f64,
    /// Growing with each answer, until a burst of refusals.
    slow_start: bool,
    /// The next probe's size: doubled by each that gets through.
    step: f64,
    /// Calls started so far, and the last of them that was refused.
    sent: u64,
    last_refused: u64,
    /// The share of refusals among the calls until `last_refused`.
    share: f64,
    row: u32,
    /// What a burst may not cut below before `floor_until`: half of a round trip's first limit.
    floor: f64,
    floor_until: Option<Instant>,
    /// Outcomes in this round.
    seen: u32,
    /// The limit was reached since it last grew.
    full: bool,
}

impl Adaptive {
    /// A stated limit is where it starts and the most it may be.
    pub fn new(stated: Option<usize>) -> Adaptive {
        let most = stated.map_or(MOST, |n| (n as f64).max(1.0));
        Adaptive {
            limit: if stated.is_some() { most } else { START },
            most,
            proven: if stated.is_some() { most } else { 0.0 },
            slow_start: stated.is_none(),
            step: 1.0,
            sent: 0,
            last_refused: 0,
            share: 0.0,
            row: 0,
            floor: 1.0,
            floor_until: None,
            seen: 0,
            full: false,
        }
    }

    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    /// A call was started, the `level`th under way.
    pub fn started(&mut self, level: usize) -> Start {
        self.full |= level >= self.limit();
        self.sent += 1;
        Start { number: self.sent, level }
    }

    /// The server took the call (however it ended).
    pub fn taken(&mut self, start: Start) {
        self.proven = self.proven.max(start.level as f64);
        if self.slow_start && self.full {
            self.grow(GAIN);
        }
        self.turn();
    }

    /// The server refused the call at `now`, and `others` are under way still; a `trip` is the time
    /// of an answer. Whether this is one of a burst: then its place, if the limit leaves it one,
    /// should rest about a trip before it is used again.
    pub fn refused(&mut self, start: Start, others: usize, now: Instant, trip: Duration) -> bool {
        let next = start.number == self.last_refused + 1;
        self.share = (self.share_at(start.number) + WEIGHT).min(1.0);
        self.last_refused = self.last_refused.max(start.number);
        let burst = self.share > BURST;
        let at_limit = u32::from(start.level >= self.limit());
        self.row = if next { self.row + at_limit } else { at_limit };
        let served = others as f64;
        if self.slow_start && !burst {
            self.turn();
        } else if start.level as f64 > self.proven {
            self.fall(served.max(self.proven));
        } else if burst {
            let floor = self.floor(now, trip);
            self.fall(served.max(floor));
        } else if self.row >= ROW {
            self.fall(self.limit - 1.0);
        } else {
            self.turn();
        }
        // Nothing is served: when something is again, that says nothing of how much.
        self.slow_start |= burst && others == 0;
        burst
    }

    /// `share` with the calls until `number`, as if none of those since was refused.
    fn share_at(&self, number: u64) -> f64 {
        let since = number.saturating_sub(self.last_refused);
        self.share * (1.0 - WEIGHT).powf(since as f64)
    }

    /// Half of the limit that a round trip began with: no burst cuts below, since all that is
    /// under way may be about to be refused too.
    fn floor(&mut self, now: Instant, trip: Duration) -> f64 {
        if self.floor_until.is_none_or(|until| now >= until) {
            self.floor_until = Some(now + trip);
            self.floor = (self.limit / 2.0).floor();
        }
        self.floor
    }

    fn fall(&mut self, to: f64) {
        self.limit = self.limit.min(to.max(1.0));
        self.proven = self.proven.min(self.limit);
        (self.slow_start, self.step) = (false, 1.0);
        (self.row, self.seen, self.full) = (0, 0, false);
    }

    fn grow(&mut self, step: f64) {
        self.limit = (self.limit + step).min(self.most);
        self.full = false;
    }

    fn turn(&mut self) {
        self.seen += 1;
        // While probes get through, a round is a round trip.
        let round = if self.step > 1.0 { self.limit } else { self.limit.max(ROUND) };
        if f64::from(self.seen) < round {
            return;
        }
        self.seen = 0;
        let proven = self.proven >= self.limit.floor();
        if self.full && proven && !self.slow_start && self.share_at(self.sent) < GROW {
            self.grow(self.step);
            self.step = (self.step * 2.0).min(self.limit);
        }
    }
}
