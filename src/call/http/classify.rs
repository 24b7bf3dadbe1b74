//! A server's refusal (status, headers, body) as a `Failure`.
//!
//! Not here: replies with status 200 that hold an error (protocols hand those to `error_body`).
//! The one idea: servers differ in where they put things, not in what they mean, so one liberal
//! reader finds message, code and delay wherever they are, and one table decides. What is final
//! says what to do about it.

use crate::call::Fatal;
use crate::call::http::date::http_date_ms;
use crate::call::http::failure::Failure;
use crate::call::http::secret::excerpt;
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::time::Duration;

/// Longer than this the server does not mean "slow down" but "not today".
const LONGEST_WAIT: Duration = Duration::from_secs(300);
const MESSAGE_CHARS: usize = 300;

/// How servers say that their content policy forbids a request.
const POLICY_WORDS: [&str; 6] = [
    "content_policy",
    "content policy",
    "moderation",
    "content_filter",
    "safety system",
    "data_inspection_failed",
];

/// A refusal's parts, found wherever a server puts them.
#[derive(Debug, Default)]
struct Said {
    message: String,
    /// `code`, `type`, `status`, lower case, joined by blanks.
    kinds: String,
    delay: Option<Duration>,
    per_day: bool,
    per_minute: bool,
}

/// Who answered, for the message: the role's URL and model.
pub struct Asked<'a> {
    pub place: &'a str,
    pub model: &'a str,
    /// The environment variable of the key, if the endpoint has one.
    pub key_env: Option<&'a str>,
    /// Says "quota exceeded" where it means "slow down" (DashScope).
    pub quota_is_rate: bool,
}

/// What to do about an answer with a status that is not 2xx. `body` is scrubbed already.
pub fn refusal(
    asked: &Asked<'_>,
    status: u16,
    headers: &HeaderMap,
    body: &str,
    now_ms: u64,
) -> Failure {
    let mut said = read(body);
    if let Some(delay) = header_delay(headers, now_ms) {
        said.delay = Some(delay);
    }
    let retry = headers.get("x-should-retry").and_then(|v| v.to_str().ok());
    decide(asked, status, said, retry)
}

/// What to do about an error object inside an answer with status 200 (mid-stream failures).
pub fn error_body(asked: &Asked<'_>, error: &Value) -> Failure {
    let said = read_value(error);
    let error = error.get(0).unwrap_or(error);
    let code = error.get("code").or_else(|| error.pointer("/error/code"));
    let status = match code {
        Some(Value::Number(n)) => n.as_u64().unwrap_or(500),
        Some(Value::String(s)) => s.parse().unwrap_or(500),
        _ => 500,
    };
    let status = if (400..600).contains(&status) { status as u16 } else { 500 };
    decide(asked, status, said, None)
}

fn decide(asked: &Asked<'_>, status: u16, said: Said, retry: Option<&str>) -> Failure {
    let Asked { place, model, key_env, .. } = asked;
    let what = format!("{place} answered {status}: {}", said.message);
    let has = |word: &str| said.kinds.contains(word) || said.message.to_lowercase().contains(word);
    if said.per_day && status == 429 {
        return quota(what, said.delay);
    }
    let broke = has("insufficient_quota") || has("payment_required") || has("spend limit");
    if status == 402 || (broke && !asked.quota_is_rate) {
        return Failure::fatal(
            Fatal::Money,
            format!("{what}; top up the account or raise its limit, then run again"),
        );
    }
    let policy = POLICY_WORDS.iter().any(|words| has(words));
    match status {
        400 | 403 | 422 | 451 if policy => Failure::refused(said.message),
        401 | 403 => Failure::fatal(Fatal::Key, format!("{what}; {}", key_help(*key_env))),
        404 if has("model") || said.message.is_empty() => Failure::fatal(
            Fatal::Model,
            format!("{what}; set `model` to a name that {place} serves (`{model}` was asked)"),
        ),
        404 | 405 => Failure::fatal(
            Fatal::Model,
            format!("{what}; check the path in `urls` (does it end in /v1?)"),
        ),
        429 => limited(what, &said),
        503 | 529 => Failure::overload(what, said.delay),
        408 | 409 | 425 => Failure::later(what, said.delay),
        500..=599 if retry == Some("false") => Failure::record(what),
        500..=599 => Failure::later(what, said.delay),
        400 | 413 | 422 if too_long(&said.message) => Failure::record(format!(
            "{what}; the prompt does not fit the model's context: shorten it, lower \
             `max_tokens`, or serve a longer context"
        )),
        400 if has("api key not valid") || has("api_key_invalid") => {
            Failure::fatal(Fatal::Key, format!("{what}; {}", key_help(*key_env)))
        }
        400 if has("model_not_found") => Failure::fatal(Fatal::Model, what),
        _ if retry == Some("true") => Failure::later(what, said.delay),
        _ => Failure::record(what),
    }
}

fn key_help(key_env: Option<&str>) -> String {
    match key_env {
        Some(name) => format!("put a key that may use this model into `{name}`"),
        None => "name the key's environment variable with `key_env`".to_owned(),
    }
}

fn limited(what: String, said: &Said) -> Failure {
    match said.delay {
        Some(delay) if delay > LONGEST_WAIT => quota(what, Some(delay)),
        Some(delay) => Failure::overload(what, Some(delay)),
        None if said.per_minute => Failure::overload(what, Some(Duration::from_secs(60))),
        None => Failure::overload(what, None),
    }
}

fn quota(what: String, delay: Option<Duration>) -> Failure {
    let when = match delay {
        Some(delay) => {
            let minutes = delay.as_secs().div_ceil(60);
            format!("it resets in {} h {} min", minutes / 60, minutes % 60)
        }
        None => "daily quotas reset at midnight, Pacific time on Gemini".to_owned(),
    };
    Failure::fatal(Fatal::Quota, format!("{what}; the quota is used up: {when}; then run again"))
}

fn too_long(message: &str) -> bool {
    let message = message.to_lowercase();
    ["maximum context length", "context_length", "context length", "too many tokens"]
        .iter()
        .chain(&["exceeds the maximum number of tokens", "longer than the model's"])
        .any(|words| message.contains(words))
}

/// `retry-after-ms`, `retry-after` in seconds or as a date.
fn header_delay(headers: &HeaderMap, now_ms: u64) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    let millis = |n: f64| Duration::try_from_secs_f64(n / 1000.0).ok();
    if let Some(ms) = text("retry-after-ms").and_then(|t| t.parse::<f64>().ok()).and_then(millis) {
        return Some(ms);
    }
    let after = text("retry-after")?;
    match after.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => http_date_ms(after).map(|at| Duration::from_millis(at.saturating_sub(now_ms))),
    }
}

fn read(body: &str) -> Said {
    match serde_json::from_str::<Value>(body) {
        Ok(value) => read_value(&value),
        Err(_) => Said { message: excerpt(body, MESSAGE_CHARS), ..Said::default() },
    }
}

fn read_value(value: &Value) -> Said {
    // Gemini's streams put the error into an array of one.
    let value = value.get(0).unwrap_or(value);
    let inner = value.get("error").unwrap_or(value);
    let mut said = Said::default();
    let message = [inner.get("message"), value.get("message"), value.get("detail"), Some(inner)]
        .into_iter()
        .flatten()
        .find_map(message_text)
        .unwrap_or_else(|| value.to_string());
    said.message = excerpt(&message, MESSAGE_CHARS);
    for holder in [inner, value] {
        for name in ["code", "type", "status", "error_type"] {
            match holder.get(name) {
                Some(Value::String(s)) => said.kinds.push_str(&s.to_lowercase()),
                Some(Value::Number(n)) => said.kinds.push_str(&n.to_string()),
                _ => continue,
            }
            said.kinds.push(' ');
        }
    }
    for detail in inner.get("details").and_then(Value::as_array).into_iter().flatten() {
        read_detail(detail, &mut said);
    }
    said
}

fn message_text(value: &Value) -> Option<String> {
    match value {
        Value::String(s) if !s.is_empty() => Some(s.clone()),
        // FastAPI's validation errors: a list of objects.
        Value::Array(items) if !items.is_empty() => Some(Value::Array(items.clone()).to_string()),
        _ => None,
    }
}

/// Google's `RetryInfo` and `QuotaFailure`.
fn read_detail(detail: &Value, said: &mut Said) {
    if let Some(delay) = detail.get("retryDelay").and_then(Value::as_str).and_then(google_delay) {
        said.delay = Some(delay);
    }
    for violation in detail.get("violations").and_then(Value::as_array).into_iter().flatten() {
        let id = violation.get("quotaId").and_then(Value::as_str).unwrap_or_default();
        said.per_day |= id.contains("PerDay");
        said.per_minute |= id.contains("PerMinute");
    }
}

/// `"18.5s"`, `"900ms"`.
fn google_delay(text: &str) -> Option<Duration> {
    let (number, scale) = match text.strip_suffix("ms") {
        Some(number) => (number, 1e-3),
        None => (text.strip_suffix('s')?, 1.0),
    };
    Duration::try_from_secs_f64(number.trim().parse::<f64>().ok()? * scale).ok()
}

#[cfg(test)]
mod tests {
    use super::{Asked, error_body, google_delay, refusal};
    use crate::call::{CallError, Fatal};
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
    use std::time::Duration;

    const ASKED: Asked<'static> =
        Asked { place: "http://h/v1", model: "m", key_env: Some("K"), quota_is_rate: false };

    fn of(status: u16, headers: &[(&'static str, &str)], body: &str) -> CallError {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("a header value");
            map.insert(HeaderName::from_static(name), value);
        }
        refusal(&ASKED, status, &map, body, 1_767_225_600_000).error
    }

    fn delay(error: &CallError) -> Option<Duration> {
        match error {
            CallError::Transient { after, .. } => *after,
            other => panic!("not transient: {other:?}"),
        }
    }

    #[test]
    fn delays_are_found_in_every_place() {
        let seconds = Duration::from_secs;
        assert_eq!(delay(&of(429, &[("retry-after", "3")], "{}")), Some(seconds(3)));
        assert_eq!(
            delay(&of(429, &[("retry-after", "9"), ("retry-after-ms", "250")], "{}")),
            Some(Duration::from_millis(250))
        );
        let date = "Thu, 01 Jan 2026 00:00:05 GMT";
        assert_eq!(delay(&of(503, &[("retry-after", date)], "")), Some(seconds(5)));
        let info = r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":
            [{"@type":"RetryInfo","retryDelay":"18.5s"}]}}"#;
        assert_eq!(delay(&of(429, &[], info)), Some(Duration::from_millis(18_500)));
        assert_eq!(google_delay("900ms"), Some(Duration::from_millis(900)));
        assert_eq!(google_delay("-1s"), None);
    }

    #[test]
    fn what_is_final_is_final() {
        let fatal = |error: CallError| match error {
            CallError::Fatal { kind, .. } => Some(kind),
            _ => None,
        };
        assert_eq!(fatal(of(401, &[], r#"{"error":"Unauthorized"}"#)), Some(Fatal::Key));
        assert_eq!(fatal(of(402, &[], "")), Some(Fatal::Money));
        let broke = r#"{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}"#;
        assert_eq!(fatal(of(429, &[], broke)), Some(Fatal::Money));
        let day = r#"{"error":{"message":"q","details":[{"violations":[{"quotaId":"RequestsPerDay"}]}]}}"#;
        assert_eq!(fatal(of(429, &[], day)), Some(Fatal::Quota));
        assert_eq!(fatal(of(429, &[("retry-after", "7200")], "")), Some(Fatal::Quota));
        assert_eq!(
            fatal(of(404, &[], r#"{"error":{"code":"model_not_found"}}"#)),
            Some(Fatal::Model)
        );
    }

    #[test]
    fn mid_stream_errors_keep_their_code() {
        let error = serde_json::json!({"message": "busy", "code": 503});
        assert!(matches!(
            error_body(&ASKED, &error).error,
            CallError::Transient { overload: true, .. }
        ));
    }
}
