//! The routes: each is let in at the door, read, answered and counted.

use crate::call::metrics as call_metrics;
use crate::call::metrics::page;
use crate::record::{Digest, Id};
use crate::run::metrics as stage_metrics;
use crate::serve::ask::Ask;
use crate::serve::door::json;
use crate::serve::known::Answer;
use crate::serve::metrics::METRICS;
use crate::serve::picture::{self, Picture};
use crate::serve::refusal::Refusal;
use crate::serve::reward;
use crate::serve::server::Server;
use crate::stage::RoleKind;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(super) fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/image", post(image))
        .route("/reward", post(score))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .fallback(nowhere)
        .with_state(server)
}

async fn nowhere() -> Response {
    let what = "there are `POST /image`, `POST /reward`, `GET /health` and `GET /metrics`";
    Refusal::odd(StatusCode::NOT_FOUND, "no_such_path", what).into_response()
}

async fn health(State(server): State<Arc<Server>>) -> Response {
    let (taken, most) = server.door.taken();
    let fatal = server.service.fatal().map(|(_, what)| what);
    let stopping = server.stopping.load(Ordering::Relaxed) || fatal.is_some();
    let mut body = server.about.clone();
    body["status"] = if stopping { "stopping" } else { "ok" }.into();
    body["admitted"] = taken.into();
    body["admitted_max"] = most.into();
    if let Some(what) = fatal {
        body["what"] = what.into();
    }
    let status = if stopping { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

async fn metrics(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    if let Err(stranger) = server.door.knows(&headers) {
        return stranger.into_response();
    }
    let text = page(METRICS, &server.counters.now(server.door.taken()))
        + &page(call_metrics::METRICS, &server.stack.live())
        + &page(stage_metrics::METRICS, &server.progress.now());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn image(State(server): State<Arc<Server>>, request: Request<Body>) -> Response {
    let begun = server.env.now();
    let answer = draw(&server, request).await;
    told(&server, "/image", begun, answer)
}

async fn score(State(server): State<Arc<Server>>, request: Request<Body>) -> Response {
    let begun = server.env.now();
    let answer = value(&server, request).await;
    told(&server, "/reward", begun, answer)
}

/// The answer as a response, counted.
fn told(
    server: &Server,
    path: &'static str,
    begun: tokio::time::Instant,
    answer: Answer,
) -> Response {
    let took = server.env.now().duration_since(begun);
    let (status, reward) = match &answer {
        Ok(value) => (StatusCode::OK, value["score"].as_f64()),
        Err(refusal) => (refusal.status, None),
    };
    server.counters.answered(path, status.as_u16(), took, reward);
    match answer {
        Ok(value) => {
            let kind = [(header::CONTENT_TYPE, "application/json")];
            (kind, value.to_string()).into_response()
        }
        Err(refusal) => {
            tracing::info!(
                path,
                status = status.as_u16(),
                code = refusal.code,
                field = refusal.field,
                what = refusal.what,
                "refused"
            );
            refusal.into_response()
        }
    }
}

async fn draw(server: &Arc<Server>, request: Request<Body>) -> Answer {
    server.door.knows(request.headers())?;
    let _place = server.door.enter(|| server.wait())?;
    let body = json(request).await?;
    let RoleKind::Image { width, height, .. } = server.generator.kind else {
        return Err(Refusal::no_answer("wrong_role", "the role that draws is a chat's"));
    };
    let asked = Picture::read(&body, server.service.seed(), (width, height))?;
    let (id, bytes) = (asked.id(), asked.bytes);
    let work = picture::answer(server.clone(), asked);
    let answer = server.once(id, "", Digest::of(id.hex().as_bytes()), work).await?;
    if !bytes {
        return Ok(answer);
    }
    let digest = answer["digest"].as_str().and_then(|hex| hex.parse().ok());
    let digest = digest.ok_or_else(|| Refusal::no_answer("no_picture", "it has no digest"))?;
    let bytes = server.blobs.get(digest).await;
    let bytes = bytes.map_err(|error| Refusal::stopping(error.to_string()))?;
    let mut whole = (*answer).clone();
    whole["image"] = base64_simd::STANDARD.encode_to_string(&bytes).into();
    Ok(Arc::new(whole))
}

async fn value(server: &Arc<Server>, request: Request<Body>) -> Answer {
    server.door.knows(request.headers())?;
    let _place = server.door.enter(|| server.wait())?;
    let body = json(request).await?;
    let ask = Ask::read(&body, server.n_max)?;
    let question = Digest::of(body.to_string().as_bytes());
    // Not the record's id, which has the prompt in it: another prompt under this id is a mistake.
    let (id, name) = (Id::of("asked", &ask.id, ""), ask.id.clone());
    server.once(id, &name, question, reward::answer(server.clone(), ask)).await
}
