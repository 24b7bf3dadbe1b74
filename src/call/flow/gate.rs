//! Which URL takes the next call: a queue in front of several servers.
//!
//! There is one lock over all URLs' counts and one queue of waiters. A waiter is handed a `Slot` at
//! a URL that has room and a closed breaker, the emptier of two drawn by lot; the slot gives itself
//! back when dropped, so a cancelled call leaks nothing.

use crate::call::flow::adaptive::{Adaptive, Start};
use crate::call::flow::breaker::{Breaker, BreakerState};
use crate::call::flow::queue::{Priority, WaitQueue};
use crate::call::http::Health;
use crate::env::Env;
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A slot that was refused in a burst rests about as long as a call takes, so that a server that
/// refuses all is asked again when something may have changed; within these bounds.
const REST: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(10));

/// One URL's counts.
#[derive(Debug)]
struct Lane {
    in_flight: usize,
    /// Slots that no call holds and that may not be used yet.
    resting: usize,
    adaptive: Adaptive,
    breaker: Breaker,
    /// Seconds a call takes, smoothed.
    latency: f64,
}

struct State {
    lanes: Vec<Lane>,
    waiting: WaitQueue<Slot>,
    last_success: Option<Instant>,
    /// When every breaker came to be open.
    dark_since: Option<Instant>,
}

/// See the module's header. Cheap to clone.
#[derive(Clone)]
pub struct Gate {
    env: Env,
    state: Arc<Mutex<State>>,
}

/// The right to send one call to URL `lane`.
pub struct Slot {
    gate: Gate,
    pub lane: usize,
    start: Start,
    started: Instant,
    settled: bool,
}

/// A URL's counts, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneView {
    pub in_flight: usize,
    pub limit: usize,
    pub breaker: BreakerState,
}

impl Gate {
    /// `stated` is the limit over all `lanes` URLs, if the user stated one.
    pub fn new(env: &Env, lanes: usize, stated: Option<usize>) -> Gate {
        // Two URLs' share each, so that the others can take over from one that dies.
        let share = stated.map(|n| (2 * n.div_ceil(lanes.max(1))).min(n));
        let lane = || Lane {
            in_flight: 0,
            resting: 0,
            adaptive: Adaptive::new(share),
            breaker: Breaker::new(env.now()),
            latency: 0.2,
        };
        let state = State {
            lanes: (0..lanes).map(|_| lane()).collect(),
            waiting: WaitQueue::new(),
            last_success: None,
            dark_since: None,
        };
        Gate { env: env.clone(), state: Arc::new(Mutex::new(state)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Waits for a slot. None only when the gate is gone.
    pub async fn enter(&self, priority: Priority) -> Option<Slot> {
        let slot = self.lock().waiting.join(priority);
        self.dispatch();
        slot.await.ok()
    }

    /// Hands out slots while someone waits and some URL has room.
    fn dispatch(&self) {
        loop {
            let now = self.env.now();
            let (sender, lane, start) = {
                let mut state = self.lock();
                if state.waiting.is_empty() {
                    return;
                }
                let Some(lane) = state.choose(now, self.env.entropy()) else { return };
                let Some(sender) = state.waiting.next() else { return };
                (sender, lane, state.start(lane))
            };
            let slot = Slot { gate: self.clone(), lane, start, started: now, settled: false };
            if let Err(mut slot) = sender.send(slot) {
                // Given up meanwhile: taken back here, not by its drop, which would come back in.
                slot.settled = true;
                let mut state = self.lock();
                state.lanes[lane].in_flight -= 1;
                state.lanes[lane].breaker.undecided();
            }
        }
    }

    fn leave(&self, lane: usize) {
        self.lock().lanes[lane].in_flight -= 1;
        self.dispatch();
    }

    /// Keeps one of `lane`'s slots from being used for `rest`.
    fn rest(&self, lane: usize, rest: Duration) {
        let gate = self.clone();
        self.env.spawn(async move {
            gate.env.sleep(rest).await;
            gate.lock().lanes[lane].resting -= 1;
            gate.dispatch();
        });
    }

    /// Calls `dispatch` after `wait`: for when a breaker may be tried again.
    fn wake_after(&self, wait: Duration) {
        let gate = self.clone();
        self.env.spawn(async move {
            gate.env.sleep(wait).await;
            gate.dispatch();
        });
    }

    /// How long no URL has been usable, if that is so now; `Some(true)` in the second place when
    /// none ever answered.
    pub fn dark(&self) -> Option<(Duration, bool)> {
        let state = self.lock();
        let since = state.dark_since?;
        Some((self.env.now().duration_since(since), state.last_success.is_none()))
    }

    pub fn view(&self) -> Vec<LaneView> {
        let state = self.lock();
        let lane = |lane: &Lane| LaneView {
            in_flight: lane.in_flight,
            limit: lane.adaptive.limit(),
            breaker: lane.breaker.state(),
        };
        state.lanes.iter().map(lane).collect()
    }
}

impl Lane {
    fn used(&self) -> usize {
        self.in_flight + self.resting
    }

    /// A call was refused; how long its slot must rest, if it must.
    fn refused(&mut self, start: Start, now: Instant) -> Option<Duration> {
        let trip = Duration::from_secs_f64(self.latency).clamp(REST.0, REST.1);
        let others = self.in_flight - 1;
        let burst = self.adaptive.refused(start, others, now, trip);
        // Where the limit fell there is no slot left to rest.
        let rests = burst && others + self.resting < self.adaptive.limit();
        self.resting += usize::from(rests);
        rests.then_some(trip)
    }
}

impl State {
    fn choose(&mut self, now: Instant, lot: u64) -> Option<usize> {
        let open: Vec<usize> = (0..self.lanes.len())
            .filter(|&i| {
                let lane = &mut self.lanes[i];
                lane.used() < lane.adaptive.limit() && lane.breaker.admits(now)
            })
            .collect();
        let first = *open.get(lot as usize % open.len().max(1))?;
        let others = open.len() - 1;
        if others == 0 {
            return Some(first);
        }
        // The second is drawn among the others.
        let skip = 1 + (lot >> 32) as usize % others;
        let at = open.iter().position(|i| *i == first)?;
        let second = open[(at + skip) % open.len()];
        Some(if self.load(second) < self.load(first) { second } else { first })
    }

    fn load(&self, lane: usize) -> f64 {
        let lane = &self.lanes[lane];
        lane.used() as f64 / lane.adaptive.limit().max(1) as f64
    }

    fn start(&mut self, lane: usize) -> Start {
        let lane = &mut self.lanes[lane];
        lane.in_flight += 1;
        lane.breaker.started();
        lane.adaptive.started(lane.in_flight)
    }

    fn note_dark(&mut self, now: Instant) {
        let dark = self.lanes.iter().all(|lane| lane.breaker.state() != BreakerState::Closed);
        self.dark_since = if dark { self.dark_since.or(Some(now)) } else { None };
    }
}

impl Slot {
    /// The call was answered.
    pub fn succeeded(mut self) {
        self.settled = true;
        let now = self.gate.env.now();
        {
            let mut state = self.gate.lock();
            state.last_success = Some(now);
            let lane = &mut state.lanes[self.lane];
            lane.adaptive.taken(self.start);
            lane.breaker.succeeded();
            let took = now.duration_since(self.started).as_secs_f64();
            lane.latency += 0.1 * (took - lane.latency);
            state.note_dark(now);
        }
        self.gate.leave(self.lane);
    }

    /// The call failed; `health` says what that says of the URL.
    pub fn failed(mut self, health: Health) {
        self.settled = true;
        let now = self.gate.env.now();
        let (mut rest, mut opened) = (None, None);
        {
            let mut state = self.gate.lock();
            let lane = &mut state.lanes[self.lane];
            match health {
                Health::Healthy => {
                    lane.adaptive.taken(self.start);
                    lane.breaker.succeeded();
                }
                Health::Overloaded => {
                    rest = lane.refused(self.start, now);
                    lane.breaker.undecided();
                }
                Health::Sick => opened = lane.breaker.failed(now),
            }
            state.note_dark(now);
        }
        if let Some(wait) = opened {
            self.gate.wake_after(wait);
        }
        if let Some(rest) = rest {
            self.gate.rest(self.lane, rest);
        }
        self.gate.leave(self.lane);
    }
}

impl Drop for Slot {
    /// The call was given up: the slot goes back without a verdict.
    fn drop(&mut self) {
        if !self.settled {
            self.gate.lock().lanes[self.lane].breaker.undecided();
            self.gate.leave(self.lane);
        }
    }
}
