//! What the stack is doing at a moment, for progress bars and metrics.

use crate::call::flow::{Balanced, RoleStats};
use crate::call::{BreakerState, Usage};
use crate::record::NanoUsd;
use std::sync::atomic::Ordering;

/// One role at this moment.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RoleLive {
    pub role: String,
    /// Sent and not answered.
    pub in_flight: u64,
    /// Waiting for a slot, a quota, or before a retry.
    pub queued: u64,
    pub done: u64,
    pub errors: u64,
    pub retries: u64,
    /// Of the retries, refusals for overload.
    pub overloads: u64,
    pub cost: NanoUsd,
    pub usage: Usage,
    /// Calls in flight that the URLs may take together now.
    pub limit: u64,
    pub urls: Vec<UrlLive>,
    /// Calls by the bounds of `LATENCY_MS`, and beyond.
    pub latency: Vec<u64>,
    pub latency_sum_ms: u64,
}

/// One URL at this moment; roles that share an endpoint show the same.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct UrlLive {
    pub url: String,
    pub in_flight: u64,
    pub limit: u64,
    pub breaker: BreakerState,
}

/// `role` as its counters and its URLs have it now.
pub fn role_live(role: &str, stats: &RoleStats, balanced: &Balanced) -> RoleLive {
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    let in_flight = count(stats.in_flight.load(Ordering::Relaxed));
    let open = count(stats.open.load(Ordering::Relaxed));
    let urls: Vec<UrlLive> = balanced
        .view()
        .into_iter()
        .map(|(url, lane)| UrlLive {
            url,
            in_flight: lane.in_flight as u64,
            limit: lane.limit as u64,
            breaker: lane.breaker,
        })
        .collect();
    let totals = stats.totals();
    let (latency, latency_sum_ms) = stats.latency();
    RoleLive {
        role: role.to_owned(),
        in_flight,
        queued: open.saturating_sub(in_flight),
        done: stats.done.load(Ordering::Relaxed),
        errors: stats.errors.load(Ordering::Relaxed),
        retries: stats.retries.load(Ordering::Relaxed),
        overloads: stats.overloads.load(Ordering::Relaxed),
        cost: totals.cost,
        usage: totals.usage,
        limit: urls.iter().map(|url| url.limit).sum(),
        urls,
        latency,
        latency_sum_ms,
    }
}
