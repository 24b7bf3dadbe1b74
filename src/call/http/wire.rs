//! The client side of one exchange: sending, reading with time-outs, refusals.
//!
//! Connecting, waiting for the first byte, and silence between bytes each have a clock of their own,
//! and one deadline covers the whole call, so that an hour of streamed thinking is fine and a
//! stalled socket is not. What the endpoints file says of an exchange comes in as a `Connection`.

use crate::call::CallError;
use crate::call::Fatal;
use crate::call::Images;
use crate::call::http::body::{Body, Sent};
use crate::call::http::classify::{Asked, error_body, refusal};
use crate::call::http::connection::Connection;
use crate::call::http::failure::Failure;
use crate::call::http::room::{Held, SMALL};
use crate::call::http::secret::{Key, excerpt};
use crate::call::http::tls;
use crate::env::Env;
use crate::env::proxy;
use crate::record::CallKey;
use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Response};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use url::Url;

/// Below the 5 s after which uvicorn (vLLM, SGLang) closes a quiet connection.
const POOL_IDLE: Duration = Duration::from_secs(4);
/// A refusal's text beyond this is not read.
const REFUSAL_BYTES: usize = 64 << 10;
/// Most bytes that are made room for before they come.
const FIRST_ROOM: usize = 4 << 20;
/// The simulated world marks its replies with this header.
pub const SIM_HEADER: &str = "x-coldstart-sim";

/// A client that gives up connecting after `connect`. HTTP/1.1 only: over h2 requests would queue in silence behind one
/// connection's streams. No redirects: those of image URLs are followed by hand, with checks.
pub fn client(connect: Duration) -> Result<Client, String> {
    // An error says that a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .http1_only()
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(4096)
        .connect_timeout(connect)
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("coldstart/", env!("CARGO_PKG_VERSION")));
    builder = by_environment(builder)?;
    builder.build().map_err(|e| e.without_url().to_string())
}

/// The proxies of the environment, past which loopback goes.
fn by_environment(mut builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, String> {
    builder = builder.no_proxy();
    for proxy in proxy::all() {
        let made = match proxy.scheme {
            "http" => reqwest::Proxy::http(&proxy.url),
            "https" => reqwest::Proxy::https(&proxy.url),
            _ => reqwest::Proxy::all(&proxy.url),
        };
        let made = made.map_err(|_| format!("`{}` names no proxy", proxy.variable))?;
        builder = builder.proxy(made.no_proxy(reqwest::NoProxy::from_string(&proxy::past())));
    }
    Ok(builder)
}

/// One exchange's surroundings; made per try.
pub struct Wire<'a> {
    /// The call that is made.
    pub call: CallKey,
    pub env: &'a Env,
    pub client: &'a Client,
    pub connection: &'a Connection,
    pub base: &'a Url,
    pub key: Option<&'a Key>,
    pub images: &'a Arc<dyn Images>,
    /// The model's name on the wire.
    pub model: &'a str,
    pub deadline: Instant,
    /// Room for the reply's body.
    pub room: Held,
    /// A refusal that speaks of a used-up quota means: too fast.
    pub quota_is_rate: bool,
    /// Set when an answer came from the simulated world.
    pub simulated: AtomicBool,
}

/// A request to be sent.
pub struct Outgoing {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Option<Body>,
}

impl Outgoing {
    pub fn post(url: Url, body: Body) -> Outgoing {
        let body = Some(body.closed());
        Outgoing { method: Method::POST, url, headers: HeaderMap::new(), body }
    }

    pub fn get(url: Url) -> Outgoing {
        Outgoing { method: Method::GET, url, headers: HeaderMap::new(), body: None }
    }

    pub fn header(mut self, name: &'static str, value: HeaderValue) -> Outgoing {
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }
}

impl Wire<'_> {
    /// `base` with `path` appended (`chat/completions`); keeps the base's query.
    pub fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let joined = format!("{}/{}", url.path().trim_end_matches('/'), path);
        url.set_path(&joined);
        url
    }

    /// For messages: scheme, host and path of the base.
    pub fn place(&self) -> String {
        place(self.base)
    }

    fn asked<'b>(&'b self, place: &'b str) -> Asked<'b> {
        Asked {
            place,
            model: self.model,
            key_env: self.key.map(Key::variable),
            quota_is_rate: self.quota_is_rate,
            now_ms: self.env.unix_ms(),
        }
    }

    /// `text` without the key.
    pub fn scrub(&self, text: &str) -> String {
        self.key.map_or_else(|| text.to_owned(), |key| key.scrub(text))
    }

    /// What a server said, for an error's text: scrubbed before it is cut, since a key that is
    /// cut in two is no longer found.
    pub fn excerpt(&self, said: &[u8], limit: usize) -> String {
        excerpt(&self.scrub(&String::from_utf8_lossy(said)), limit)
    }

    /// An answer that cannot be read, and `why`.
    pub fn rubbish(&self, why: impl std::fmt::Display, said: &[u8]) -> Failure {
        let text = self.excerpt(said, 120);
        Failure::sick(format!("{} answered rubbish ({why}): `{text}`", self.place()))
    }

    /// An error object inside an answer with status 200.
    pub fn said_error(&self, error: &serde_json::Value) -> Failure {
        let scrubbed = serde_json::from_str(&self.scrub(&error.to_string())).unwrap_or_default();
        error_body(&self.asked(&self.place()), &scrubbed)
    }

    /// The key as the header a bearer scheme wants, if there is one.
    pub fn bearer(&self) -> Option<HeaderValue> {
        self.key.and_then(|key| key.header("Bearer "))
    }

    /// Sends and waits for a 2xx answer's head; any other answer is a `Failure`.
    pub async fn send(&self, out: Outgoing) -> Result<Incoming<'_>, Failure> {
        let incoming = self.follow(&out).await?;
        let status = incoming.response.status();
        if status.is_success() {
            return Ok(incoming);
        }
        let at = incoming.response.url().clone();
        let headers = incoming.response.headers().clone();
        let body = incoming.refusal_text().await;
        let place = self.place();
        let body = self.scrub(&body);
        if at != out.url && matches!(status.as_u16(), 404 | 405) {
            return Err(self.nothing_there(&out.url, &at, status));
        }
        Err(refusal(&self.asked(&place), status.as_u16(), &headers, &body))
    }

    /// Sends `out` to `url` and waits for any answer's head.
    pub(super) async fn open(&self, out: &Outgoing, url: &Url) -> Result<Incoming<'_>, Failure> {
        let mut request = self.client.request(out.method.clone(), url.clone());
        // The endpoint's own headers may say who its user is: no other host hears them.
        let own = &self.connection.headers;
        let own = own.iter().filter(|_| url.origin() == self.base.origin());
        let own = own.map(|(name, value)| (name, value));
        for (name, value) in out.headers.iter().chain(own) {
            request = request.header(name, value);
        }
        let mut sent = Sent::default();
        if let Some(body) = out.body.clone() {
            request = request
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .header(CONTENT_LENGTH, HeaderValue::from(body.len()));
            let stream;
            (stream, sent) = body.into_reqwest(self.env, self.images);
            request = request.body(stream);
        }
        match self.until_late(request.send(), &sent).await {
            Some(Ok(response)) => {
                if response.headers().contains_key(SIM_HEADER) {
                    self.simulated.store(true, Ordering::Relaxed);
                }
                Ok(Incoming { wire: self, response, begun: false })
            }
            Some(Err(error)) => {
                Err(sent.broken().map_or_else(|| self.unsent(error), Failure::from))
            }
            None => Err(Failure::sick(format!(
                "{} gave no answer in {:?}",
                self.place(),
                self.connection.timeouts.first_byte.min(self.connection.timeouts.total)
            ))),
        }
    }

    /// `work`, unless no first byte comes in time. Its clock starts when the request has gone
    /// out, which only a body tells; at the latest when the time to connect is over.
    async fn until_late<T>(&self, work: impl Future<Output = T>, sent: &Sent) -> Option<T> {
        let timeouts = &self.connection.timeouts;
        let mut now = self.env.now();
        let last = self.deadline.min(now + timeouts.connect + timeouts.first_byte);
        let mut work = std::pin::pin!(work);
        loop {
            let by = last.min(sent.last().unwrap_or(now) + timeouts.first_byte);
            if by <= now {
                return None;
            }
            match timeout_at(by, &mut work).await {
                Ok(done) => return Some(done),
                Err(_) => now = self.env.now(),
            }
        }
    }

    fn unsent(&self, error: reqwest::Error) -> Failure {
        let connect = error.is_connect();
        let error = error.without_url();
        let mut what = self.scrub(&chain(&error));
        if connect && error.is_timeout() {
            // Two clocks of the client run it out, and each has words of its own.
            what = format!("no connection in {:?}: {what}", self.connection.timeouts.connect);
        }
        let place = self.place();
        let proxy = proxy::named(self.base).unwrap_or_default();
        if let Some(help) = tls::to_mend(&error) {
            Failure::fatal(
                Fatal::Address,
                format!("{place} cannot be reached{proxy}: {what}; {help}"),
            )
        } else if connect {
            Failure::down(format!("{place} cannot be reached{proxy}: {what}"))
        } else {
            Failure::sick(format!("{place} broke off before it answered: {what}"))
        }
    }
}

/// Scheme, host, port and path: no user, no query, where keys might hide.
pub fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path().trim_end_matches('/'))
}

/// An error with its causes on one line: the cause says "connection refused", the top does not.
fn chain(error: &reqwest::Error) -> String {
    let mut out = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        out.push_str(&format!(": {error}"));
        cause = error.source();
    }
    excerpt(&out, 300)
}

/// An answer whose head has come.
pub struct Incoming<'a> {
    wire: &'a Wire<'a>,
    pub response: Response,
    /// Some of the body has come.
    begun: bool,
}

impl Incoming<'_> {
    /// The content type's first part, lower case.
    pub fn mime(&self) -> String {
        let value = self.response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let text = value.unwrap_or_default();
        text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The next bytes, None at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let by = self.wire.deadline.min(self.wire.env.now() + self.quiet());
        match timeout_at(by, self.response.chunk()).await {
            Ok(Ok(chunk)) => {
                self.begun = true;
                Ok(chunk)
            }
            Ok(Err(error)) => Err(Failure::sick(format!(
                "{} broke off in its answer: {}",
                self.wire.place(),
                self.wire.scrub(&chain(&error.without_url()))
            ))),
            Err(_) => Err(self.late()),
        }
    }

    /// How long nothing may come. vLLM sends the head before the call has left its queue: until
    /// the body begins, the wait is still the one for the first byte.
    fn quiet(&self) -> Duration {
        let timeouts = &self.wire.connection.timeouts;
        if self.begun { timeouts.idle } else { timeouts.idle.max(timeouts.first_byte) }
    }

    fn late(&self) -> Failure {
        let timeouts = &self.wire.connection.timeouts;
        let place = self.wire.place();
        if self.wire.env.now() >= self.wire.deadline {
            return Failure::sick(format!("{place} was not done in {:?}", timeouts.total));
        }
        Failure::sick(format!("{place} went silent for {:?} in its answer", self.quiet()))
    }

    async fn claim(&self, bytes: Option<u64>) -> Result<(), Failure> {
        let room = timeout_at(self.wire.deadline, self.wire.room.claim(bytes)).await;
        room.map_err(|_| self.late())
    }

    /// The whole body, at most `limit` bytes.
    pub async fn bytes(mut self, limit: usize) -> Result<Bytes, Failure> {
        let too_much = || Failure::record(format!("the answer is larger than {limit} bytes"));
        let length = self.response.content_length();
        let said = length.unwrap_or(0);
        if said > limit as u64 {
            return Err(too_much());
        }
        if said > SMALL as u64 {
            self.claim(length).await?;
        }
        // The stated length may be a lie: room for it is made as its bytes come.
        let mut out = Vec::with_capacity((said as usize).min(FIRST_ROOM));
        while let Some(chunk) = self.chunk().await? {
            if out.len() + chunk.len() > limit {
                return Err(too_much());
            }
            out.extend_from_slice(&chunk);
            if out.len() > SMALL {
                self.claim(length).await?;
            }
        }
        Ok(out.into())
    }

    /// What can be read of a refusal.
    async fn refusal_text(mut self) -> String {
        let mut out = Vec::new();
        while let Ok(Some(chunk)) = self.chunk().await {
            out.extend_from_slice(&chunk);
            if out.len() > REFUSAL_BYTES {
                break;
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> CallError {
        failure.error
    }
}
