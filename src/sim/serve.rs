//! Requests -> replies: routes, slots, latency, and the faults that come before any work.

use crate::sim::deliver::{self, Reply, finish};
use crate::sim::faults::Fault;
use crate::sim::mind::Order;
use crate::sim::server::{MODELS, Shared};
use crate::sim::wire::{Refusal, gemini, genagent, images, openai};
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use std::sync::Arc;

/// The largest body that is read.
const BODY_LIMIT: usize = 256 << 20;

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

fn json(status: u16, body: String) -> Reply {
    Reply { status, kind: "application/json", body }
}

/// Every request comes through here.
pub async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
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
    deliver::send(&shared.env, reply, fault).await
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

fn picture(shared: &Shared, order: &Order<'_>) -> Vec<u8> {
    let mut png = shared.mind.picture(order);
    crate::sim::draw::pad(&mut png, shared.options.image_bytes);
    png
}
