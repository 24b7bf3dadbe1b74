//! The time before an answer: connections that are not made, and requests that nobody answers.
//!
//! The kernel plays the server that is too busy to accept; nothing is scripted until it does.

use crate::call::{Picture, endpoint, picture};
use crate::scripted::{Answer, Scripted};
use coldstart::call::{CallError, Images, Stack, StackOptions, ask_once};
use coldstart::diag::{Style, render};
use coldstart::env::Env;
use std::sync::Arc;
use std::time::Duration;

/// A listener whose backlog is full: the kernel answers no one who would connect now. With those
/// who fill it.
async fn crowded() -> (tokio::net::TcpListener, Vec<tokio::net::TcpStream>) {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    let listener = socket.listen(1).expect("listening");
    let address = listener.local_addr().expect("an address");
    let (env, mut crowd) = (Env::real(), Vec::new());
    loop {
        tokio::select! {
            stream = tokio::net::TcpStream::connect(address) => crowd.push(stream.expect("in")),
            () = env.sleep(Duration::from_millis(200)) => return (listener, crowd),
        }
        assert!(crowd.len() < 100, "the backlog has no end");
    }
}

#[tokio::test]
async fn a_connection_that_takes_too_long_is_named_and_tried_again_until_it_stands() {
    let (listener, crowd) = crowded().await;
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let lines = "protocol = \"openai-images\"\nconnect_timeout = \"100ms\"";
    let endpoints = endpoint(&base, lines);
    let images: Arc<dyn Images> = Arc::new(Picture);
    let role = endpoints.get("r").expect("the role");
    let error = ask_once(&Env::real(), role, &images, &picture(1)).await.expect_err("no way in");
    assert!(matches!(error, CallError::Transient { .. }), "{error:?}");
    for part in [&format!("{base}/v1 cannot be reached"), "no connection in 100ms"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    let stack = Stack::build(&Env::real(), &endpoints, images, StackOptions::default())
        .unwrap_or_else(|faults| panic!("{}", render(&faults, Style::Plain)));
    let model = stack.model();
    let call = Env::real().spawn(async move { model.call(picture(1).keyed()).await });
    while stack.live()[0].retries == 0 {
        Env::real().sleep(Duration::from_millis(5)).await;
    }
    drop(crowd);
    let _server = Scripted::on(listener, vec![Answer { raw_png: true, ..Answer::default() }]);
    let reply = call.await.expect("no panic").expect("an answer");
    assert!(reply.attempts >= 2, "{}", reply.attempts);
}

#[tokio::test]
async fn the_wait_for_the_first_byte_begins_when_the_request_is_out() {
    let server = Scripted::start(vec![Answer { mute: true, ..Answer::default() }]).await;
    // Time to connect that was not needed is not time to answer.
    let lines = "protocol = \"openai-images\"\nconnect_timeout = \"30s\"\n\
                 first_byte_timeout = \"100ms\"";
    let endpoints = endpoint(&server.base, lines);
    let images: Arc<dyn Images> = Arc::new(Picture);
    let role = endpoints.get("r").expect("the role");
    let (env, request) = (Env::real(), picture(1));
    let error = tokio::select! {
        outcome = ask_once(&env, role, &images, &request) => outcome.expect_err("no answer"),
        () = env.sleep(Duration::from_secs(15)) => panic!("still waiting"),
    };
    assert!(error.to_string().contains("gave no answer in 100ms"), "{error}");
    assert_eq!(server.seen().len(), 1);
}
