//! `Balanced`: one call at one of several equal URLs.

use crate::call::flow::gate::{Gate, LaneView};
use crate::call::flow::stats::Stats;
use crate::call::flow::unless_stopping;
use crate::call::http::Target;
use crate::call::{CallError, Fatal, Model, Reply, Request};
use crate::env::Env;
use std::sync::Arc;
use std::time::Duration;

/// With every URL failing, a run gives up after this long; sooner when none ever answered.
const PATIENCE: Duration = Duration::from_secs(600);
const FIRST_PATIENCE: Duration = Duration::from_secs(30);

/// Sends each call to the emptier of two usable URLs, within their found limits.
pub struct Balanced {
    env: Env,
    gate: Gate,
    targets: Vec<Arc<dyn Target>>,
    stats: Arc<Stats>,
}

impl Balanced {
    /// `stated`: the limit over all targets, if the user stated one.
    pub fn new(
        env: &Env,
        targets: Vec<Arc<dyn Target>>,
        stated: Option<usize>,
        stats: Arc<Stats>,
    ) -> Balanced {
        Balanced { env: env.clone(), gate: Gate::new(env, targets.len(), stated), targets, stats }
    }

    /// Each URL's place and counts.
    pub fn view(&self) -> Vec<(String, LaneView)> {
        let (lanes, _) = self.gate.view();
        self.targets.iter().map(|t| t.place()).zip(lanes).collect()
    }

    fn given_up(&self, last: &str) -> Option<CallError> {
        let (dark, never) = self.gate.dark()?;
        let patience = if never { FIRST_PATIENCE } else { PATIENCE };
        (dark >= patience).then(|| CallError::Fatal {
            kind: Fatal::Endpoint,
            what: format!(
                "no server of this role has answered for {} s; last: {last}; start it or mend \
                 `urls`, then run again",
                dark.as_secs()
            ),
        })
    }
}

impl std::fmt::Debug for Balanced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let places: Vec<String> = self.targets.iter().map(|t| t.place()).collect();
        write!(f, "Balanced(Http({}))", places.join(", "))
    }
}

#[async_trait::async_trait]
impl Model for Balanced {
    async fn call(&self, request: &Request) -> Result<Reply, CallError> {
        let slot = unless_stopping(&self.env, self.gate.enter()).await?;
        let Some(slot) = slot else { return Err(CallError::Stopped) };
        let flying = self.stats.flying(request.role());
        let outcome = self.targets[slot.lane].attempt(request).await;
        drop(flying);
        match outcome {
            Ok(reply) => {
                slot.succeeded();
                Ok(reply)
            }
            Err(failure) => {
                let sign = failure.sign;
                slot.failed(sign);
                let gave_up = match &failure.error {
                    CallError::Transient { what, .. } => self.given_up(what),
                    _ => None,
                };
                Err(gave_up.unwrap_or(failure.error))
            }
        }
    }
}
