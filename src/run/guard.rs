//! `Guard`: what stands between the journal and the market. It buys nothing once the run is
//! stopping, and keeps simulated and real replies out of one RUN.
//!
//! The endpoints file need not say that its server is the simulated world; the replies do. So the
//! first fresh reply settles what the RUN holds, in the manifest, before it is journaled.

use crate::call::{CallError, Fatal, KeyedRequest, Model, Reply};
use crate::env::{Env, Phase};
use crate::plan::Manifest;
use crate::record::Cause;
use crate::run::RunError;
use crate::store::{Layout, Store};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Lets a call out only while the run goes on, and a reply in only if it is of the RUN's kind.
pub struct Guard {
    env: Env,
    inner: Arc<dyn Model>,
    store: Store,
    manifest: Manifest,
    /// Whether the RUN's replies are simulated, once that is settled.
    simulated: OnceCell<bool>,
    /// Both sorts are let in.
    mixed: bool,
}

/// Which replies a RUN holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// None yet: the first one settles it.
    None,
    Simulated,
    Real,
    /// The user has said that simulated models may stand beside real ones.
    Both,
}

impl Held {
    /// By the manifest in `store`; `some`: there are replies in the journal. To be asked after the
    /// journal was read: another shard that has just begun settles the manifest before its first
    /// reply, and a manifest of before that would call its simulated replies real.
    pub async fn read(store: &Store, some: bool) -> Result<Held, RunError> {
        if !some {
            return Ok(Held::None);
        }
        let bytes = store.get(Layout::MANIFEST).await?;
        let manifest = Manifest::parse(&bytes).map_err(|source| {
            let place = format!("{}/{}", store.uri(), Layout::MANIFEST);
            RunError::Manifest { place, source }
        })?;
        Ok(if manifest.simulated { Held::Simulated } else { Held::Real })
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Guard({:?})", self.inner)
    }
}

impl Guard {
    pub fn new(
        env: Env,
        inner: Arc<dyn Model>,
        store: Store,
        manifest: Manifest,
        held: Held,
    ) -> Guard {
        let simulated = OnceCell::new_with(match held {
            Held::None | Held::Both => None,
            Held::Simulated => Some(true),
            Held::Real => Some(false),
        });
        Guard { env, inner, store, manifest, simulated, mixed: held == Held::Both }
    }

    async fn settle(&self, simulated: bool) -> Result<bool, CallError> {
        if simulated != self.manifest.simulated {
            let manifest = Manifest { simulated, ..self.manifest.clone() };
            let bytes = serde_json::to_vec_pretty(&manifest).map_err(failed)?;
            self.store.put(Layout::MANIFEST, bytes.into()).await.map_err(failed)?;
        }
        Ok(simulated)
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> CallError {
    CallError::Store(Cause::new(error))
}

#[async_trait::async_trait]
impl Model for Guard {
    async fn call(&self, request: KeyedRequest<'_>) -> Result<Reply, CallError> {
        // A stage may need several calls one after the other: its next one is a new one.
        if self.env.shutdown().phase() > Phase::Running {
            return Err(CallError::Stopped);
        }
        let reply = self.inner.call(request).await?;
        // Its manifest says from the start that some of it is simulated.
        if self.mixed {
            return Ok(reply);
        }
        let holds = *self.simulated.get_or_try_init(|| self.settle(reply.simulated)).await?;
        if holds == reply.simulated {
            return Ok(reply);
        }
        let word = |simulated| if simulated { "simulated" } else { "real" };
        Err(CallError::Fatal {
            kind: Fatal::Model,
            what: format!(
                "role `{}` gave a {} reply, and this RUN holds {} ones; choose a new `--out`, or say \
                 `--mix-simulated` there if simulated models are meant to stand beside real ones",
                request.role(),
                word(reply.simulated),
                word(holds)
            ),
        })
    }
}
