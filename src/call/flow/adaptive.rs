//! How many calls a server can take at once, found by trying.
//!
//! The one idea: additive increase, multiplicative decrease, judged by the SHARE of refusals in a
//! round of about one limit's worth of outcomes. A full server refuses a large share and is cut to
//! what it accepted; a provider that sprinkles 429s over everything does not starve itself. Slow
//! answers never count: thinking length varies a hundredfold, so latency says nothing of load.

/// Above this share of refusals the limit is cut by that share (to half at most).
const CUT: f64 = 0.10;
/// Below this share a limit that was used in full grows.
const GROW: f64 = 0.05;
/// Outcomes in the shortest round.
const ROUND: f64 = 50.0;
/// Where a limit that nobody stated starts, and how far it may go.
const START: f64 = 16.0;
const MOST: f64 = 4096.0;

/// One URL's limit.
#[derive(Debug, Clone)]
pub struct Adaptive {
    limit: f64,
    most: f64,
    /// Doubling until the first cut.
    doubling: bool,
    taken: u32,
    refused: u32,
    /// The limit was reached in this round.
    full: bool,
}

impl Adaptive {
    /// A stated limit is where it starts and the most it may be.
    pub fn new(stated: Option<usize>) -> Adaptive {
        let most = stated.map_or(MOST, |n| (n as f64).max(1.0));
        let limit = if stated.is_some() { most } else { START };
        Adaptive { limit, most, doubling: true, taken: 0, refused: 0, full: false }
    }

    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    /// A call was started and `in_flight` are under way with it.
    pub fn started(&mut self, in_flight: usize) {
        self.full |= in_flight >= self.limit();
    }

    /// The server took a call (however it ended).
    pub fn taken(&mut self) {
        self.taken += 1;
        self.turn();
    }

    /// The server refused a call for overload.
    pub fn refused(&mut self) {
        self.refused += 1;
        self.turn();
    }

    fn turn(&mut self) {
        let seen = f64::from(self.taken + self.refused);
        // While doubling, a round is short: the limit is known to be far off.
        let round = if self.doubling { self.limit } else { self.limit.max(ROUND) };
        if seen < round {
            return;
        }
        let share = f64::from(self.refused) / seen;
        if share > CUT {
            self.limit = (self.limit * (1.0 - share).max(0.5)).max(1.0);
            self.doubling = false;
        } else if share < GROW && self.full {
            let step = if self.doubling { self.limit } else { (self.limit * 0.02).max(1.0) };
            self.limit = (self.limit + step).min(self.most);
        }
        (self.taken, self.refused, self.full) = (0, 0, false);
    }
}

#[cfg(test)]
mod tests {
    use super::Adaptive;

    /// Rounds against a server with `slots` slots: each round fills the limit.
    fn settle(slots: usize, rounds: usize) -> Vec<usize> {
        let mut adaptive = Adaptive::new(None);
        let mut seen = Vec::new();
        for _ in 0..rounds {
            let limit = adaptive.limit();
            adaptive.started(limit);
            for i in 0..limit {
                if i < slots { adaptive.taken() } else { adaptive.refused() }
            }
            seen.push(adaptive.limit());
        }
        seen
    }

    #[test]
    fn unknown_limits_are_found_and_held() {
        for slots in [1, 3, 37, 900] {
            let seen = settle(slots, 400);
            let held = &seen[100..];
            let (low, high) = (held.iter().min().unwrap(), held.iter().max().unwrap());
            assert!(*low * 10 >= slots * 8, "{slots}: fell to {low}");
            assert!(*high <= slots + slots / 5 + 6, "{slots}: rose to {high}");
        }
    }

    #[test]
    fn sprinkled_refusals_do_not_starve() {
        let mut adaptive = Adaptive::new(Some(256));
        for i in 0..50_000 {
            adaptive.started(adaptive.limit());
            if i % 20 == 0 { adaptive.refused() } else { adaptive.taken() }
        }
        assert!(adaptive.limit() > 200, "{}", adaptive.limit());
    }
}
