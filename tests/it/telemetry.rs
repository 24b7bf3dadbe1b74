//! Metrics by OTLP, as a collector of a script gets them: nothing unless an endpoint is named, and
//! never a word of what was said.

use crate::scripted::{Answer, Scripted, Seen};
use serde_json::Value;
use std::process::{Command, Output};

const PROMPT: &str = "a photo of zebrafinches beside a samovar";

/// A run of one prompt with these variables.
fn run(folder: &std::path::Path, set: &[(&str, &str)]) -> Output {
    let pool = folder.join("pool.jsonl");
    std::fs::write(&pool, format!("{{\"prompt\": \"{PROMPT}\"}}\n")).expect("writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_coldstart"));
    command.args(["run", "--quiet", "--limit", "1", "--pool"]).arg(&pool);
    command.arg("--out").arg(folder.join("run")).envs(set.iter().copied());
    command.output().expect("starts")
}

async fn collector() -> Scripted {
    Scripted::start(vec![Answer { body: "{}".into(), ..Answer::default() }; 50]).await
}

/// The points of the last sending, each as its attributes and its count.
fn points(seen: &Seen) -> Vec<(Vec<(String, String)>, u64)> {
    let body: Value = serde_json::from_slice(&seen.body).expect("JSON");
    let metric = &body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0];
    assert_eq!(metric["name"], "gen_ai.client.operation.duration");
    assert_eq!(
        (&metric["unit"], &metric["histogram"]["aggregationTemporality"]),
        (&"s".into(), &2.into())
    );
    let text = |value: &Value| match value["stringValue"].as_str() {
        Some(text) => text.to_owned(),
        None => value["intValue"].as_str().expect("text or number").to_owned(),
    };
    let attribute =
        |pair: &Value| (pair["key"].as_str().expect("a key").to_owned(), text(&pair["value"]));
    let points = metric["histogram"]["dataPoints"].as_array().expect("points");
    let point = |point: &Value| {
        let list = point["attributes"].as_array().expect("attributes");
        let count = point["count"].as_str().expect("text").parse().expect("a number");
        let buckets = point["bucketCounts"].as_array().expect("buckets").iter();
        let sum: u64 =
            buckets.map(|n| n.as_str().expect("text").parse::<u64>().expect("a number")).sum();
        assert_eq!(sum, count);
        assert!(point["sum"].as_f64().expect("seconds") > 0.0);
        (list.iter().map(attribute).collect(), count)
    };
    points.iter().map(point).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_durations_and_no_word_of_what_was_said() {
    let collector = collector().await;
    let folder = tempfile::tempdir().expect("a folder");
    let set = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.base.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=s3cret"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
    ];
    let output = run(folder.path(), &set);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let seen = collector.seen();
    let last = seen.last().expect("a sending");
    assert_eq!(last.line, "POST /v1/metrics");
    assert!(last.headers.contains(&("content-type".into(), "application/json".into())));
    assert!(last.headers.contains(&("x-key".into(), "s3cret".into())));
    let points = points(last);
    let of = |name: &str, value: &str| {
        let all = points.iter();
        all.filter(|(list, _)| list.contains(&(name.into(), value.into())))
            .map(|(_, n)| n)
            .sum::<u64>()
    };
    let (drawn, chats) =
        (of("gen_ai.operation.name", "generate_content"), of("gen_ai.operation.name", "chat"));
    assert!(drawn >= 1 && chats >= 1, "{points:?}");
    let whole: u64 = points.iter().map(|(_, n)| n).sum();
    assert_eq!((drawn + chats, of("server.address", "127.0.0.1")), (whole, whole));
    // Not every server of pictures says which model drew.
    let named = |(list, _): &(Vec<(String, String)>, u64)| {
        list.iter().any(|(name, _)| name == "gen_ai.response.model")
    };
    assert!(points.iter().any(named), "{points:?}");
    for sent in &seen {
        let text = String::from_utf8_lossy(&sent.body);
        assert!(!text.contains("zebrafinches") && !text.contains("samovar"), "{text}");
    }
    // The key is in no file of the RUN and in nothing that was said.
    assert!(!said.contains("s3cret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_endpoint_nothing_is_sent_and_a_collector_that_is_away_stops_no_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(folder.path(), &[]);
    assert!(output.status.success());
    assert!(!String::from_utf8_lossy(&output.stderr).contains("metrics"));
    for (name, value, part) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9", "metrics were not sent"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector", "no metrics are sent"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let output = run(folder.path(), &[(name, value)]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.contains(part), "{said}");
    }
}
