//! What a role is doing, in counters that progress bars and metrics read.

use crate::call::{Reply, Usage};
use crate::record::NanoUsd;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Upper bounds of the latency histogram, in milliseconds; the last bucket has none.
pub const LATENCY_MS: [u64; 12] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000];

/// Calls of a role that may fail before any was answered. Past it the fault is not the records': a
/// field that the server refuses would otherwise set the whole pool aside, record by record.
const HOPELESS: u64 = 32;
/// As many do where no other call of the role is under way that could be answered.
const HOPELESS_ALONE: u64 = 5;
/// As many do in a row of a role that was well before: its server has changed.
const HOPELESS_IN_A_ROW: u64 = 128;

/// One role's counters.
#[derive(Debug, Default)]
pub struct RoleStats {
    /// Calls inside the stack, waiting or sent.
    pub open: AtomicI64,
    /// Calls sent and not answered.
    pub in_flight: AtomicI64,
    pub done: AtomicU64,
    /// Calls that ended in an error.
    pub errors: AtomicU64,
    /// Of those, the last ones in a row, with no answer between them.
    pub in_a_row: AtomicU64,
    /// Tries that failed and were tried again.
    pub retries: AtomicU64,
    /// Of those, refusals for overload.
    pub overloads: AtomicU64,
    totals: Mutex<Totals>,
    latency: [AtomicU64; LATENCY_MS.len() + 1],
    latency_sum_ms: AtomicU64,
    pub simulated: AtomicU64,
}

/// Sums over answered calls.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    pub usage: Usage,
    pub cost: NanoUsd,
}

impl RoleStats {
    /// Whether some call was answered, or others are under way, or too few have failed to tell.
    pub fn may_be_well(&self) -> bool {
        self.done.load(Ordering::Relaxed) > 0
            || self.open.load(Ordering::Relaxed) > 1
            || self.errors.load(Ordering::Relaxed) + 1 < HOPELESS_ALONE
    }

    /// Counts a call that ended in an error; says why no other needs to be tried, if that is so.
    pub fn failed(&self) -> Option<String> {
        let errors = 1 + self.errors.fetch_add(1, Ordering::Relaxed);
        let in_a_row = 1 + self.in_a_row.fetch_add(1, Ordering::Relaxed);
        let unanswered = self.done.load(Ordering::Relaxed) == 0;
        let alone = self.open.load(Ordering::Relaxed) <= 1;
        if unanswered && (errors >= HOPELESS || (errors >= HOPELESS_ALONE && alone)) {
            return Some(format!("all {errors} calls"));
        }
        (in_a_row >= HOPELESS_IN_A_ROW).then(|| format!("the last {in_a_row} calls"))
    }

    /// Counts an answered call.
    pub fn answered(&self, reply: &Reply) {
        self.in_a_row.store(0, Ordering::Relaxed);
        self.done.fetch_add(1, Ordering::Relaxed);
        self.simulated.fetch_add(u64::from(reply.simulated), Ordering::Relaxed);
        let slot = LATENCY_MS.partition_point(|bound| *bound < reply.latency_ms);
        self.latency[slot].fetch_add(1, Ordering::Relaxed);
        self.latency_sum_ms.fetch_add(reply.latency_ms, Ordering::Relaxed);
        let mut totals = self.totals.lock();
        totals.usage += reply.usage;
        totals.cost += reply.cost;
    }

    pub fn totals(&self) -> Totals {
        *self.totals.lock()
    }

    /// Calls in each bucket of `LATENCY_MS` and beyond, and the sum of all in milliseconds.
    pub fn latency(&self) -> (Vec<u64>, u64) {
        let counts = self.latency.iter().map(|n| n.load(Ordering::Relaxed)).collect();
        (counts, self.latency_sum_ms.load(Ordering::Relaxed))
    }
}

/// Every role's counters; the set of roles is fixed when the stack is built.
#[derive(Debug, Default)]
pub struct Stats {
    roles: BTreeMap<String, Arc<RoleStats>>,
}

/// Counts one down again when dropped.
pub struct Guard<'a>(&'a AtomicI64);

impl Stats {
    pub fn new<'a>(roles: impl Iterator<Item = &'a str>) -> Stats {
        Stats { roles: roles.map(|role| (role.to_owned(), Arc::default())).collect() }
    }

    pub fn get(&self, role: &str) -> Option<&Arc<RoleStats>> {
        self.roles.get(role)
    }

    /// A call of `role` is on its way while the guard lives.
    pub fn flying(&self, role: &str) -> Option<Guard<'_>> {
        self.roles.get(role).map(|stats| Guard::new(&stats.in_flight))
    }
}

impl<'a> Guard<'a> {
    pub fn new(counter: &'a AtomicI64) -> Guard<'a> {
        counter.fetch_add(1, Ordering::Relaxed);
        Guard(counter)
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
