//! The request of OTLP/HTTP in JSON: names in lowerCamelCase, 64-bit numbers as text.

use crate::call::otlp::{BOUNDS, Histogram, Tried};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Sums since the process began, not since the last sending.
const CUMULATIVE: u8 = 2;

/// All `series`, measured in `span` (Unix milliseconds from and to), of the process `resource`.
pub fn body(
    resource: &[(String, String)],
    series: &BTreeMap<Tried, Histogram>,
    (from_ms, to_ms): (u64, u64),
) -> Vec<u8> {
    let nanos = |ms: u64| (u128::from(ms) * 1_000_000).to_string();
    let point = |(tried, histogram): (&Tried, &Histogram)| {
        json!({
            "attributes": attributes(tried),
            "startTimeUnixNano": nanos(from_ms),
            "timeUnixNano": nanos(to_ms),
            "count": histogram.count().to_string(),
            "sum": histogram.sum,
            "min": histogram.least,
            "max": histogram.most,
            "bucketCounts": histogram.counts.map(|n| n.to_string()),
            "explicitBounds": BOUNDS,
        })
    };
    let metric = json!({
        "name": "gen_ai.client.operation.duration",
        "description": "Time from sending a try to its whole answer.",
        "unit": "s",
        "histogram": {
            "aggregationTemporality": CUMULATIVE,
            "dataPoints": series.iter().map(point).collect::<Vec<_>>(),
        },
    });
    let of_process = resource.iter().map(|(name, value)| text(name, value)).collect::<Vec<_>>();
    let request = json!({
        "resourceMetrics": [{
            "resource": {"attributes": of_process},
            "scopeMetrics": [{
                "scope": {"name": "coldstart", "version": env!("CARGO_PKG_VERSION")},
                "metrics": [metric],
            }],
        }],
    });
    request.to_string().into_bytes()
}

fn text(name: &str, value: &str) -> Value {
    json!({"key": name, "value": {"stringValue": value}})
}

fn attributes(tried: &Tried) -> Vec<Value> {
    let Tried { operation, provider, asked, served, error, address, port } = tried;
    let mut out = vec![
        text("gen_ai.operation.name", operation),
        text("gen_ai.provider.name", provider),
        text("gen_ai.request.model", asked),
        text("server.address", address),
    ];
    out.extend(
        port.map(|port| json!({"key": "server.port", "value": {"intValue": port.to_string()}})),
    );
    out.extend(served.as_ref().map(|model| text("gen_ai.response.model", model)));
    out.extend(error.map(|error| text("error.type", error)));
    out
}
