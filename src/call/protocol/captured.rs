//! A reply that is at hand as bytes, read as its protocol reads it from a server.
//!
//! What a server sent can be looked at again (a captured reply of a bug report, a fuzzer's) by the
//! code that met it, with no socket in between.

use crate::call::endpoints::{Endpoint, Endpoints};
use crate::call::http::{Events, Failure, Room, Wire, client};
use crate::call::protocol::{Answer, Got, chat_reply, gemini_reply};
use crate::call::{CallError, Fatal, Images, Output};
use crate::diag::SourceFile;
use crate::env::Env;
use crate::record::{CallKey, Digest};
use bytes::Bytes;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

/// What `body` says to the chat protocol `protocol` (`openai-chat` or `gemini`); `streamed`: as
/// server-sent events. `CallError::Fatal` for any other protocol.
pub fn read_chat(protocol: &str, body: &[u8], streamed: bool) -> Result<Output, CallError> {
    let surroundings = surroundings()?;
    let wire = surroundings.wire()?;
    let answer = match protocol {
        "openai-chat" => {
            let mut reply = chat_reply::Assembled::new(!streamed);
            feed(body, streamed, |data| reply.payload(data, &wire))
                .and_then(|()| reply.finish(&wire))
        }
        "gemini" => {
            let mut reply = gemini_reply::Assembled::new(!streamed);
            feed(body, streamed, |data| reply.payload(data, &wire))
                .and_then(|()| reply.finish(&wire))
        }
        other => return Err(no_such(format!("`{other}` is no chat protocol"))),
    };
    output(answer)
}

fn feed(
    body: &[u8],
    streamed: bool,
    mut payload: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if !streamed {
        return payload(body);
    }
    let mut events = Events::default();
    events.feed(body, &mut payload)?;
    events.finish(payload)
}

fn output(answer: Result<Answer, Failure>) -> Result<Output, CallError> {
    match answer {
        Ok(Answer { got: Got::Text { text, reasoning }, .. }) => {
            Ok(Output::Text { text, reasoning })
        }
        Ok(Answer { got: Got::Refused(reason), .. }) => Ok(Output::Refused { reason }),
        Ok(Answer { got: Got::Image(_), .. }) => {
            Err(CallError::Record { what: "an image came where text was asked".to_owned() })
        }
        Err(Failure { refused: Some(reason), .. }) => Ok(Output::Refused { reason }),
        Err(failure) => Err(failure.error),
    }
}

/// What an exchange stands in; nothing of it is asked here.
struct Surroundings {
    env: Env,
    client: reqwest::Client,
    endpoint: Arc<Endpoint>,
    images: Arc<dyn Images>,
}

fn surroundings() -> Result<&'static Surroundings, CallError> {
    static MADE: OnceLock<Result<Surroundings, String>> = OnceLock::new();
    MADE.get_or_init(make).as_ref().map_err(|what| no_such(what.clone()))
}

fn make() -> Result<Surroundings, String> {
    let text = "[role.captured]\nprotocol = \"openai-chat\"\nurls = [\"http://127.0.0.1:9/v1\"]\n";
    let source = Arc::new(SourceFile { path: "captured".to_owned(), text: text.to_owned() });
    let endpoints = Endpoints::parse(source).map_err(|_| "no such endpoint".to_owned())?;
    let endpoint = endpoints.get("captured").ok_or("no such endpoint")?.clone();
    let client = client(endpoint.connection.timeouts.connect)?;
    Ok(Surroundings { env: Env::real(), client, endpoint, images: Arc::new(NoImages) })
}

impl Surroundings {
    fn wire(&self) -> Result<Wire<'_>, CallError> {
        let base = self.endpoint.urls.first().ok_or_else(|| no_such("no such endpoint".into()))?;
        Ok(Wire {
            call: CallKey([0; 32]),
            env: &self.env,
            client: &self.client,
            connection: &self.endpoint.connection,
            base,
            key: None,
            images: &self.images,
            model: "captured",
            deadline: self.env.now(),
            room: Room::default().of_call(),
            quota_is_rate: false,
            simulated: AtomicBool::new(false),
        })
    }
}

struct NoImages;

#[async_trait::async_trait]
impl Images for NoImages {
    async fn image(&self, _: Digest) -> Result<Bytes, CallError> {
        Err(CallError::Record { what: "there are no images here".to_owned() })
    }
}

fn no_such(what: String) -> CallError {
    CallError::Fatal { kind: Fatal::Endpoint, what }
}
