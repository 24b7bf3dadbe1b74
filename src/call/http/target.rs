//! `Http`: one URL of one endpoint, asked once.

use crate::call::endpoints::Endpoint;
use crate::call::http::failure::Failure;
use crate::call::http::room::Room;
use crate::call::http::secret::{Key, excerpt};
use crate::call::http::served::accepts;
use crate::call::http::wire::{Wire, place};
use crate::call::otlp::Meter;
use crate::call::protocol::{Answer, Got, Protocol};
use crate::call::{CallError, Fatal, Images, KeyedRequest, Output, Reply};
use crate::env::Env;
use crate::media::{self, PictureError, Verify};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

/// Something that can be tried once; `flow::Balanced` chooses among several.
#[async_trait::async_trait]
pub trait Target: Send + Sync {
    async fn attempt(&self, request: KeyedRequest<'_>) -> Result<Reply, Failure>;

    /// For people: host and path.
    fn place(&self) -> String;
}

/// See the module's header. A reply is complete and checked: its image decodes, its model is the
/// one that was asked.
pub struct Http {
    pub env: Env,
    pub client: reqwest::Client,
    pub endpoint: Arc<Endpoint>,
    pub protocol: Arc<dyn Protocol>,
    pub url: Url,
    pub key: Option<Key>,
    pub images: Arc<dyn Images>,
    /// Pictures that may be decoded at once.
    pub decoding: Arc<Semaphore>,
    /// For bodies on their way in.
    pub room: Room,
    /// Hears how long each try took.
    pub meter: Option<Arc<Meter>>,
}

#[async_trait::async_trait]
impl Target for Http {
    async fn attempt(&self, request: KeyedRequest<'_>) -> Result<Reply, Failure> {
        let start = self.env.now();
        let outcome = self.ask(request, start).await;
        if let Some(meter) = &self.meter {
            let took = self.env.now().duration_since(start);
            meter.note(request.request(), (&self.endpoint, &self.url), &outcome, took);
        }
        outcome
    }

    fn place(&self) -> String {
        place(&self.url)
    }
}

/// The model's name with the vendor that a router chose for it: another vendor may serve other
/// weights under the same name.
fn by(served: String, provider: &str) -> String {
    if provider.is_empty() { served } else { format!("{served} ({provider})") }
}

impl Http {
    async fn ask(&self, request: KeyedRequest<'_>, start: Instant) -> Result<Reply, Failure> {
        let model = self.endpoint.wire_model(request.request().model());
        let connection = &self.endpoint.connection;
        let quota_is_rate =
            connection.quota_is_rate.unwrap_or_else(|| self.protocol.quota_is_rate());
        let wire = Wire {
            call: request.key(),
            env: &self.env,
            client: &self.client,
            connection,
            base: &self.url,
            key: self.key.as_ref(),
            images: &self.images,
            model,
            deadline: start + connection.timeouts.total,
            room: self.room.of_call(),
            quota_is_rate,
            simulated: AtomicBool::new(false),
        };
        let answer = match self.protocol.exchange(request.request(), &wire).await {
            Ok(answer) => answer,
            Err(Failure { refused: Some(reason), .. }) => Answer::refused(reason),
            Err(failure) => return Err(failure),
        };
        let Answer { got, finish, usage, served, provider } = answer;
        self.same_model(model, &served)?;
        // A server that echoes what it was sent must not bring the key into the records.
        let clean = |text: String| match &self.key {
            Some(key) => key.scrub(&text),
            None => text,
        };
        let output = match got {
            Got::Text { text, reasoning } => {
                Output::Text { text: clean(text), reasoning: clean(reasoning) }
            }
            Got::Refused(reason) => Output::Refused { reason: clean(reason) },
            Got::Image(bytes) => self.picture(bytes).await?,
        };
        Ok(Reply {
            cost: self.endpoint.prices_of(model).cost(&usage),
            output,
            finish: clean(finish),
            usage,
            served: clean(by(served, &provider)),
            simulated: wire.simulated.load(Ordering::Relaxed),
            attempts: 1,
            latency_ms: (self.env.now() - start).as_millis() as u64,
        })
    }

    fn same_model(&self, asked: &str, served: &str) -> Result<(), CallError> {
        if accepts(asked, served, &self.endpoint.accept_models) {
            return Ok(());
        }
        Err(CallError::Fatal {
            kind: Fatal::Model,
            what: format!(
                "`{asked}` was asked of {} and `{served}` answered; put `accept_models = \
                 [\"{served}\"]` into the endpoints file if that is the same model, or ask for \
                 another",
                self.place(),
                served =
                    excerpt(&self.key.as_ref().map_or(served.into(), |k| k.scrub(served)), 200),
            ),
        })
    }

    async fn picture(&self, bytes: Bytes) -> Result<Output, Failure> {
        // Each holds up to `media::MAX_PIXELS` of pixels, and more at once than there are cores gain nothing.
        let turn = self.decoding.clone().acquire_owned().await;
        let checked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            media::take(&bytes, Verify::Decode)
        });
        // What a server sends instead of a picture is quoted, and it may echo what it was sent.
        let told = |error: &PictureError| {
            let what = format!("{}: {error}", self.place());
            self.key.as_ref().map_or(what.clone(), |key| key.scrub(&what))
        };
        match checked.await {
            Ok(Ok(taken)) => Ok(Output::Image {
                image: taken.image,
                blank: taken.blank,
                bytes: Some(taken.bytes),
            }),
            // The next would be of the same sort, and paid for as well.
            Ok(Err(error @ (PictureError::Unread(_) | PictureError::Bounds { .. }))) => {
                Err(Failure::record(told(&error)))
            }
            Ok(Err(error)) => Err(Failure::sick(told(&error))),
            Err(_) => Err(Failure::record("the image's decoder gave up")),
        }
    }
}
