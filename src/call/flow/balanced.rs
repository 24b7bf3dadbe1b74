//! `Balanced`: one call at one of several equal URLs.

use crate::call::flow::gate::{Gate, LaneView};
use crate::call::flow::stats::Stats;
use crate::call::flow::{Attempt, Priority, unless_stopping};
use crate::call::http::Target;
use crate::call::{CallError, Fatal, KeyedRequest, Reply};
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
    patience: Duration,
    first_patience: Duration,
}

impl Balanced {
    /// `stated`: the limit over all targets, if the user stated one.
    pub fn new(
        env: &Env,
        targets: Vec<Arc<dyn Target>>,
        stated: Option<usize>,
        stats: Arc<Stats>,
    ) -> Balanced {
        Balanced {
            env: env.clone(),
            gate: Gate::new(env, targets.len(), stated),
            targets,
            stats,
            patience: PATIENCE,
            first_patience: FIRST_PATIENCE,
        }
    }

    /// For tests, which cannot wait so long.
    #[cfg(test)]
    pub fn impatient(self, first_patience: Duration) -> Balanced {
        Balanced { first_patience, ..self }
    }

    /// Each URL's place and counts.
    pub fn view(&self) -> Vec<(String, LaneView)> {
        self.targets.iter().map(|t| t.place()).zip(self.gate.view()).collect()
    }

    fn given_up(&self, last: &str) -> Option<CallError> {
        let (dark, never) = self.gate.dark()?;
        let patience = if never { self.first_patience } else { self.patience };
        (dark >= patience).then(|| CallError::Fatal {
            kind: Fatal::Endpoint,
            what: format!(
                "no server of this role has answered for {:.0?}; last: {last}; start it or mend \
                 `urls`, then run again",
                dark
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
impl Attempt for Balanced {
    async fn attempt(
        &self,
        request: KeyedRequest<'_>,
        priority: Priority,
    ) -> Result<Reply, CallError> {
        let slot = unless_stopping(&self.env, self.gate.enter(priority)).await?;
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
                let sign = failure.health;
                slot.failed(sign);
                let gave_up = match &failure.error {
                    CallError::Transient { what, .. } => self.given_up(what),
                    _ => None,
                };
                let well = self.stats.get(request.role()).is_some_and(|stats| stats.may_be_well());
                Err(gave_up.unwrap_or_else(|| failure.heard(well)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::call::flow::{Balanced, RetryBudget, Retrying, Stats};
    use crate::call::http::{Failure, Target};
    use crate::call::{
        CallError, ChatRequest, Fatal, KeyedRequest, Model, Reply, Request, Sampling,
    };
    use crate::env::Env;
    use std::sync::Arc;
    use std::time::Duration;

    /// No connection to it is ever made.
    struct Away;

    #[async_trait::async_trait]
    impl Target for Away {
        async fn attempt(&self, _: KeyedRequest<'_>) -> Result<Reply, Failure> {
            Err(Failure::down("http://h/v1 cannot be reached: operation timed out"))
        }

        fn place(&self) -> String {
            "http://h/v1".to_owned()
        }
    }

    #[tokio::test]
    async fn a_server_that_is_never_reached_is_given_up_by_name() {
        let env = Env::test(1);
        let stats = Arc::new(Stats::new(["r"].into_iter()));
        let balanced = Balanced::new(&env, vec![Arc::new(Away)], None, stats.clone());
        let budget = Arc::new(RetryBudget::new());
        let balanced = balanced.impatient(Duration::ZERO);
        let model = Arc::new(Retrying::new(&env, balanced, 8, budget, stats.clone()));
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        // As many as open the breaker.
        for _ in 0..8 {
            let (model, tell) = (model.clone(), tell.clone());
            env.spawn(async move {
                let chat = ChatRequest {
                    role: "r".into(),
                    model: "m".into(),
                    messages: Vec::new(),
                    sampling: Sampling::default(),
                    schema: None,
                    draw: 0,
                };
                let _ = tell.send(model.call(Request::Chat(chat).keyed()).await);
            });
        }
        let error = told.recv().await.expect("an end").expect_err("nobody is there");
        let CallError::Fatal { kind: Fatal::Endpoint, what } = error else { panic!("{error:?}") };
        for part in ["http://h/v1 cannot be reached: operation timed out", "mend `urls`"] {
            assert!(what.contains(part), "{what}");
        }
        let role = stats.get("r").expect("the role");
        let retries = role.retries.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(retries, 7, "the others are tried again");
    }
}
