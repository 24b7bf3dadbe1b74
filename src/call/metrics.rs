//! Prometheus metrics: what `run --metrics ADDR` serves on `/metrics`. Those of stages are in
//! `run::metrics`, in tables of the same form.
//!
//! A table names every metric; the page's HELP lines and the list that `coldstart endpoints metrics`
//! prints (ready for Grafana) are both made of it.

use crate::call::{BreakerState, RoleLive, UrlLive, flow};
use crate::env::{Env, Phase};
use axum::http::header::CONTENT_TYPE;
use std::fmt::Write;
use std::net::SocketAddr;

/// A metric of things `T`: name, Prometheus type, what it counts, and a query for a panel.
pub struct Metric<T: 'static> {
    pub name: &'static str,
    pub kind: &'static str,
    pub help: &'static str,
    pub panel: &'static str,
    pub rows: fn(&T) -> Vec<MetricRow>,
}

/// One line of a metric.
pub struct MetricRow {
    /// After the metric's name: `_bucket`, `_sum` and `_count` of a histogram.
    suffix: &'static str,
    labels: String,
    value: f64,
}

/// `name` has `value` under `labels`.
pub fn row(labels: &[(&str, &str)], value: f64) -> MetricRow {
    let labels = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
    MetricRow { suffix: "", labels: labels.collect::<Vec<_>>().join(","), value }
}

/// Every metric of the client. All have the label `role`.
pub const METRICS: &[Metric<RoleLive>] = &[
    Metric {
        name: "coldstart_calls_total",
        kind: "counter",
        help: "calls that ended, by outcome (done, error)",
        panel: "sum by (role) (rate(coldstart_calls_total{outcome=\"done\"}[1m]))",
        rows: |r| by(r, "outcome", &[("done", r.done), ("error", r.errors)]),
    },
    Metric {
        name: "coldstart_retries_total",
        kind: "counter",
        help: "tries that failed and were made again, by reason (overload, fault)",
        panel: "sum by (role, reason) (rate(coldstart_retries_total[1m]))",
        rows: |r| {
            let faults = r.retries.saturating_sub(r.overloads);
            by(r, "reason", &[("overload", r.overloads), ("fault", faults)])
        },
    },
    Metric {
        name: "coldstart_in_flight",
        kind: "gauge",
        help: "calls sent and not answered",
        panel: "coldstart_in_flight / coldstart_limit",
        rows: |r| plain(r, r.in_flight as f64),
    },
    Metric {
        name: "coldstart_queued",
        kind: "gauge",
        help: "calls that wait for a slot, a quota, or before a retry",
        panel: "coldstart_queued",
        rows: |r| plain(r, r.queued as f64),
    },
    Metric {
        name: "coldstart_limit",
        kind: "gauge",
        help: "calls in flight that the role's URLs may take together, as found so far",
        panel: "coldstart_limit",
        rows: |r| plain(r, r.limit as f64),
    },
    Metric {
        name: "coldstart_tokens_total",
        kind: "counter",
        help: "tokens as the servers counted them, by kind; cached ones are among input",
        panel: "sum by (role, kind) (rate(coldstart_tokens_total[1m]))",
        rows: |r| {
            let u = r.usage;
            let kinds = [("input", u.input), ("cached", u.cached), ("output", u.output)];
            by(r, "kind", &[&kinds[..], &[("thinking", u.thinking)]].concat())
        },
    },
    Metric {
        name: "coldstart_images_total",
        kind: "counter",
        help: "pictures drawn",
        panel: "sum(rate(coldstart_images_total[1m]))",
        rows: |r| plain(r, r.usage.images as f64),
    },
    Metric {
        name: "coldstart_cost_dollars_total",
        kind: "counter",
        help: "what this process has bought, in US dollars, by the endpoints file's prices",
        panel: "sum by (role) (increase(coldstart_cost_dollars_total[1h]))",
        rows: |r| plain(r, r.cost.usd()),
    },
    Metric {
        name: "coldstart_breaker",
        kind: "gauge",
        help: "1 for the state that a URL's breaker is in (closed, open, half_open), else 0",
        panel: "max by (role, url) (coldstart_breaker{state=\"open\"})",
        rows: |r| r.urls.iter().flat_map(|url| breaker(r, url)).collect(),
    },
    Metric {
        name: "coldstart_url_in_flight",
        kind: "gauge",
        help: "slots taken at a URL (a refused slot rests a while before it is free)",
        panel: "sum by (url) (coldstart_url_in_flight)",
        rows: |r| {
            let one = |u: &UrlLive| row(&[("role", &r.role), ("url", &u.url)], u.in_flight as f64);
            r.urls.iter().map(one).collect()
        },
    },
    Metric {
        name: "coldstart_latency_seconds",
        kind: "histogram",
        help: "time from sending the successful try to its whole answer",
        panel: "histogram_quantile(0.95, sum by (role, le) (rate(coldstart_latency_seconds_bucket[5m])))",
        rows: histogram,
    },
];

fn plain(role: &RoleLive, value: f64) -> Vec<MetricRow> {
    vec![row(&[("role", &role.role)], value)]
}

fn by(role: &RoleLive, label: &str, values: &[(&str, u64)]) -> Vec<MetricRow> {
    let one = |(value, n): &(&str, u64)| row(&[("role", &role.role), (label, value)], *n as f64);
    values.iter().map(one).collect()
}

fn breaker(role: &RoleLive, url: &UrlLive) -> [MetricRow; 3] {
    [
        ("closed", BreakerState::Closed),
        ("open", BreakerState::Open),
        ("half_open", BreakerState::HalfOpen),
    ]
    .map(|(name, state)| {
        let labels = [("role", role.role.as_str()), ("url", &url.url), ("state", name)];
        row(&labels, f64::from(u8::from(url.breaker == state)))
    })
}

fn histogram(live: &RoleLive) -> Vec<MetricRow> {
    let bounds = flow::LATENCY_MS.iter().map(|ms| (*ms as f64 / 1000.0).to_string());
    let mut sum = 0;
    let mut rows = Vec::new();
    for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(&live.latency) {
        sum += count;
        let bucket = row(&[("role", &live.role), ("le", &bound)], sum as f64);
        rows.push(MetricRow { suffix: "_bucket", ..bucket });
    }
    let end = |suffix, value| MetricRow { suffix, ..row(&[("role", &live.role)], value) };
    rows.push(end("_sum", live.latency_sum_ms as f64 / 1000.0));
    rows.push(end("_count", sum as f64));
    rows
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// `metrics` of `things`, in Prometheus' text format.
pub fn page<T>(metrics: &[Metric<T>], things: &[T]) -> String {
    let mut out = String::new();
    for Metric { name, kind, help, rows, .. } in metrics {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for MetricRow { suffix, labels, value } in things.iter().flat_map(rows) {
            let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
            let _ = writeln!(out, "{name}{suffix}{labels} {value}");
        }
    }
    out
}

/// Serves what `page` says on `/metrics` at `address` (port 0: any) until the run aborts; the
/// address it got.
pub async fn serve(
    env: &Env,
    address: SocketAddr,
    page: impl Fn() -> String + Clone + Send + Sync + 'static,
) -> std::io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let answer = move || {
        let text = page();
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
pub fn list<T>(metrics: &[Metric<T>]) -> Vec<Listed> {
    let listed =
        |m: &Metric<T>| Listed { name: m.name, kind: m.kind, help: m.help, panel: m.panel };
    metrics.iter().map(listed).collect()
}

/// A metric without its source.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Listed {
    pub name: &'static str,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub help: &'static str,
    /// A PromQL query.
    pub panel: &'static str,
}

#[cfg(test)]
mod tests {
    use super::{METRICS, page};
    use crate::call::{BreakerState, RoleLive, UrlLive, Usage};
    use crate::record::NanoUsd;

    #[test]
    fn a_page_is_prometheus_text() {
        let url = UrlLive {
            url: "http://h/v1 \"x\"".to_owned(),
            in_flight: 3,
            limit: 16,
            breaker: BreakerState::HalfOpen,
        };
        let role = RoleLive {
            role: "judge".to_owned(),
            in_flight: 3,
            queued: 5,
            done: 7,
            errors: 1,
            retries: 4,
            overloads: 3,
            cost: NanoUsd::from_usd(1.5),
            usage: Usage { input: 100, cached: 60, output: 20, thinking: 10, images: 0 },
            limit: 16,
            urls: vec![url],
            latency: vec![1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4],
            latency_sum_ms: 2_500,
        };
        let text = page(METRICS, &[role]);
        for line in [
            "# TYPE coldstart_calls_total counter",
            "coldstart_calls_total{role=\"judge\",outcome=\"done\"} 7",
            "coldstart_retries_total{role=\"judge\",reason=\"fault\"} 1",
            "coldstart_queued{role=\"judge\"} 5",
            "coldstart_tokens_total{role=\"judge\",kind=\"thinking\"} 10",
            "coldstart_cost_dollars_total{role=\"judge\"} 1.5",
            "coldstart_breaker{role=\"judge\",url=\"http://h/v1 \\\"x\\\"\",state=\"half_open\"} 1",
            "coldstart_breaker{role=\"judge\",url=\"http://h/v1 \\\"x\\\"\",state=\"open\"} 0",
            "coldstart_latency_seconds_bucket{role=\"judge\",le=\"0.25\"} 3",
            "coldstart_latency_seconds_bucket{role=\"judge\",le=\"+Inf\"} 7",
            "coldstart_latency_seconds_sum{role=\"judge\"} 2.5",
            "coldstart_latency_seconds_count{role=\"judge\"} 7",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\nin\n{text}");
        }
    }
}
