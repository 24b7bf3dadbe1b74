//! Who is let in, and how many at once.

use crate::serve::refusal::Refusal;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The largest body of a request, in bytes.
const MAX_BODY: usize = 4 << 20;

/// A bound on the requests that are being answered.
#[derive(Debug)]
pub struct Door {
    token: Option<String>,
    most: usize,
    places: Arc<Semaphore>,
}

impl Door {
    pub fn new(token: Option<String>, most: usize) -> Door {
        Door { token, most, places: Arc::new(Semaphore::new(most)) }
    }

    /// Requests being answered, and the most that are.
    pub fn taken(&self) -> (usize, usize) {
        (self.most - self.places.available_permits().min(self.most), self.most)
    }

    /// Whether a request brings the token; compared without early exit.
    pub fn knows(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(token) = &self.token else { return Ok(()) };
        let given = headers.get(header::AUTHORIZATION).and_then(|h| h.to_str().ok());
        let given = given.and_then(|h| h.strip_prefix("Bearer ")).unwrap_or("").trim();
        let same = given.len() == token.len()
            && given.bytes().zip(token.bytes()).fold(0, |acc, (a, b)| acc | (a ^ b)) == 0;
        if same { Ok(()) } else { Err(Refusal::stranger()) }
    }

    /// A place; `after`: when one may be free again, in seconds.
    pub fn enter(&self, after: impl FnOnce() -> u64) -> Result<OwnedSemaphorePermit, Refusal> {
        let place = self.places.clone().try_acquire_owned();
        place.map_err(|_| Refusal::full(self.most, after()))
    }
}

/// A request's body as JSON. A page in a browser cannot send this type to another site unasked, so
/// that nobody's browser is made to spend his money.
pub async fn json(request: Request<Body>) -> Result<Value, Refusal> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|h| h.to_str().ok());
    let kind = kind.unwrap_or("").split(';').next().unwrap_or("").trim().to_lowercase();
    if kind != "application/json" {
        let what = format!("`Content-Type` is “{kind}”; `application/json` is meant");
        return Err(Refusal::odd(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", what));
    }
    let bytes = axum::body::to_bytes(request.into_body(), MAX_BODY).await.map_err(|error| {
        let what = format!("the body could not be read whole (at most {MAX_BODY} bytes): {error}");
        Refusal::odd(StatusCode::PAYLOAD_TOO_LARGE, "body", what)
    })?;
    serde_json::from_slice(&bytes).map_err(|error| Refusal::bad("", format!("no JSON: {error}")))
}
