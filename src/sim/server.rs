//! The simulated world as an HTTP server: routes, slots, latency, faults.
//!
//! Not here: what the models say (`mind`) and the shapes of bodies (`wire`). The one idea: a request
//! waits for a slot, holds it for the latency, and is then answered by a pure function of its body.

use crate::env::Env;
use crate::sim::World;
use crate::sim::faults::{Fault, Faults};
use crate::sim::mind::Mind;
use crate::sim::stats::{Ledger, Stats};
use crate::sim::wire::{self, Refusal, gemini, genagent, images, openai};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// How the server behaves, apart from what its models are like.
#[derive(Debug, Clone, PartialEq)]
pub struct SimOptions {
    /// 0: any free port.
    pub port: u16,
    /// How long a request holds its slot.
    pub latency: Duration,
    /// Requests served at once; further ones queue. 0: no limit.
    pub slots: usize,
    pub faults: Faults,
    /// Pictures are padded to at least this many bytes (by a private chunk), for measurements.
    pub image_bytes: usize,
}

impl Default for SimOptions {
    fn default() -> SimOptions {
        SimOptions {
            port: 0,
            latency: Duration::ZERO,
            slots: 0,
            faults: Faults::default(),
            image_bytes: 0,
        }
    }
}

/// Names the server lists; it answers to any other name as well.
pub const MODELS: [&str; 7] = [
    "FLUX.1-dev-8step",
    "gpt-image-1",
    "Qwen3-VL-235B-A22B-Thinking",
    "Qwen3-VL-235B-A22B-Instruct",
    "Qwen3-VL-30B-A3B-Instruct",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
];

/// The largest body that is read.
const BODY_LIMIT: usize = 256 << 20;

struct Shared {
    env: Env,
    mind: Mind,
    options: SimOptions,
    ledger: Ledger,
    slots: Semaphore,
}

/// A running server; dropping it ends it.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Starts on the loopback interface; returns the base URL (`http://127.0.0.1:PORT`) and the
    /// handle.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start(
        env: Env,
        world: World,
        options: SimOptions,
    ) -> io::Result<(String, Server)> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let slots = if options.slots == 0 { Semaphore::MAX_PERMITS } else { options.slots };
        let shared = Arc::new(Shared {
            env: env.clone(),
            mind: Mind::new(world),
            options,
            ledger: Ledger::default(),
            slots: Semaphore::new(slots),
        });
        let app = axum::Router::new().fallback(serve).with_state(shared.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = env.spawn(async move {
            let serving = axum::serve(listener, app).with_graceful_shutdown(async {
                let _ = stopped.await;
            });
            // Accept errors are retried inside; nothing is left to report.
            let _ = serving.await;
        });
        Ok((format!("http://{address}"), Server { shared, address, stop: Some(stop), task }))
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn stats(&self) -> Stats {
        self.shared.ledger.snapshot()
    }

    /// Stops accepting, and waits a moment for what is under way.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let limit = self.shared.env.sleep(Duration::from_millis(300));
        tokio::select! {
            _ = &mut self.task => {}
            () = limit => self.task.abort(),
        }
    }

    /// Serves until the task ends (that is, until the process is stopped).
    pub async fn wait(mut self) {
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a path asks for.
enum Route<'a> {
    Chat,
    Images,
    Generate,
    Gemini { model: &'a str, sse: bool },
}

impl Route<'_> {
    /// The path without model names, for the counters.
    fn label(&self) -> &'static str {
        match self {
            Route::Chat => "/v1/chat/completions",
            Route::Images => "/v1/images/generations",
            Route::Generate => "/generate/",
            Route::Gemini { sse: false, .. } => "/v1beta/models:generateContent",
            Route::Gemini { sse: true, .. } => "/v1beta/models:streamGenerateContent",
        }
    }
}

fn route(path: &str) -> Option<Route<'_>> {
    match path {
        "/v1/chat/completions" => return Some(Route::Chat),
        "/v1/images/generations" => return Some(Route::Images),
        "/generate/" | "/generate" => return Some(Route::Generate),
        _ => {}
    }
    let rest = path.strip_prefix("/v1beta/models/").or(path.strip_prefix("/v1/models/"))?;
    let (model, verb) = rest.rsplit_once(':')?;
    match verb {
        "generateContent" => Some(Route::Gemini { model, sse: false }),
        "streamGenerateContent" => Some(Route::Gemini { model, sse: true }),
        _ => None,
    }
}

/// A response before it is sent.
struct Reply {
    status: u16,
    kind: &'static str,
    body: String,
}

fn json(status: u16, body: String) -> Reply {
    Reply { status, kind: "application/json", body }
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    if request.method() == Method::GET {
        let google = request.headers().contains_key("x-goog-api-key");
        return finish(get(&shared, &path, google));
    }
    let Some(route) = route(&path) else { return finish(json(404, no_route(&path))) };
    let Ok(body) = to_bytes(request.into_body(), BODY_LIMIT).await else {
        return finish(json(413, openai::error(413, "too_large", "the body could not be read")));
    };
    let mut hasher = blake3::Hasher::new();
    hasher.update(path.as_bytes()).update(b"\n").update(&body);
    let hash = hasher.finalize();
    let mut key = [0; 16];
    key.copy_from_slice(&hash.as_bytes()[..16]);
    let seen = shared.ledger.arrive(route.label(), key, body.len());
    let _leave = OnDrop(|| shared.ledger.leave());
    let name = hash.to_hex()[..24].to_owned();
    let fault = shared.options.faults.draw(shared.mind.world.seed, &name, seen);
    let reply = held(&shared, &route, &body, &name, fault).await;
    if let Some(fault) = fault {
        shared.ledger.fault(fault.name());
    }
    let whole = reply.status == 200 && matches!(fault, None | Some(Fault::Slow | Fault::Blocked));
    shared.ledger.respond(key, reply.status, reply.body.len(), whole);
    send(&shared, reply, fault).await
}

/// Waits for a slot, holds it for the latency, and answers.
async fn held(
    shared: &Shared,
    route: &Route<'_>,
    body: &[u8],
    name: &str,
    fault: Option<Fault>,
) -> Reply {
    if let Some(refused) = refuse(route, fault) {
        return refused;
    }
    // The semaphore is never closed.
    let _permit = shared.slots.acquire().await.ok();
    let start = shared.env.now();
    shared.ledger.take_slot();
    let _give = OnDrop(|| shared.ledger.give_slot(shared.env.now().duration_since(start)));
    let reply = answer(shared, route, body, name, fault);
    let left = shared.options.latency.saturating_sub(shared.env.now().duration_since(start));
    if !left.is_zero() {
        shared.env.sleep(left).await;
    }
    if fault == Some(Fault::Stall) {
        std::future::pending::<()>().await;
    }
    reply
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Faults that come before any work.
fn refuse(route: &Route<'_>, fault: Option<Fault>) -> Option<Reply> {
    let (status, code, what) = match fault? {
        Fault::TooMany => (429, "rate_limit_exceeded", "simulated: too many requests"),
        Fault::Internal => (500, "internal_error", "simulated: internal server error"),
        Fault::Unavailable => (503, "overloaded", "simulated: the server is overloaded"),
        _ => return None,
    };
    Some(json(status, error(route, status, code, what)))
}

fn error(route: &Route<'_>, status: u16, code: &str, what: &str) -> String {
    match route {
        Route::Gemini { .. } => gemini::error(status, what, (status == 429).then_some("0.2s")),
        Route::Generate => serde_json::json!({ "detail": what }).to_string(),
        _ => openai::error(status, code, what),
    }
}

fn no_route(path: &str) -> String {
    openai::error(404, "not_found", &format!("no route `{path}`; see /v1/models and /stats"))
}

/// `google`: asked by Google's client, which lists models under `/v1` as well.
fn get(shared: &Shared, path: &str, google: bool) -> Reply {
    match path {
        "/health" => json(200, r#"{"status":"ok","simulated":true}"#.to_owned()),
        "/stats" => json(200, serde_json::to_string(&shared.ledger.snapshot()).unwrap_or_default()),
        "/v1/models" if google => json(200, gemini::models(&MODELS)),
        "/v1/models" => json(200, openai::models(&MODELS)),
        "/v1beta/models" => json(200, gemini::models(&MODELS)),
        _ => json(404, no_route(path)),
    }
}

fn answer(
    shared: &Shared,
    route: &Route<'_>,
    body: &[u8],
    name: &str,
    fault: Option<Fault>,
) -> Reply {
    let blocked = fault == Some(Fault::Blocked);
    let done = match route {
        Route::Chat => chat(shared, body, name, fault),
        Route::Images if blocked => Ok(json(400, images::blocked())),
        Route::Images => images::read(body).map(|ask| {
            // Without a seed each request draws its own noise; here that is the body's.
            let own = u64::from_str_radix(&name[..8], 16).unwrap_or(1);
            let draw = |i| picture(shared, &ask.order(i, own));
            json(200, images::write(&(0..ask.n).map(draw).collect::<Vec<_>>()))
        }),
        Route::Generate => genagent::read(body).map(|ask| {
            let pictures: Vec<Vec<u8>> = ask.orders().map(|o| picture(shared, &o)).collect();
            json(200, genagent::write(&pictures))
        }),
        Route::Gemini { model, sse } => gemini::read(body, model).map(|(chat, options)| {
            let model = if fault == Some(Fault::WrongModel) { "gemini-3.8-flash" } else { model };
            let kind = if *sse { "text/event-stream" } else { "application/json" };
            if blocked {
                return Reply { status: 200, kind, body: gemini::blocked(model, name, *sse) };
            }
            shared.ledger.task(chat.task());
            let reply = gemini::settle(&chat, shared.mind.answer(&chat), &options);
            let body = if *sse {
                gemini::stream(&reply, model, name)
            } else {
                gemini::write(&reply, model, name)
            };
            Reply { status: 200, kind, body }
        }),
    };
    done.unwrap_or_else(|Refusal { status, what }| {
        json(status, error(route, status, "invalid_request", &what))
    })
}

fn chat(shared: &Shared, body: &[u8], name: &str, fault: Option<Fault>) -> Result<Reply, Refusal> {
    let (chat, options) = openai::read(body)?;
    let model = if fault == Some(Fault::WrongModel) { "some-other-model" } else { &chat.model };
    let kind = if options.stream { "text/event-stream" } else { "application/json" };
    if fault == Some(Fault::Blocked) {
        return Ok(Reply { status: 200, kind, body: openai::blocked(&options, model, name) });
    }
    shared.ledger.task(chat.task());
    let said = shared.mind.answer(&chat);
    Ok(Reply { status: 200, kind, body: openai::write(&chat, said, &options, model, name) })
}

fn picture(shared: &Shared, order: &crate::sim::mind::Order<'_>) -> Vec<u8> {
    let mut png = shared.mind.picture(order);
    crate::sim::draw::pad(&mut png, shared.options.image_bytes);
    png
}

fn finish(reply: Reply) -> Response {
    build(reply.status, reply.kind, Body::from(reply.body))
}

fn build(status: u16, kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert("x-coldstart-sim", HeaderValue::from_static("1"));
    if status == 429 {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        headers.insert("retry-after-ms", HeaderValue::from_static("200"));
    }
    response
}

/// Sends a reply, with the faults that happen on the way.
async fn send(shared: &Shared, reply: Reply, fault: Option<Fault>) -> Response {
    match fault {
        Some(Fault::Cut) => {
            let half = reply.body[..boundary(&reply.body)].to_owned();
            let parts = vec![
                Ok(Bytes::from(half)),
                Err(io::Error::new(io::ErrorKind::ConnectionReset, "simulated: cut")),
            ];
            build(reply.status, reply.kind, Body::from_stream(futures::stream::iter(parts)))
        }
        Some(Fault::Garbage) => garbage(&reply),
        Some(Fault::Slow) => {
            let env = shared.env.clone();
            let size = reply.body.len().div_ceil(20).max(1);
            let parts: Vec<String> =
                wire::pieces(&reply.body, size).into_iter().map(str::to_owned).collect();
            let drip = futures::stream::unfold(parts.into_iter(), move |mut parts| {
                let env = env.clone();
                async move {
                    let part = parts.next()?;
                    env.sleep(Duration::from_millis(50)).await;
                    Some((Ok::<_, io::Error>(Bytes::from(part)), parts))
                }
            });
            build(reply.status, reply.kind, Body::from_stream(drip))
        }
        _ => finish(reply),
    }
}

/// The middle of a text, at a character boundary.
fn boundary(text: &str) -> usize {
    (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Something with status 200 that is no reply, of a kind that the body's length decides.
fn garbage(reply: &Reply) -> Response {
    let body = match reply.body.len() % 4 {
        0 => "<html><body><h1>502 Bad Gateway</h1></body></html>".to_owned(),
        1 => reply.body[..boundary(&reply.body)].to_owned(),
        2 => String::new(),
        _ => "{\"choices\": [], \"data\": [], \"candidates\": 7}".to_owned(),
    };
    build(200, reply.kind, Body::from(body))
}
