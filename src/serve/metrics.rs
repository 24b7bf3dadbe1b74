//! What the service is asked, as Prometheus metrics beside the client's and the stages'.

use crate::call::metrics::{Metric, MetricRow, row};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::time::Duration;

/// Counters of one path.
#[derive(Debug, Clone, Default)]
pub struct PathNow {
    pub path: &'static str,
    /// Answers by status.
    pub answers: BTreeMap<u16, u64>,
    /// Of those with status 200.
    pub seconds: f64,
    /// Requests being answered, of all paths, and the most that are admitted.
    pub taken: usize,
    pub most: usize,
    /// Of rewards: their sum.
    pub rewards: f64,
}

/// Every metric of the service. All have the label `path`.
pub const METRICS: &[Metric<PathNow>] = &[
    Metric {
        name: "coldstart_requests_total",
        kind: "counter",
        help: "requests that were answered, by path and status",
        panel: "sum by (path, status) (rate(coldstart_requests_total[1m]))",
        rows: |now| {
            let one = |(status, n): (&u16, &u64)| {
                row(&[("path", now.path), ("status", &status.to_string())], *n as f64)
            };
            now.answers.iter().map(one).collect()
        },
    },
    Metric {
        name: "coldstart_request_seconds_total",
        kind: "counter",
        help: "time that answered requests took, from admission to answer",
        panel: "rate(coldstart_request_seconds_total[1m]) / on (path) rate(coldstart_requests_total{status=\"200\"}[1m])",
        rows: |now| of(now, now.seconds),
    },
    Metric {
        name: "coldstart_admitted",
        kind: "gauge",
        help: "requests being answered now, of all paths",
        panel: "coldstart_admitted / coldstart_admitted_max",
        rows: |now| of(now, now.taken as f64),
    },
    Metric {
        name: "coldstart_admitted_max",
        kind: "gauge",
        help: "requests that are admitted at once; further ones get 429",
        panel: "coldstart_admitted_max",
        rows: |now| of(now, now.most as f64),
    },
    Metric {
        name: "coldstart_reward_total",
        kind: "gauge",
        help: "sum of the rewards that were given",
        panel: "delta(coldstart_reward_total[5m]) / on (path) rate(coldstart_requests_total{path=\"/reward\",status=\"200\"}[5m])",
        rows: |now| of(now, now.rewards),
    },
];

fn of(now: &PathNow, value: f64) -> Vec<MetricRow> {
    vec![row(&[("path", now.path)], value)]
}

/// The counters.
#[derive(Debug, Default)]
pub struct Counters {
    paths: Mutex<BTreeMap<&'static str, PathNow>>,
}

impl Counters {
    pub fn answered(&self, path: &'static str, status: u16, took: Duration, reward: Option<f64>) {
        let mut paths = self.paths.lock();
        let now = paths.entry(path).or_insert_with(|| PathNow { path, ..PathNow::default() });
        *now.answers.entry(status).or_default() += 1;
        if status == 200 {
            now.seconds += took.as_secs_f64();
            now.rewards += reward.unwrap_or(0.0);
        }
    }

    /// Every path's counters, with how full the door is.
    pub fn now(&self, (taken, most): (usize, usize)) -> Vec<PathNow> {
        let paths = self.paths.lock();
        paths.values().map(|now| PathNow { taken, most, ..now.clone() }).collect()
    }

    /// Mean seconds of an answer; what a caller is told to wait who finds the door full.
    pub fn mean_seconds(&self) -> f64 {
        let paths = self.paths.lock();
        let (mut seconds, mut count) = (0.0, 0);
        for now in paths.values() {
            seconds += now.seconds;
            count += now.answers.get(&200).copied().unwrap_or(0);
        }
        if count == 0 { 1.0 } else { seconds / count as f64 }
    }
}
