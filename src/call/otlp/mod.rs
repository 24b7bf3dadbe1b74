//! OpenTelemetry: how long each try of a call took, sent to the collector that the environment names.
//! Without `OTEL_EXPORTER_OTLP_ENDPOINT` nothing of this exists.
//!
//! One metric, `gen_ai.client.operation.duration`, with the attributes of the GenAI conventions that
//! are settled (operation, provider, models, error, server). Never what was said: no prompt, answer or
//! picture passes here. It goes as OTLP over HTTP in JSON, which collectors take at the same port as
//! their binary form (4318).

mod settings;
mod wire;

pub use settings::Settings;

use crate::call::endpoints::Endpoint;
use crate::call::http::{Failure, Health, client};
use crate::call::{CallError, Fatal, Reply, Request};
use crate::env::Env;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// The conventions' bounds of the histogram, in seconds.
pub const BOUNDS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];

/// What tells one series from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tried {
    pub operation: &'static str,
    pub provider: String,
    /// The model's name on the wire, as asked and as it answered.
    pub asked: String,
    pub served: Option<String>,
    pub error: Option<&'static str>,
    pub address: String,
    pub port: Option<u16>,
}

/// Durations of one series, in seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    /// By `BOUNDS` (upper, inclusive), and beyond.
    pub counts: [u64; BOUNDS.len() + 1],
    pub sum: f64,
    pub least: f64,
    pub most: f64,
}

impl Histogram {
    fn add(&mut self, seconds: f64) {
        let first = self.count() == 0;
        self.counts[BOUNDS.partition_point(|bound| *bound < seconds)] += 1;
        self.sum += seconds;
        self.least = if first { seconds } else { self.least.min(seconds) };
        self.most = self.most.max(seconds);
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Measures tries, and sends what it has measured.
pub struct Meter {
    env: Env,
    settings: Settings,
    client: reqwest::Client,
    started_ms: u64,
    series: Mutex<BTreeMap<Tried, Histogram>>,
}

impl Meter {
    /// # Errors
    /// Text: no client can be made.
    pub fn new(env: &Env, settings: Settings) -> Result<Arc<Meter>, String> {
        let client = client(settings.timeout)?;
        let series = Mutex::default();
        let started_ms = env.unix_ms();
        Ok(Arc::new(Meter { env: env.clone(), settings, client, started_ms, series }))
    }

    /// Notes a try of `request` at `url` that took `took`.
    pub fn note(
        &self,
        request: &Request,
        (endpoint, url): (&Endpoint, &Url),
        outcome: &Result<Reply, Failure>,
        took: Duration,
    ) {
        let (served, error) = match outcome {
            Ok(reply) => (Some(reply.served.clone()).filter(|name| !name.is_empty()), None),
            Err(failure) => (None, error_type(failure)),
        };
        // The run is stopping: nothing was tried to its end.
        if outcome.is_err() && error.is_none() {
            return;
        }
        let tried = Tried {
            operation: operation(request, endpoint.protocol.name),
            provider: provider(url, endpoint.protocol.name),
            asked: endpoint.wire_model(request.model()).to_owned(),
            served,
            error,
            address: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default(),
        };
        self.series.lock().entry(tried).or_default().add(took.as_secs_f64());
    }

    /// Sends all that was measured, every so often, until it is dropped.
    pub async fn keep_sending(self: Arc<Meter>) {
        let mut told = false;
        loop {
            self.env.sleep(self.settings.interval).await;
            if let Err(what) = self.send().await
                && !std::mem::replace(&mut told, true)
            {
                tracing::warn!(what, "metrics could not be sent; the run goes on");
            }
        }
    }

    /// Sends all that was measured, summed since the start.
    ///
    /// # Errors
    /// Text for people, without headers: they may hold a key.
    pub async fn send(&self) -> Result<(), String> {
        let body = {
            let series = self.series.lock();
            if series.is_empty() {
                return Ok(());
            }
            let span = (self.started_ms, self.env.unix_ms());
            wire::body(&self.settings.resource, &series, span)
        };
        let place = crate::call::http::place(&self.settings.url);
        let request = self
            .client
            .post(self.settings.url.clone())
            .timeout(self.settings.timeout)
            .headers(self.settings.headers.clone())
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body);
        let answer = request.send().await;
        let answer =
            answer.map_err(|e| format!("{place} cannot be reached: {}", e.without_url()))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("{place} answered {status} to metrics in JSON")),
        }
    }
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Meter({})", crate::call::http::place(&self.settings.url))
    }
}

/// `gen_ai.operation.name`: the conventions know no name for drawing but this.
fn operation(request: &Request, protocol: &str) -> &'static str {
    match request {
        Request::Chat(_) if protocol != "gemini" => "chat",
        Request::Chat(_) | Request::Image(_) => "generate_content",
    }
}

/// `gen_ai.provider.name`: those of the conventions by the server's name, else the protocol that it
/// speaks (`openai-chat`: vLLM, SGLang and their like).
fn provider(url: &Url, protocol: &str) -> String {
    const KNOWN: [(&str, &str); 8] = [
        ("api.openai.com", "openai"),
        ("generativelanguage.googleapis.com", "gcp.gemini"),
        ("aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("openai.azure.com", "azure.ai.openai"),
        ("api.mistral.ai", "mistral_ai"),
        ("api.groq.com", "groq"),
        ("api.deepseek.com", "deepseek"),
        ("api.x.ai", "x_ai"),
    ];
    let host = url.host_str().unwrap_or_default();
    let known = KNOWN.iter().find(|(end, _)| host.ends_with(end));
    known.map_or(protocol, |(_, name)| name).to_owned()
}

/// `error.type`, of which there are few; None when the run is stopping.
fn error_type(failure: &Failure) -> Option<&'static str> {
    Some(match (&failure.error, failure.health) {
        (CallError::Stopped, _) => return None,
        (_, Health::Overloaded) => "overloaded",
        (CallError::Store(_), _) => "endpoint",
        (CallError::Transient { .. }, Health::Sick) => "unavailable",
        (CallError::Transient { .. }, Health::Healthy) => "unsettled",
        (CallError::Record { .. }, _) => "rejected",
        (CallError::Fatal { kind, .. }, _) => match kind {
            Fatal::Key => "key",
            Fatal::Model => "model",
            Fatal::Money => "money",
            Fatal::Quota => "quota",
            Fatal::Address => "address",
            Fatal::Endpoint | Fatal::Store | Fatal::Fenced => "endpoint",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::{BOUNDS, Histogram, provider};

    #[test]
    fn durations_fall_into_their_buckets() {
        let mut histogram = Histogram::default();
        for seconds in [0.005, 0.01, 0.011, 90.0] {
            histogram.add(seconds);
        }
        assert_eq!((histogram.counts[0], histogram.counts[1]), (2, 1));
        assert_eq!(histogram.counts[BOUNDS.len()], 1);
        assert_eq!((histogram.count(), histogram.least, histogram.most), (4, 0.005, 90.0));
    }

    #[test]
    fn who_serves_is_told_by_the_host() {
        let of = |url: &str| provider(&url.parse().unwrap(), "openai-chat");
        assert_eq!(of("https://api.openai.com/v1"), "openai");
        assert_eq!(of("https://us-aiplatform.googleapis.com/v1"), "gcp.vertex_ai");
        assert_eq!(of("http://10.0.0.7:8000/v1"), "openai-chat");
    }
}
