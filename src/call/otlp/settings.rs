//! What the environment says of metrics: the variables of OpenTelemetry's own specification.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;
use url::Url;

/// Where metrics go, how often, and as whose.
#[derive(Debug, Clone)]
pub struct Settings {
    pub url: Url,
    pub headers: HeaderMap,
    pub interval: Duration,
    /// Of one sending.
    pub timeout: Duration,
    /// Attributes of the process: name and value.
    pub resource: Vec<(String, String)>,
}

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const METRICS_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
/// The specification's defaults, in milliseconds.
const INTERVAL_MS: u64 = 60_000;
const TIMEOUT_MS: u64 = 10_000;

impl Settings {
    /// The settings that `var` gives; None where no endpoint is named or metrics are switched off.
    ///
    /// # Errors
    /// Text with the variable and the remedy; never a value, which may hold a key.
    pub fn from_environment(
        var: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Settings>, String> {
        let set = |name: &str| var(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        // That of metrics alone goes before the one of all signals.
        let either = |name: &str| {
            let own = name.replacen("OTLP_", "OTLP_METRICS_", 1);
            set(&own).map(|v| (own, v)).or_else(|| set(name).map(|v| (name.to_owned(), v)))
        };
        let off = set("OTEL_SDK_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true"))
            || set("OTEL_METRICS_EXPORTER").is_some_and(|v| v == "none");
        let Some((name, text)) = either(ENDPOINT).filter(|_| !off) else { return Ok(None) };
        let mut url: Url = text.parse().map_err(|e| format!("`{name}` is no URL: {e}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("`{name}` begins with neither `http://` nor `https://`"));
        }
        if let Some((protocol, "grpc")) =
            either("OTEL_EXPORTER_OTLP_PROTOCOL").as_ref().map(|(n, v)| (n, v.as_str()))
        {
            return Err(format!(
                "`{protocol}` is `grpc`, and coldstart speaks OTLP over HTTP; name the collector's \
                 HTTP port (4318) by `{METRICS_ENDPOINT}` and set `{protocol}` to `http/json`"
            ));
        }
        // The one of metrics is taken as it is; the one of all signals is a base.
        if name == ENDPOINT {
            let path = format!("{}/v1/metrics", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        let number = |name: &str, default: u64| match set(name) {
            None => Ok(default),
            Some(text) => match text.parse::<u64>() {
                Ok(ms) if ms > 0 => Ok(ms),
                _ => Err(format!("`{name}` is no number of milliseconds")),
            },
        };
        let timeout = either("OTEL_EXPORTER_OTLP_TIMEOUT");
        let timeout = timeout.map_or("OTEL_EXPORTER_OTLP_TIMEOUT".to_owned(), |(name, _)| name);
        Ok(Some(Settings {
            url,
            headers: headers(either("OTEL_EXPORTER_OTLP_HEADERS"))?,
            interval: Duration::from_millis(number("OTEL_METRIC_EXPORT_INTERVAL", INTERVAL_MS)?),
            timeout: Duration::from_millis(number(&timeout, TIMEOUT_MS)?),
            resource: resource(&set)?,
        }))
    }
}

/// `name=value,name=value`, values percent-encoded.
fn pairs(name: &str, text: &str) -> Result<Vec<(String, String)>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| format!("`{name}` is not of the form `name=value,name=value`"))?;
            Ok((key.trim().to_owned(), decoded(value.trim())))
        })
        .collect()
}

/// `%20` and its like as the bytes that they stand for.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%');
        let byte = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn headers(found: Option<(String, String)>) -> Result<HeaderMap, String> {
    let mut out = HeaderMap::new();
    let Some((variable, text)) = found else { return Ok(out) };
    let odd = || format!("`{variable}` holds what no header can");
    for (name, value) in pairs(&variable, &text)? {
        let name: HeaderName = name.parse().map_err(|_| odd())?;
        let mut value = HeaderValue::from_str(&value).map_err(|_| odd())?;
        value.set_sensitive(true);
        out.insert(name, value);
    }
    Ok(out)
}

fn resource(set: &dyn Fn(&str) -> Option<String>) -> Result<Vec<(String, String)>, String> {
    const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
    let mut out = pairs(ATTRIBUTES, &set(ATTRIBUTES).unwrap_or_default())?;
    let named = set("OTEL_SERVICE_NAME");
    if named.is_some() || !out.iter().any(|(name, _)| name == "service.name") {
        out.retain(|(name, _)| name != "service.name");
        out.push(("service.name".to_owned(), named.unwrap_or_else(|| "coldstart".to_owned())));
    }
    if !out.iter().any(|(name, _)| name == "service.version") {
        out.push(("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::Settings;

    fn of(vars: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        let found = |name: &str| {
            vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Settings::from_environment(&found)
    }

    #[test]
    fn nothing_is_sent_unless_an_endpoint_is_named() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
        assert!(of(&[]).unwrap().is_none());
        assert!(of(&[("OTEL_SERVICE_NAME", "x")]).unwrap().is_none());
        assert!(of(&[endpoint, ("OTEL_SDK_DISABLED", "true")]).unwrap().is_none());
        assert!(of(&[endpoint, ("OTEL_METRICS_EXPORTER", "none")]).unwrap().is_none());
        assert!(of(&[endpoint]).unwrap().is_some());
    }

    #[test]
    fn the_variables_are_read_as_the_specification_says() {
        let settings = of(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c/base/"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20a2V5,x-org=7"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "500"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,zone=b"),
            ("OTEL_SERVICE_NAME", "mine"),
        ]);
        let settings = settings.unwrap().unwrap();
        assert_eq!(settings.url.as_str(), "https://c/base/v1/metrics");
        assert_eq!(settings.headers["authorization"], "Basic a2V5");
        assert!(!format!("{settings:?}").contains("a2V5"), "a key is shown");
        assert_eq!(settings.interval.as_millis(), 500);
        let resource: Vec<_> =
            settings.resource.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(resource[..2], [("zone", "b"), ("service.name", "mine")]);
        let own = of(&[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://c:1/m")]);
        assert_eq!(own.unwrap().unwrap().url.as_str(), "http://c:1/m");
    }

    #[test]
    fn what_cannot_be_used_is_named_and_not_shown() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317");
        for (more, part) in [
            (("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), "4318"),
            (("OTEL_EXPORTER_OTLP_HEADERS", "secret-word"), "OTEL_EXPORTER_OTLP_HEADERS"),
            (("OTEL_METRIC_EXPORT_INTERVAL", "soon"), "milliseconds"),
            (("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "c:4318"), "METRICS_ENDPOINT"),
        ] {
            let error = of(&[endpoint, more]).unwrap_err();
            assert!(error.contains(part) && !error.contains("secret-word"), "{error}");
        }
    }
}
