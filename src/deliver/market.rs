//! Who answers the calls of a run or a service: endpoints and the RUN that keeps what they answer, held to
//! what must be right before anything is bought.

use crate::archive::ArchiveError;
use crate::call::endpoints::Endpoints;
use crate::call::otlp::Meter;
use crate::call::probe::{Worlds, worlds};
use crate::call::{Stack, StackOptions};
use crate::deliver::DeliverError;
use crate::deliver::budget::{
    Bound, InForce, Unspent, closed, in_force, shared_endpoints, unspent,
};
use crate::diag::Diagnostic;
use crate::env::Env;
use crate::journal::BlobImages;
use crate::plan::Plan;
use crate::run::{Progress, RunOptions, Shard};
use crate::store::{Blobs, Store, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// What a run or a service asks of a market.
pub struct MarketRequest<'a> {
    pub endpoints: Endpoints,
    /// All of them are the simulated world's, and known to be.
    pub simulated: bool,
    /// The RUN: a folder or URI.
    pub out: &'a str,
    pub budget: Option<Bound>,
    /// Simulated models may stand beside real ones.
    pub mix_simulated: bool,
    pub shard: Option<Shard>,
}

/// Why nothing can be bought. Nothing was.
#[derive(Debug, thiserror::Error)]
pub enum MarketError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Deliver(#[from] DeliverError),
    /// Roles that no endpoint serves, or with a budget roles whose price is not known.
    #[error("the endpoints do not serve the pipeline")]
    Unfit(Vec<Diagnostic>),
    /// Simulated and real models together, and nobody said that this is meant.
    #[error("simulated and real models stand side by side")]
    Mixed(Worlds),
    /// Keys that the environment lacks, or endpoints that cannot be used here.
    #[error("the endpoints cannot be used here")]
    Unusable(Vec<Diagnostic>),
}

/// The models, and the RUN that keeps what they answer.
pub struct Market {
    pub endpoints: Endpoints,
    pub store: Store,
    pub budget: Option<InForce>,
    pub worlds: Worlds,
    /// Some of the replies are simulated.
    pub simulated: bool,
    /// Simulated models are meant to stand beside real ones.
    pub mixed: bool,
}

impl Market {
    /// Asks the endpoints who they are, and holds all that is known against the plan.
    ///
    /// # Errors
    /// The RUN cannot be read, or the endpoints may not or cannot serve the plan.
    pub async fn open(
        env: &Env,
        plan: &Plan,
        asked: MarketRequest<'_>,
    ) -> Result<Market, MarketError> {
        let store = Store::open(asked.out)?;
        let endpoints = match asked.shard {
            Some(shard) => shared_endpoints(&store, shard, asked.endpoints).await?,
            None => asked.endpoints,
        };
        let budget = in_force(&store, asked.budget).await?;
        let unfit = plan.unserved(&endpoints, budget.is_some());
        if !unfit.is_empty() {
            return Err(MarketError::Unfit(unfit));
        }
        let worlds = match asked.simulated {
            true => Worlds::default(),
            false => worlds(env, &endpoints, &plan.role_names()).await,
        };
        let mixed = asked.mix_simulated && !asked.simulated;
        if worlds.is_mixed() && !mixed {
            return Err(MarketError::Mixed(worlds));
        }
        let keyless = endpoints.without_keys();
        if !keyless.is_empty() {
            return Err(MarketError::Unusable(keyless));
        }
        let simulated = asked.simulated || (mixed && !worlds.simulated.is_empty());
        Ok(Market { endpoints, store, budget, worlds, simulated, mixed })
    }

    /// What is left of the budget for this process; None without a budget.
    pub async fn unspent(&self, shard: Option<Shard>) -> Result<Option<Unspent>, MarketError> {
        let Some(InForce { most, .. }) = self.budget else { return Ok(None) };
        Ok(Some(unspent(&self.store, most, shard, &closed(&self.store).await?).await?))
    }

    /// A run into the RUN whose calls go through `stack`: of all prompts, with a dataset at its end.
    pub fn run_options(&self, stack: &Stack, blobs: Blobs) -> RunOptions {
        RunOptions {
            commit_wait: Duration::from_millis(if self.store.is_remote() { 200 } else { 20 }),
            store: self.store.clone(),
            blobs,
            model: stack.model(),
            simulated: self.simulated,
            mixed: self.mixed,
            max_in_flight: 512,
            limit: None,
            shard: None,
            buy_missing: false,
            into_changed_pipeline: false,
            journaled: true,
            write_dataset: true,
            budget: self.budget.map(|budget| budget.most),
            progress: Arc::new(Progress::default()),
        }
    }

    /// What the calls go through: they spend no more than is `unspent`, and `meter` hears of each.
    pub fn stack(
        &self,
        env: &Env,
        blobs: &Blobs,
        unspent: Option<Unspent>,
        meter: Option<Arc<Meter>>,
    ) -> Result<Stack, MarketError> {
        let budget = self.budget.zip(unspent).map(|(budget, found)| found.allowance(budget.most));
        let images = Arc::new(BlobImages(blobs.clone()));
        Stack::build(env, &self.endpoints, images, StackOptions { budget, meter })
            .map_err(MarketError::Unusable)
    }
}
