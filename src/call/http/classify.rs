//! A server's refusal (status, headers, body) as a `Failure`. Replies with status 200 that hold an
//! error come here from the protocols, by `error_body`.
//!
//! Servers differ in where they put things, not in what they mean, so one liberal reader finds
//! message, code and delay wherever they are, and one table decides. What is final says what to do
//! about it.

use crate::call::Fatal;
use crate::call::http::date::{http_date_ms, until_pacific_midnight};
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

/// How servers say of a picture that its content was the fault: wider, since it stands where only
/// reasons stand.
const CONTENT_WORDS: [&str; 17] = [
    "nsfw",
    "content filter",
    "content_filter",
    "contentfilter",
    "moderat",
    "prohibited",
    "sensitive",
    "inappropriate",
    "policy",
    "policies",
    "violat",
    "flagged",
    "blocklist",
    "unsafe",
    "image_safety",
    "safety system",
    "safety filter",
];

/// Whether a reason that a server gives is the content of what it was asked for.
pub fn speaks_of_policy(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    reason.trim() == "safety" || CONTENT_WORDS.iter().any(|word| reason.contains(word))
}

/// How servers say that the account is out of money, whatever the status.
const BROKE_WORDS: [&str; 6] = [
    "payment_required",
    "spend limit",
    "billing_hard_limit",
    "billing hard limit",
    "credit balance",
    "arrearage",
];

/// How servers say that a prompt does not fit.
const TOO_LONG_WORDS: [&str; 6] = [
    "maximum context length",
    "context_length",
    "context length",
    "too many tokens",
    "exceeds the maximum number of tokens",
    "longer than the model's",
];

/// How servers say that they do not take the shape that a reply is to have.
const SHAPE_WORDS: [&str; 7] = [
    "response_format",
    "json_schema",
    "json_object",
    "responseschema",
    "response_schema",
    "responsemimetype",
    "guided",
];

/// A refusal's parts, found wherever a server puts them.
#[derive(Debug, Default)]
struct RefusalParts {
    message: String,
    /// `code`, `type`, `status`, lower case, joined by blanks.
    kinds: String,
    delay: Option<Duration>,
    per_day: bool,
    per_minute: bool,
}

impl RefusalParts {
    /// Whether a kind or the message holds one of `words` (lower case).
    fn has(&self, words: &[&str]) -> bool {
        let message = self.message.to_lowercase();
        words.iter().any(|word| self.kinds.contains(word) || message.contains(word))
    }
}

/// Who answered, for the message: the role's URL and model.
pub struct Asked<'a> {
    pub place: &'a str,
    pub model: &'a str,
    /// The environment variable of the key, if the endpoint has one.
    pub key_env: Option<&'a str>,
    /// Says "quota exceeded" where it means "slow down" (DashScope).
    pub quota_is_rate: bool,
    /// Unix milliseconds now: delays may be dates, and days end.
    pub now_ms: u64,
}

/// What to do about an answer with a status that is not 2xx. `body` is scrubbed already.
pub fn refusal(asked: &Asked<'_>, status: u16, headers: &HeaderMap, body: &str) -> Failure {
    let mut said = read(body);
    if let Some(delay) = header_delay(headers, asked.now_ms) {
        said.delay = Some(delay);
    }
    let retry = headers.get("x-should-retry").and_then(|v| v.to_str().ok());
    decide(asked, status, said, retry)
}

/// What to do about an error object inside an answer with status 200 (mid-stream failures).
pub fn error_body(asked: &Asked<'_>, error: &Value) -> Failure {
    let said = read_value(error);
    let status = said.kinds.split(' ').find_map(|kind| kind.parse::<u16>().ok());
    let status = status.filter(|status| (400..600).contains(status));
    let status = status.unwrap_or_else(|| status_of(&said.kinds));
    decide(asked, status, said, None)
}

/// The status that an error would have had, by its code's words.
fn status_of(kinds: &str) -> u16 {
    let has = |words: &[&str]| words.iter().any(|word| kinds.contains(word));
    match () {
        () if has(&["rate_limit", "throttling", "resource_exhausted"]) => 429,
        () if has(&["overloaded", "unavailable"]) => 503,
        () if has(&["context_length", "invalid", "policy", "data_inspection", "filter"]) => 400,
        () => 500,
    }
}

fn decide(asked: &Asked<'_>, status: u16, said: RefusalParts, retry: Option<&str>) -> Failure {
    let place = asked.place;
    let what = format!("{place} answered {status}: {}", said.message);
    if said.per_day && status == 429 {
        return quota(what, until_pacific_midnight(asked.now_ms), " (midnight, Pacific time)");
    }
    let broke = said.has(&BROKE_WORDS)
        || (said.has(&["insufficient_quota"]) && !asked.quota_is_rate && status < 500);
    match status {
        400 | 403 | 422 | 451 if said.has(&POLICY_WORDS) => Failure::refused(said.message),
        _ if status == 402 || broke => {
            let help = "top up the account or raise its limit, then run again";
            Failure::fatal(Fatal::Money, format!("{what}; {help}"))
        }
        408 | 409 | 425 | 429 | 500..=599 if retry == Some("false") => {
            Failure::record(format!("{what}; the server says that another try would not help"))
        }
        401 | 403 => bad_key(asked, &what),
        404 | 405 => not_found(asked, &what, &said),
        429 => limited(what, &said),
        503 | 529 => Failure::overload(what, said.delay),
        408 | 409 | 425 | 500..=599 => Failure::later(what, said.delay),
        400 | 413 | 422 if said.has(&TOO_LONG_WORDS) => Failure::record(format!(
            "{what}; the prompt does not fit the model's context: shorten it, lower \
             `max_tokens`, or serve a longer context"
        )),
        400 | 422 if said.has(&SHAPE_WORDS) => Failure::record(format!(
            "{what}; if this server takes no schemas, write json = \"off\" into the role's table"
        )),
        400 if said.has(&["api key not valid", "api_key_invalid"]) => bad_key(asked, &what),
        400 if said.has(&["model_not_found"]) => not_found(asked, &what, &said),
        _ if retry == Some("true") => Failure::later(what, said.delay),
        _ => Failure::record(what),
    }
}

fn bad_key(asked: &Asked<'_>, what: &str) -> Failure {
    let help = match asked.key_env {
        Some(name) => format!("put a key that may use this model into `{name}`"),
        None => "name the key's environment variable with `key_env`".to_owned(),
    };
    Failure::fatal(Fatal::Key, format!("{what}; {help}"))
}

fn not_found(asked: &Asked<'_>, what: &str, said: &RefusalParts) -> Failure {
    let Asked { place, model, .. } = asked;
    let path = "check the path in `urls` (does it end in /v1?)";
    let help = match said.has(&["model"]) {
        true => format!("set `model` to a name that {place} serves (`{model}` was asked)"),
        false if said.message.is_empty() => format!("{path}, and whether {place} serves `{model}`"),
        false => path.to_owned(),
    };
    Failure::fatal(Fatal::Model, format!("{what}; {help}")).maybe_local()
}

fn limited(what: String, said: &RefusalParts) -> Failure {
    match said.delay {
        Some(delay) if delay > LONGEST_WAIT => quota(what, delay, ""),
        Some(delay) => Failure::overload(what, Some(delay)),
        None if said.per_minute => Failure::overload(what, Some(Duration::from_secs(60))),
        // Google's bare refusals last for seconds.
        None if said.kinds.contains("resource_exhausted") => {
            Failure::overload(what, Some(Duration::from_secs(5)))
        }
        None => Failure::overload(what, None),
    }
}

fn quota(what: String, resets: Duration, note: &str) -> Failure {
    let minutes = resets.as_secs().div_ceil(60);
    let when = format!("it resets in {} h {} min{note}", minutes / 60, minutes % 60);
    Failure::fatal(Fatal::Quota, format!("{what}; the quota is used up: {when}; then run again"))
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

fn read(body: &str) -> RefusalParts {
    match serde_json::from_str::<Value>(body) {
        Ok(value) => read_value(&value),
        Err(_) => RefusalParts { message: excerpt(body, MESSAGE_CHARS), ..RefusalParts::default() },
    }
}

fn read_value(value: &Value) -> RefusalParts {
    // Gemini's streams put the error into an array of one.
    let value = value.get(0).unwrap_or(value);
    let inner = value.get("error").unwrap_or(value);
    let mut said = RefusalParts::default();
    let message = [inner.get("message"), value.get("message"), value.get("detail"), Some(inner)]
        .into_iter()
        .flatten()
        .find_map(message_text)
        .unwrap_or_else(|| value.to_string());
    said.message = excerpt(&message, MESSAGE_CHARS);
    let metadata = inner.get("metadata").unwrap_or(&Value::Null);
    // OpenRouter passes on what the vendor behind it said.
    if let Some(raw) = metadata.get("raw").and_then(Value::as_str) {
        said.message = excerpt(&format!("{message}: {raw}"), MESSAGE_CHARS);
    }
    for holder in [inner, value, metadata] {
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
fn read_detail(detail: &Value, said: &mut RefusalParts) {
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

    /// 2026-01-01 00:00 UTC.
    const NOW: u64 = 1_767_225_600_000;
    const ASKED: Asked<'static> = Asked {
        place: "http://h/v1",
        model: "m",
        key_env: Some("K"),
        quota_is_rate: false,
        now_ms: NOW,
    };

    fn of(status: u16, headers: &[(&'static str, &str)], body: &str) -> CallError {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("a header value");
            map.insert(HeaderName::from_static(name), value);
        }
        refusal(&ASKED, status, &map, body).error
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
