//! Who may ask: the right Host (against DNS rebinding), the token in the path (against other users
//! of the machine and other pages in the browser), and for writing the right Origin.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// What a request must show.
#[derive(Debug)]
pub struct Guard {
    /// 32 hex digits.
    pub token: String,
    pub port: u16,
}

/// No inline script or style, nothing from elsewhere, no framing.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

impl Guard {
    /// `127.0.0.1:port` and `localhost:port`.
    fn host_is_ours(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
        let names = [format!("127.0.0.1:{}", self.port), format!("localhost:{}", self.port)];
        host.is_some_and(|host| names.iter().any(|name| name.eq_ignore_ascii_case(host)))
    }

    fn origin_is_ours(&self, headers: &HeaderMap) -> bool {
        let origin = headers.get(header::ORIGIN).and_then(|h| h.to_str().ok());
        let names =
            [format!("http://127.0.0.1:{}", self.port), format!("http://localhost:{}", self.port)];
        origin.is_some_and(|origin| names.iter().any(|name| name == origin))
    }

    /// Whether the path is `/<token>` or under it; compared without early exit.
    fn token_is_ours(&self, path: &str) -> bool {
        let given = path.trim_start_matches('/').split('/').next().unwrap_or("");
        given.len() == self.token.len()
            && given.bytes().zip(self.token.bytes()).fold(0, |acc, (a, b)| acc | (a ^ b)) == 0
    }

    fn refusal(&self, request: &Request) -> Option<(StatusCode, &'static str)> {
        let headers = request.headers();
        if !self.host_is_ours(headers) {
            return Some((
                StatusCode::MISDIRECTED_REQUEST,
                "this server does not go by that name\n",
            ));
        }
        if !self.token_is_ours(request.uri().path()) {
            let what = "open the address that `coldstart view` printed: it holds a token\n";
            return Some((StatusCode::FORBIDDEN, what));
        }
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if !reads && !self.origin_is_ours(headers) {
            return Some((StatusCode::FORBIDDEN, "writing is for this server's own pages\n"));
        }
        None
    }
}

/// Refuses strangers and sets the headers of every answer.
pub async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let mut response = match guard.refusal(&request) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    };
    harden(&mut response);
    response
}

fn harden(response: &mut Response<Body>) {
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: a browser then sends `Origin: null` with our own forms.
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: &str, path: &str, headers: &[(&str, &str)]) -> Option<StatusCode> {
        let guard = Guard { token: "0123456789abcdef".to_owned(), port: 4000 };
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        guard.refusal(&request.body(Body::empty()).unwrap()).map(|(status, _)| status)
    }

    #[test]
    fn strangers_are_refused() {
        let ours = ("host", "127.0.0.1:4000");
        assert_eq!(ask("GET", "/0123456789abcdef/", &[ours]), None);
        assert_eq!(ask("GET", "/0123456789abcdef", &[("host", "LOCALHOST:4000")]), None);
        let refused = [
            ask("GET", "/0123456789abcdef/", &[]),
            ask("GET", "/0123456789abcdef/", &[("host", "evil.example:4000")]),
            ask("GET", "/0123456789abcdef/", &[("host", "127.0.0.1:4001")]),
            ask("GET", "/", &[ours]),
            ask("GET", "/0123456789abcdeg/", &[ours]),
            ask("GET", "/0123456789abcde/", &[ours]),
            ask("POST", "/0123456789abcdef/label", &[ours]),
            ask("POST", "/0123456789abcdef/label", &[ours, ("origin", "http://evil.example")]),
            ask("POST", "/0123456789abcdef/label", &[ours, ("origin", "null")]),
        ];
        assert!(refused.iter().all(Option::is_some), "{refused:?}");
        let own = ("origin", "http://127.0.0.1:4000");
        assert_eq!(ask("POST", "/0123456789abcdef/label", &[ours, own]), None);
    }
}
