//! What a client makes of replies over several calls: what is asked again, what is one record's fault
//! and what is the endpoint's; and that no cut and no carrier of a good reply shows.

use crate::call::{Picture, endpoint, picture};
use crate::scripted::{Answer, Scripted};
use coldstart::call::protocol::captured::read_chat;
use coldstart::call::{
    CallError, ChatRequest, Fatal, Images, Output, Reply, Request, Sampling, Stack, StackOptions,
};
use coldstart::env::Env;
use coldstart::record::{Message, Part, Speaker};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

fn chat(draw: u32) -> Request {
    Request::Chat(ChatRequest {
        role: "r".into(),
        model: "m".into(),
        messages: vec![Message { speaker: Speaker::User, parts: vec![Part::Text("hi".into())] }],
        sampling: Sampling::default(),
        schema: None,
        draw,
    })
}

fn body(text: &str) -> Answer {
    Answer { body: text.to_owned(), ..Answer::default() }
}

fn status(status: u16, text: &str) -> Answer {
    Answer { status: Some(status), ..body(text) }
}

const WELL: &str = r#"{"choices":[{"message":{"content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;
const EMPTY: &str = r#"{"choices":[{"message":{"content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":0}}"#;
const ODD: &str = r#"{"choices":[{"message":{"content":"half"},"finish_reason":"repetition"}],"usage":{"prompt_tokens":3,"completion_tokens":5}}"#;

async fn stack(answers: Vec<Answer>, protocol: &str) -> (Scripted, Stack) {
    let server = Scripted::start(answers).await;
    let endpoints = endpoint(&server.base, &format!("protocol = \"{protocol}\"\nattempts = 3"));
    let images: Arc<dyn Images> = Arc::new(Picture);
    let stack = Stack::build(&Env::real(), &endpoints, images, StackOptions::default());
    (server, stack.unwrap_or_else(|faults| panic!("{faults:?}")))
}

#[tokio::test]
async fn an_answer_without_text_or_with_an_odd_end_is_asked_for_again_and_paid() {
    let (server, stack) = stack(vec![body(EMPTY), body(ODD), body(WELL)], "openai-chat").await;
    let Reply { output, attempts, usage, .. } =
        stack.model().call(chat(0).keyed()).await.expect("text");
    assert_eq!(output, Output::Text { text: "ok".into(), reasoning: String::new() });
    assert_eq!((attempts, usage.input, usage.output, server.seen().len()), (3, 9, 6, 3));
}

#[tokio::test]
async fn the_last_answer_counts_whatever_it_is() {
    let (server, stack) = stack(vec![body(ODD); 9], "openai-chat").await;
    let reply = stack.model().call(chat(0).keyed()).await.expect("text");
    assert_eq!((reply.finish.as_str(), server.seen().len()), ("repetition", 3));
    // Thinking that used up its room would do so again.
    let cut = EMPTY.replace("stop", "length");
    let (server, stack) = self::stack(vec![body(&cut); 9], "openai-chat").await;
    assert!(stack.model().call(chat(0).keyed()).await.is_ok());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_role_that_has_answered_well_is_not_misconfigured_by_one_refusal() {
    let not_found =
        status(404, r#"{"message":"Cannot POST","error":"Not Found","statusCode":404}"#);
    let (_server, stack) = stack(vec![body(WELL), not_found, body(WELL)], "openai-chat").await;
    let model = stack.model();
    assert!(model.call(chat(0).keyed()).await.is_ok());
    let error = model.call(chat(1).keyed()).await.expect_err("a 404");
    assert!(matches!(&error, CallError::Record { what } if what.contains("404")), "{error:?}");
    assert!(model.call(chat(2).keyed()).await.is_ok());
}

#[tokio::test]
async fn a_role_that_never_answered_is_given_up_after_a_few_404s() {
    let not_found = status(404, r#"{"detail":"Not Found"}"#);
    let (_server, stack) = stack(vec![not_found; 5], "openai-chat").await;
    let mut ends = Vec::new();
    for draw in 0..5 {
        ends.push(stack.model().call(chat(draw).keyed()).await.expect_err("a 404"));
    }
    let fatal = |error: &CallError| matches!(error, CallError::Fatal { .. });
    assert_eq!(ends.iter().position(fatal), Some(4), "{ends:?}");
    assert!(ends[4].to_string().contains("does it end in /v1?"), "{}", ends[4]);
}

#[tokio::test]
async fn a_redirect_to_where_nothing_is_speaks_of_urls_and_not_of_the_model() {
    let to = |path: &str| Answer {
        headers: [("location".to_owned(), format!("{{{{base}}}}{path}"))].into(),
        ..status(307, "")
    };
    let nothing = status(404, r#"{"detail":"no such model or path"}"#);
    let answers = vec![[to("/v1/here/"), nothing]; 5].concat();
    let (_server, stack) = stack(answers, "openai-chat").await;
    let mut last = None;
    for draw in 0..5 {
        last = Some(stack.model().call(chat(draw).keyed()).await.expect_err("a 404"));
    }
    let Some(CallError::Fatal { kind: Fatal::Address, what }) = last else { panic!("{last:?}") };
    assert!(what.contains("/v1/here/`, which answered 404; write into `urls`"), "{what}");
}

#[tokio::test]
async fn a_handshake_that_cannot_succeed_ends_at_once_with_what_to_mend() {
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("https://{}", plain.local_addr().expect("an address"));
    Env::real().spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            let _ =
                stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let endpoints = endpoint(&base, "protocol = \"openai-chat\"");
    let images: Arc<dyn Images> = Arc::new(Picture);
    let stack = Stack::build(&Env::real(), &endpoints, images, StackOptions::default());
    let stack = stack.unwrap_or_else(|faults| panic!("{faults:?}"));
    let ended = stack.model().call(chat(0).keyed()).await.expect_err("no TLS");
    let CallError::Fatal { kind: Fatal::Address, what } = ended else { panic!("{ended:?}") };
    assert!(what.contains("write `http://` into `urls`"), "{what}");
}

#[tokio::test]
async fn a_role_that_fails_for_every_record_stops_the_run_early() {
    let refused = status(422, r#"{"detail":"no field `size`"}"#);
    let (server, stack) = stack(vec![refused; 40], "openai-images").await;
    let mut ends = Vec::new();
    for seed in 0..9 {
        ends.push(stack.model().call(picture(seed).keyed()).await.expect_err("a 422"));
    }
    let first = ends.iter().position(|error| matches!(error, CallError::Fatal { .. }));
    assert_eq!(first, Some(4), "{ends:?}");
    assert!(ends[4].to_string().contains("all 5 calls of role `r` failed"), "{}", ends[4]);
    assert!(server.seen().len() <= 9);
}

/// A chunk of `openai-chat` with `text` in that carrier.
fn chunk(carrier: usize, text: &str) -> Value {
    let delta = match carrier {
        0 => json!({"reasoning": text}),
        1 => json!({"reasoning_content": text, "content": ""}),
        2 => {
            json!({"reasoning": text, "reasoning_details": [{"type": "reasoning.text", "text": text}]})
        }
        3 => {
            json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]})
        }
        4 => json!({"content": format!("<think>{text}</think>")}),
        5 => json!({"content": [{"type": "text", "text": text}]}),
        _ => json!({"content": text}),
    };
    json!({"choices": [{"index": 0, "delta": delta}]})
}

fn part(thought: bool, text: &str) -> Value {
    json!({"candidates": [{"content": {"parts": [{"text": text, "thought": thought}]}}]})
}

fn stream(chunks: &[Value], end: Value) -> Vec<u8> {
    let chunks = chunks.iter().chain([&end]);
    chunks.flat_map(|chunk| format!("data: {chunk}\n\n").into_bytes()).collect()
}

fn cut(text: &str, at: usize) -> (&str, &str) {
    let at = (0..=at.min(text.len())).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(0);
    text.split_at(at)
}

proptest! {
    /// Splitting a good reply at any place, over any of its carriers, gives the same text.
    #[test]
    fn no_cut_and_no_carrier_shows(
        thought in "T[a-z é🎈\n\"\\\\]{1,20}[.]", answer in "A[a-z é🎈\n\"{}]{1,20}[.]",
        at in 0..40usize, at_answer in 0..40usize, first in 0..5usize, second in 0..5usize,
        third in 5..7usize,
    ) {
        let ((a, b), (c, d)) = (cut(&thought, at), cut(&answer, at_answer));
        let whole = Output::Text { text: answer.clone(), reasoning: thought.clone() };
        let chunks = [chunk(first, a), chunk(second, b), chunk(third, c), chunk(6, d)];
        let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
        prop_assert_eq!(read_chat("openai-chat", &stream(&chunks, end), true), Ok(whole.clone()));
        let chunks = [part(true, a), part(true, b), part(false, c), part(false, d)];
        let end = json!({"candidates": [{"finishReason": "STOP"}]});
        prop_assert_eq!(read_chat("gemini", &stream(&chunks, end), true), Ok(whole));
    }
}
