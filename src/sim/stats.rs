//! What the server saw, as `GET /stats` tells it.

use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Counters of a server's life. Requests to `/health` and `/stats` are not counted.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Stats {
    pub requests: u64,
    pub by_path: BTreeMap<String, u64>,
    pub by_status: BTreeMap<u16, u64>,
    /// By the task line of the system message.
    pub by_task: BTreeMap<String, u64>,
    pub faults: BTreeMap<&'static str, u64>,
    /// Requests whose body had come before, on the same path.
    pub repeated_bodies: u64,
    /// Of those, the ones whose body had been answered in full before.
    pub repeated_after_success: u64,
    pub in_flight: u64,
    /// Most requests under way at once, queued ones included.
    pub max_in_flight: u64,
    /// Most requests that held a slot at once.
    pub max_busy_slots: u64,
    pub busy_slot_seconds: f64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub simulated: bool,
}

#[derive(Default)]
struct Inner {
    stats: Stats,
    busy: u64,
    /// Body -> times seen, times answered.
    bodies: HashMap<[u8; 16], (u32, u32)>,
}

/// Shared counters.
#[derive(Default)]
pub struct Ledger {
    inner: Mutex<Inner>,
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// Counts an arrival; returns how often this body came before.
    pub fn arrive(&self, path: &str, body: [u8; 16], bytes: usize) -> u64 {
        let mut inner = self.lock();
        let seen = inner.bodies.entry(body).or_default();
        let (before, answered) = *seen;
        seen.0 += 1;
        let stats = &mut inner.stats;
        stats.requests += 1;
        *stats.by_path.entry(path.to_owned()).or_default() += 1;
        stats.repeated_bodies += u64::from(before > 0);
        stats.repeated_after_success += u64::from(answered > 0);
        stats.bytes_in += bytes as u64;
        stats.in_flight += 1;
        stats.max_in_flight = stats.max_in_flight.max(stats.in_flight);
        u64::from(before)
    }

    pub fn leave(&self) {
        let mut inner = self.lock();
        inner.stats.in_flight = inner.stats.in_flight.saturating_sub(1);
    }

    pub fn take_slot(&self) {
        let mut inner = self.lock();
        inner.busy += 1;
        inner.stats.max_busy_slots = inner.stats.max_busy_slots.max(inner.busy);
    }

    pub fn give_slot(&self, held: Duration) {
        let mut inner = self.lock();
        inner.busy = inner.busy.saturating_sub(1);
        inner.stats.busy_slot_seconds += held.as_secs_f64();
    }

    /// Counts a response; `whole` if the body's request is answered by it.
    pub fn respond(&self, body: [u8; 16], status: u16, bytes: usize, whole: bool) {
        let mut inner = self.lock();
        *inner.stats.by_status.entry(status).or_default() += 1;
        inner.stats.bytes_out += bytes as u64;
        if whole && let Some(seen) = inner.bodies.get_mut(&body) {
            seen.1 += 1;
        }
    }

    pub fn fault(&self, name: &'static str) {
        *self.lock().stats.faults.entry(name).or_default() += 1;
    }

    pub fn task(&self, task: &str) {
        let mut inner = self.lock();
        let known = inner.stats.by_task.len() < 64 || inner.stats.by_task.contains_key(task);
        if known {
            *inner.stats.by_task.entry(task.chars().take(40).collect()).or_default() += 1;
        }
    }

    pub fn snapshot(&self) -> Stats {
        Stats { simulated: true, ..self.lock().stats.clone() }
    }
}
