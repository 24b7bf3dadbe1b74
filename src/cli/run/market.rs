//! Who answers a command's calls: the simulated world or the models of an endpoints file, held to what must
//! be right before anything is bought. `run` and `serve` begin with it.

use crate::call::endpoints::Endpoints;
use crate::call::otlp::{self, Meter};
use crate::call::probe::{Worlds, worlds};
use crate::call::{Stack, StackOptions};
use crate::cli::run::budget::{budget_of, left};
use crate::cli::run::served::read_endpoints;
use crate::cli::shared::tell;
use crate::deliver::budget::{Bound, shared_endpoints};
use crate::diag::{Diagnostic, summary};
use crate::env::Env;
use crate::journal::BlobImages;
use crate::plan::Plan;
use crate::record::NanoUsd;
use crate::run::Shard;
use crate::sim;
use crate::store::{Blobs, Store};
use std::sync::Arc;

/// What a command's flags say of it.
pub struct Asked<'a> {
    /// `sim`, or an endpoints file.
    pub endpoints: &'a str,
    /// The RUN.
    pub out: &'a str,
    pub budget: Option<Bound>,
    pub mix_simulated: bool,
    pub shard: Option<Shard>,
    /// What was not done when it is refused: `run` or `served`.
    pub undone: &'a str,
}

/// The models, and the RUN that keeps what they answer.
pub struct Market {
    pub endpoints: Endpoints,
    pub store: Store,
    pub budget: Option<NanoUsd>,
    pub worlds: Worlds,
    /// Some of the replies are simulated.
    pub simulated: bool,
    /// Simulated models are meant to stand beside real ones.
    pub mixed: bool,
    /// Goes when this does.
    _world: Option<(String, sim::Server)>,
}

impl Market {
    /// None after telling what is wrong; nothing was bought then.
    pub async fn open(env: &Env, plan: &Plan, asked: &Asked<'_>) -> anyhow::Result<Option<Market>> {
        let world = match asked.endpoints {
            "sim" => {
                let (world, options) = (sim::World::default(), sim::SimOptions::default());
                Some(sim::Server::start(env.clone(), world, options).await?)
            }
            _ => None,
        };
        let endpoints = match &world {
            Some((url, _)) => Endpoints::sim(url),
            None => match read_endpoints(asked.endpoints)? {
                Some(endpoints) => endpoints,
                None => return Ok(None),
            },
        };
        let store = Store::open(asked.out)?;
        let endpoints = match asked.shard {
            Some(shard) => shared_endpoints(&store, shard, endpoints).await?,
            None => endpoints,
        };
        let budget = budget_of(&store, asked.budget).await?;
        let unfit = unfit(plan, &endpoints, budget.is_some());
        if !unfit.is_empty() {
            tell(&unfit);
            let undone = asked.undone;
            eprintln!("{}. Nothing was {undone}; no model was called.", summary(&unfit));
            return Ok(None);
        }
        let used = plan.roles_used();
        let roles: Vec<&str> = used.iter().map(|role| role.name.as_str()).collect();
        let worlds = match &world {
            Some(_) => Worlds::default(),
            None => worlds(env, &endpoints, &roles).await,
        };
        let mixed = asked.mix_simulated && world.is_none();
        if worlds.is_mixed() && !mixed {
            eprintln!("{}", refused_mix(&worlds, asked.undone));
            return Ok(None);
        }
        let keyless = endpoints.without_keys();
        if !keyless.is_empty() {
            tell(&keyless);
            return Ok(None);
        }
        let simulated = world.is_some() || (mixed && !worlds.simulated.is_empty());
        Ok(Some(Market { endpoints, store, budget, worlds, simulated, mixed, _world: world }))
    }

    /// What the calls go through, and the meter of their durations where one is asked for. None after
    /// telling what is wrong.
    pub async fn stack(
        &self,
        env: &Env,
        blobs: &Blobs,
        shard: Option<Shard>,
    ) -> anyhow::Result<Option<(Stack, Option<Arc<Meter>>)>> {
        let budget = match self.budget {
            Some(budget) => Some(left(&self.store, budget, shard).await?),
            None => None,
        };
        let meter = meter(env);
        let options = StackOptions { budget, meter: meter.clone() };
        let images = Arc::new(BlobImages(blobs.clone()));
        match Stack::build(env, &self.endpoints, images, options) {
            Ok(stack) => Ok(Some((stack, meter))),
            Err(found) => {
                tell(&found);
                Ok(None)
            }
        }
    }
}

/// Roles that no endpoint serves; with a budget also those without a price.
fn unfit(plan: &Plan, endpoints: &Endpoints, budget: bool) -> Vec<Diagnostic> {
    let used = plan.roles_used();
    let roles: Vec<&str> = used.iter().map(|role| role.name.as_str()).collect();
    let mut unfit = endpoints.missing(&roles);
    if budget {
        let models = used.iter().map(|role| (role.name.as_str(), role.model.as_str()));
        unfit.extend(endpoints.unpriced(&models.collect::<Vec<_>>()));
    }
    unfit
}

/// Does `work` while `meter` sends what it measures, and sends the last of it.
pub async fn metered<T>(env: &Env, meter: Option<Arc<Meter>>, work: impl Future<Output = T>) -> T {
    let Some(meter) = meter else { return work.await };
    let sending = env.spawn(meter.clone().keep_sending());
    let done = work.await;
    sending.abort();
    // A collector that is away costs its time-out and nothing else.
    if let Err(what) = meter.send().await {
        eprintln!("warning: metrics were not sent: {what}");
    }
    done
}

/// The meter that the environment asks for; what is wrong with it is no reason not to run.
fn meter(env: &Env) -> Option<Arc<Meter>> {
    let settings = otlp::Settings::from_environment(&|name| std::env::var(name).ok());
    let made = settings.and_then(|s| s.map(|s| Meter::new(env, s)).transpose());
    made.unwrap_or_else(|what| {
        eprintln!("warning: {what}; no metrics are sent");
        None
    })
}

fn refused_mix(worlds: &Worlds, undone: &str) -> String {
    let list = |roles: &[String]| {
        roles.iter().map(|role| format!("`{role}`")).collect::<Vec<_>>().join(", ")
    };
    format!(
        "error: the simulated world plays {} and real models {}\n  say `--mix-simulated` if that is \
         meant (to try prompts on a real teacher before there is a GPU): all that comes of it is \
         labelled simulated. Nothing was {undone}; no model was called.",
        list(&worlds.simulated),
        list(&worlds.real)
    )
}
