//! What a run is doing at a moment, seen again and again: counters of its stages and of its models, and
//! how fast both have gone of late.

use crate::call::Stack;
use crate::env::Env;
use crate::run::Progress;
use crate::run::progress::table::{Snapshot, settled};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::time::Instant;

/// Watches a run. Rates are counted from the first look.
pub struct Watch {
    env: Env,
    progress: Arc<Progress>,
    stack: Stack,
    started: Instant,
    settling: Pace,
    /// By role.
    calls: BTreeMap<String, Pace>,
}

impl Watch {
    /// Watches the run behind `progress`, whose calls go through `stack`, from now on.
    pub fn new(env: Env, progress: Arc<Progress>, stack: Stack) -> Watch {
        let started = env.now();
        let (settling, calls) = (Pace::default(), BTreeMap::new());
        Watch { env, progress, stack, started, settling, calls }
    }

    /// How it stands now.
    pub fn look(&mut self) -> Snapshot {
        let elapsed = self.env.now().duration_since(self.started).as_secs_f64();
        let (stages, roles) = (self.progress.now(), self.stack.live());
        self.settling.note(elapsed, settled(&stages));
        let mut rates = Vec::new();
        for role in &roles {
            let pace = self.calls.entry(role.role.clone()).or_default();
            pace.note(elapsed, role.done);
            rates.push(pace.rate());
        }
        Snapshot {
            stages,
            roles,
            rates,
            elapsed,
            in_flight: self.progress.in_flight.load(Ordering::Relaxed),
            expected: self.progress.expected(),
            settling: self.settling.rate(),
        }
    }
}

/// A number's pace over the last minute: what was replayed at once does not flatter the rest.
#[derive(Debug, Default)]
struct Pace {
    samples: VecDeque<(f64, u64)>,
}

/// Seconds that a pace is taken over.
const WINDOW: f64 = 60.0;

impl Pace {
    /// Notes that the count is `n` at `seconds` since the start; at most one sample a second stays.
    fn note(&mut self, seconds: f64, n: u64) {
        if self.samples.len() > 1
            && self.samples.iter().rev().nth(1).is_some_and(|s| seconds - s.0 < 1.0)
        {
            self.samples.pop_back();
        }
        self.samples.push_back((seconds, n));
        while self.samples.len() > 2 && self.samples.front().is_some_and(|s| seconds - s.0 > WINDOW)
        {
            self.samples.pop_front();
        }
    }

    /// A second; 0 before anything is known.
    fn rate(&self) -> f64 {
        match (self.samples.front(), self.samples.back()) {
            (Some(first), Some(last)) if last.0 > first.0 => {
                last.1.saturating_sub(first.1) as f64 / (last.0 - first.0)
            }
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;

    #[test]
    fn pace_is_of_the_last_minute() {
        let mut pace = Pace::default();
        pace.note(0.0, 0);
        pace.note(1.0, 10_000);
        for s in 2..200 {
            pace.note(f64::from(s), 10_000 + 5 * (s as u64 - 1));
        }
        assert!((pace.rate() - 5.0).abs() < 0.01, "{}", pace.rate());
        assert!(pace.samples.len() < 70);
    }
}
