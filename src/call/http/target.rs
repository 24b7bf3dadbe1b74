//! `Http`: one URL of one endpoint, asked once.

use crate::call::endpoints::Endpoint;
use crate::call::http::failure::Failure;
use crate::call::http::secret::Key;
use crate::call::http::served::accepts;
use crate::call::http::wire::{Wire, place};
use crate::call::picture;
use crate::call::protocol::{Answer, Got, Protocol};
use crate::call::{CallError, Fatal, Images, Output, Reply, Request};
use crate::env::Env;
use crate::record::NanoUsd;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use url::Url;

/// Something that can be tried once; `flow::Balanced` chooses among several.
#[async_trait::async_trait]
pub trait Target: Send + Sync {
    async fn attempt(&self, request: &Request) -> Result<Reply, Failure>;

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
}

#[async_trait::async_trait]
impl Target for Http {
    async fn attempt(&self, request: &Request) -> Result<Reply, Failure> {
        let start = self.env.now();
        let model = self.endpoint.model.as_deref().unwrap_or(request.model());
        let wire = Wire {
            env: &self.env,
            client: &self.client,
            endpoint: &self.endpoint,
            base: &self.url,
            key: self.key.as_ref(),
            images: &self.images,
            model,
            deadline: start + self.endpoint.timeouts.total,
            simulated: AtomicBool::new(false),
        };
        let answer = match self.protocol.exchange(request, &wire).await {
            Ok(answer) => answer,
            Err(Failure { refused: Some(reason), .. }) => Answer::refused(reason),
            Err(failure) => return Err(failure),
        };
        let Answer { got, finish, usage, served } = answer;
        self.same_model(model, &served)?;
        let output = match got {
            Got::Text { text, reasoning } => Output::Text { text, reasoning },
            Got::Refused(reason) => Output::Refused { reason },
            Got::Image(bytes) => self.picture(bytes).await?,
        };
        Ok(Reply {
            cost: self.endpoint.prices.map_or(NanoUsd(0), |prices| prices.cost(&usage)),
            output,
            finish,
            usage,
            served,
            simulated: wire.simulated.load(Ordering::Relaxed),
            attempts: 1,
            latency_ms: (self.env.now() - start).as_millis() as u64,
        })
    }

    fn place(&self) -> String {
        place(&self.url)
    }
}

impl Http {
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
                self.place()
            ),
        })
    }

    async fn picture(&self, bytes: Bytes) -> Result<Output, Failure> {
        let checked = {
            let bytes = bytes.clone();
            tokio::task::spawn_blocking(move || picture::check(&bytes)).await
        };
        match checked {
            Ok(Ok(image)) => Ok(Output::Image { image, bytes: Some(bytes) }),
            Ok(Err(error)) => Err(Failure::sick(format!("{}: {error}", self.place()))),
            Err(_) => Err(Failure::record("the image's decoder gave up")),
        }
    }
}
