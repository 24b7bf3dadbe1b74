//! Preflight against scripted servers: each known mistake is found and named, and a server that is
//! set up well passes without a word.

use crate::scripted::{Answer, Scripted};
use coldstart::call::Sampling;
use coldstart::call::endpoints::Endpoints;
use coldstart::call::probe::{Ask, Gravity, Sort, probe};
use coldstart::diag::{SourceFile, Style, render};
use coldstart::env::Env;
use std::sync::Arc;

/// What is found when a server that gives `answers` plays a role of `protocol`.
async fn found(
    protocol: &str,
    lines: &str,
    ask: &Ask,
    answers: Vec<Answer>,
) -> Vec<(&'static str, Gravity)> {
    let server = Scripted::start(answers).await;
    let text = format!(
        "[role.r]\nprotocol = \"{protocol}\"\nurls = [\"{}/v1\"]\nprices = {{}}\n{lines}",
        server.base
    );
    let source = Arc::new(SourceFile { path: "test".to_owned(), text });
    let endpoints = Endpoints::parse(source)
        .unwrap_or_else(|faults| panic!("{}", render(&faults, Style::Plain)));
    let reports = probe(&Env::real(), &endpoints, std::slice::from_ref(ask)).await;
    reports[0].findings.iter().map(|f| (f.name, f.gravity)).collect()
}

fn chat(model: &str) -> Ask {
    let sort = Sort::Chat { sampling: Sampling::default(), vision: true, json: true };
    Ask { role: "r".to_owned(), model: model.to_owned(), sort }
}

fn image() -> Ask {
    let sort = Sort::Image { width: 32, height: 16, steps: None, guidance: None };
    Ask { role: "r".to_owned(), model: "m".to_owned(), sort }
}

fn says(model: &str, message: &str, finish: &str) -> Vec<Answer> {
    let body = format!(
        "{{\"model\":\"{model}\",\"choices\":[{{\"message\":{message},\"finish_reason\":\"{finish}\"}}]}}"
    );
    vec![Answer { body, ..Answer::default() }]
}

#[tokio::test]
async fn each_mistake_of_a_chat_server_is_named() {
    let ask = chat("x-Instruct");
    let well = r#"{"content":"{\"answer\": \"red\"}"}"#;
    let swallowed = r#"{"content":null,"reasoning":"it is red"}"#;
    let prose = r#"{"content":"Red, I would say."}"#;
    let blind = r#"{"content":"{\"answer\": \"I see no picture\"}"}"#;
    let error = Gravity::Error;
    let warning = Gravity::Warning;
    for (model, message, finish, expect) in [
        ("x-Instruct", well, "stop", vec![]),
        ("", well, "stop", vec![("model_unnamed", Gravity::Note)]),
        ("x-Instruct", swallowed, "stop", vec![("reasoning_parser_on_instruct", error)]),
        ("x-Instruct", swallowed, "length", vec![("reasoning_parser_on_instruct", error)]),
        ("x-Instruct", prose, "stop", vec![("no_json", warning)]),
        ("x-Instruct", blind, "stop", vec![("picture_not_seen", warning)]),
        ("y-Instruct", well, "stop", vec![("model", error)]),
    ] {
        let seen = found("openai-chat", "", &ask, says(model, message, finish)).await;
        assert_eq!(seen, expect, "{model} {message} {finish}");
    }
    let held = r#"{"content":"{\"in_one_word\": \"red\"}"}"#;
    for (message, expect) in [
        (held, vec![]),
        (well, vec![("schema_ignored", warning)]),
        (prose, vec![("schema_ignored", warning)]),
    ] {
        let answers = says("x-Instruct", message, "stop");
        let seen = found("openai-chat", "json = \"schema\"", &ask, answers).await;
        assert_eq!(seen, expect, "{message}");
    }
    let thinker = chat("x-Thinking");
    let seen = found("openai-chat", "", &thinker, says("x-Thinking", well, "stop")).await;
    assert_eq!(seen, [("no_thinking", warning)]);
    let refused = vec![Answer { status: Some(401), body: "{}".to_owned(), ..Answer::default() }];
    assert_eq!(found("openai-chat", "", &ask, refused).await, [("key", error)]);
    assert_eq!(found("openai-images", "", &ask, Vec::new()).await, [("wrong_protocol", error)]);
}

#[tokio::test]
async fn a_gemini_that_swaps_its_model_is_named() {
    let body = r#"{"candidates":[{"content":{"parts":[{"text":"{\"answer\":\"red\"}"}]},"finishReason":"STOP"}],"modelVersion":"gemini-3.8-flash"}"#;
    let answers = vec![Answer { body: body.to_owned(), ..Answer::default() }];
    let seen = found("gemini", "", &chat("gemini-2.5-pro"), answers).await;
    assert_eq!(seen, [("model", Gravity::Error)]);
}

#[tokio::test]
async fn a_fixed_seed_and_another_size_are_named() {
    let one = || Answer { raw_png: true, ..Answer::default() };
    let seen = found("openai-images", "", &image(), vec![one(), one()]).await;
    assert_eq!(seen, [("seed_ignored", Gravity::Error)]);
    let mut large = image();
    large.sort = Sort::Image { width: 512, height: 512, steps: None, guidance: None };
    let seen = found("openai-images", "", &large, vec![one(), one()]).await;
    assert_eq!(seen, [("size_ignored", Gravity::Warning), ("seed_ignored", Gravity::Error)]);
}
