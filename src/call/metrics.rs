//! Prometheus metrics: what `run --metrics ADDR` serves on `/metrics`.
//!
//! The one idea: one table names every metric; the page's HELP lines and the list that
//! `coldstart endpoints metrics` prints (ready for Grafana) are both made of it.

use crate::call::stack::{RoleLive, Stack, UrlLive};
use crate::call::{BreakerState, flow};
use crate::env::{Env, Phase};
use axum::http::header::CONTENT_TYPE;
use std::fmt::Write;
use std::net::SocketAddr;

/// A metric: name, Prometheus type, what it counts, and a query for a panel.
pub struct Metric {
    pub name: &'static str,
    pub kind: &'static str,
    pub help: &'static str,
    pub panel: &'static str,
    rows: fn(&RoleLive) -> Vec<(String, f64)>,
}

/// Every metric. All have the label `role`.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "coldstart_calls_total",
        kind: "counter",
        help: "calls that ended, by outcome (done, error)",
        panel: "sum by (role) (rate(coldstart_calls_total{outcome=\"done\"}[1m]))",
        rows: |r| vec![labelled("outcome", "done", r.done), labelled("outcome", "error", r.errors)],
    },
    Metric {
        name: "coldstart_retries_total",
        kind: "counter",
        help: "tries that failed and were made again, by reason (overload, fault)",
        panel: "sum by (role, reason) (rate(coldstart_retries_total[1m]))",
        rows: |r| {
            let faults = r.retries.saturating_sub(r.overloads);
            vec![labelled("reason", "overload", r.overloads), labelled("reason", "fault", faults)]
        },
    },
    Metric {
        name: "coldstart_in_flight",
        kind: "gauge",
        help: "calls sent and not answered",
        panel: "coldstart_in_flight / coldstart_limit",
        rows: |r| plain(r.in_flight),
    },
    Metric {
        name: "coldstart_queued",
        kind: "gauge",
        help: "calls that wait for a slot, a quota, or before a retry",
        panel: "coldstart_queued",
        rows: |r| plain(r.queued),
    },
    Metric {
        name: "coldstart_limit",
        kind: "gauge",
        help: "calls in flight that the role's URLs may take together, as found so far",
        panel: "coldstart_limit",
        rows: |r| plain(r.limit),
    },
    Metric {
        name: "coldstart_tokens_total",
        kind: "counter",
        help: "tokens as the servers counted them, by kind (input, cached, output, thinking)",
        panel: "sum by (role, kind) (rate(coldstart_tokens_total[1m]))",
        rows: |r| {
            let u = r.usage;
            let kinds = [("input", u.input), ("cached", u.cached), ("output", u.output)];
            let all = kinds.into_iter().chain([("thinking", u.thinking)]);
            all.map(|(kind, n)| labelled("kind", kind, n)).collect()
        },
    },
    Metric {
        name: "coldstart_images_total",
        kind: "counter",
        help: "pictures drawn",
        panel: "sum(rate(coldstart_images_total[1m]))",
        rows: |r| plain(r.usage.images),
    },
    Metric {
        name: "coldstart_cost_dollars_total",
        kind: "counter",
        help: "what this process has bought, in US dollars, by the endpoints file's prices",
        panel: "sum by (role) (increase(coldstart_cost_dollars_total[1h]))",
        rows: |r| vec![(String::new(), r.cost.usd())],
    },
    Metric {
        name: "coldstart_breaker_open",
        kind: "gauge",
        help: "1 while a URL's breaker is open or being probed, else 0",
        panel: "max by (role, url) (coldstart_breaker_open)",
        rows: |r| by_url(r, |u| u64::from(u.breaker != BreakerState::Closed)),
    },
    Metric {
        name: "coldstart_url_in_flight",
        kind: "gauge",
        help: "slots taken at a URL (a refused slot rests a while before it is free)",
        panel: "sum by (url) (coldstart_url_in_flight)",
        rows: |r| by_url(r, |u| u.in_flight),
    },
    Metric {
        name: "coldstart_latency_seconds",
        kind: "histogram",
        help: "time from sending the successful try to its whole answer",
        panel: "histogram_quantile(0.95, sum by (role, le) (rate(coldstart_latency_seconds_bucket[5m])))",
        rows: |_| Vec::new(),
    },
];

fn plain(n: u64) -> Vec<(String, f64)> {
    vec![(String::new(), n as f64)]
}

fn labelled(name: &str, value: &str, n: u64) -> (String, f64) {
    (format!(",{name}=\"{}\"", escaped(value)), n as f64)
}

fn by_url(role: &RoleLive, of: impl Fn(&UrlLive) -> u64) -> Vec<(String, f64)> {
    role.urls.iter().map(|url| labelled("url", &url.url, of(url))).collect()
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The page, in Prometheus' text format.
pub fn page(roles: &[RoleLive]) -> String {
    let mut out = String::new();
    for metric in METRICS {
        let Metric { name, kind, help, .. } = metric;
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for role in roles {
            for (labels, value) in (metric.rows)(role) {
                let role = escaped(&role.role);
                let _ = writeln!(out, "{name}{{role=\"{role}\"{labels}}} {value}");
            }
            if *kind == "histogram" {
                histogram(&mut out, name, role);
            }
        }
    }
    out
}

fn histogram(out: &mut String, name: &str, live: &RoleLive) {
    let role = escaped(&live.role);
    let bounds = flow::LATENCY_MS.iter().map(|ms| (*ms as f64 / 1000.0).to_string());
    let mut sum = 0;
    for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(&live.latency) {
        sum += count;
        let _ = writeln!(out, "{name}_bucket{{role=\"{role}\",le=\"{bound}\"}} {sum}");
    }
    let seconds = live.latency_sum_ms as f64 / 1000.0;
    let _ = writeln!(
        out,
        "{name}_sum{{role=\"{role}\"}} {seconds}\n{name}_count{{role=\"{role}\"}} {sum}"
    );
}

/// Serves `/metrics` at `address` (port 0: any) until the run aborts; the address it got.
pub async fn serve(env: &Env, address: SocketAddr, stack: Stack) -> std::io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let answer = move || {
        let text = page(&stack.live());
        async move { ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text) }
    };
    let router = axum::Router::new().route("/metrics", axum::routing::get(answer));
    let stop = env.clone();
    env.spawn(async move {
        let stop = async move { stop.shutdown().reached(Phase::Aborting).await };
        // A failing metrics page must not fail the run.
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
            tracing::warn!(%error, "the metrics page stopped");
        }
    });
    Ok(bound)
}

/// The list for people: name, type, meaning, and a query for a Grafana panel.
pub fn list() -> String {
    METRICS
        .iter()
        .map(|m| format!("{} ({})\n    {}\n    panel: {}\n\n", m.name, m.kind, m.help, m.panel))
        .collect()
}
