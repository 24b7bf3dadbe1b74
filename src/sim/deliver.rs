//! How a reply goes out, with the faults that happen on the way: cut, garbled, dripping.

use crate::env::Env;
use crate::sim::faults::Fault;
use crate::sim::wire;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use std::io;
use std::time::Duration;

/// A response before it is sent.
pub struct Reply {
    pub status: u16,
    pub kind: &'static str,
    pub body: String,
}

/// Sends a reply as it is.
pub fn finish(reply: Reply) -> Response {
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
pub async fn send(env: &Env, reply: Reply, fault: Option<Fault>) -> Response {
    match fault {
        Some(Fault::Cut) => {
            let half = Bytes::from(reply.body[..boundary(&reply.body)].to_owned());
            let env = env.clone();
            let broken = futures::stream::unfold(Some(half), move |half| {
                let env = env.clone();
                async move {
                    let Some(half) = half else {
                        // The head and the first half must be on their way before the break.
                        env.sleep(Duration::from_millis(20)).await;
                        let error = io::Error::new(io::ErrorKind::ConnectionReset, "cut");
                        return Some((Err(error), None));
                    };
                    Some((Ok(half), None))
                }
            });
            build(reply.status, reply.kind, Body::from_stream(broken))
        }
        Some(Fault::Garbage) => garbage(&reply),
        Some(Fault::Slow) => {
            let env = env.clone();
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
