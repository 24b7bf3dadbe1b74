//! Who answers a command's calls, told: the simulated world or the models of an endpoints file. `run` and
//! `serve` begin with it.

use crate::call::Stack;
use crate::call::endpoints::Endpoints;
use crate::call::otlp::{self, Meter};
use crate::call::probe::Worlds;
use crate::cli::run::served::read_endpoints;
use crate::cli::shared::tell;
use crate::deliver::budget::{Bound, InForce};
use crate::deliver::market::{Market, MarketError, MarketRequest};
use crate::diag::summary;
use crate::env::Env;
use crate::plan::Plan;
use crate::record::NanoUsd;
use crate::run::Shard;
use crate::sim;
use crate::store::Blobs;
use std::sync::Arc;

/// What a command's flags say of it.
pub struct Flags<'a> {
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

/// `--budget`.
pub fn parse_budget(text: &str) -> Result<Bound, String> {
    if text == "none" {
        return Ok(Bound::Lifted);
    }
    match text.trim_start_matches('$').parse::<f64>() {
        Ok(usd) if usd.is_finite() && usd >= 0.0 => Ok(Bound::Most(NanoUsd::from_usd(usd))),
        _ => Err("write US dollars, for instance 25 or 0.5, or `none`".to_owned()),
    }
}

/// A market, and the simulated world where that is who answers; the world goes when this does.
pub struct Opened {
    pub market: Market,
    _world: Option<sim::Server>,
}

/// None after telling what is wrong; nothing was bought then.
pub async fn open(env: &Env, plan: &Plan, flags: &Flags<'_>) -> anyhow::Result<Option<Opened>> {
    let (endpoints, world) = if flags.endpoints == "sim" {
        let (world, options) = (sim::World::default(), sim::SimOptions::default());
        let (url, server) = sim::Server::start(env.clone(), world, options).await?;
        (Endpoints::sim(&url), Some(server))
    } else {
        let Some(endpoints) = read_endpoints(flags.endpoints)? else { return Ok(None) };
        (endpoints, None)
    };
    let Flags { out, budget, mix_simulated, shard, undone, .. } = *flags;
    let simulated = world.is_some();
    let asked = MarketRequest { endpoints, simulated, out, budget, mix_simulated, shard };
    let market = match Market::open(env, plan, asked).await {
        Ok(market) => market,
        Err(error) => return refused(error, undone).map(|()| None),
    };
    if let Some(InForce { most, remembered: true }) = market.budget {
        eprintln!(
            "budget ${:.4}, as this RUN remembers; `--budget USD` changes it, `--budget none` lifts it",
            most.usd()
        );
    }
    Ok(Some(Opened { market, _world: world }))
}

/// What the calls go through, and the meter of their durations where one is asked for. Tells what was
/// spent before; None after telling what is wrong.
pub async fn stack(
    env: &Env,
    market: &Market,
    blobs: &Blobs,
    shard: Option<Shard>,
) -> anyhow::Result<Option<(Stack, Option<Arc<Meter>>)>> {
    let unspent = market.unspent(shard).await?;
    if let (Some(found), Some(budget)) = (&unspent, market.budget) {
        if found.spent.0 > 0 {
            eprintln!("${:.4} of ${:.4} were spent before", found.spent.usd(), budget.most.usd());
        }
        if let Some(share) = found.share {
            eprintln!("this shard's share is ${:.4}", share.usd());
        }
    }
    let meter = meter(env);
    match market.stack(env, blobs, unspent, meter.clone()) {
        Ok(stack) => Ok(Some((stack, meter))),
        Err(error) => refused(error, "run").map(|()| None),
    }
}

/// Tells what the user can mend in his files; other errors are the caller's.
fn refused(error: MarketError, undone: &str) -> anyhow::Result<()> {
    match error {
        MarketError::Unfit(found) => {
            tell(&found);
            eprintln!("{}. Nothing was {undone}; no model was called.", summary(&found));
        }
        MarketError::Mixed(worlds) => eprintln!("{}", refused_mix(&worlds, undone)),
        MarketError::Unusable(found) => tell(&found),
        other => return Err(other.into()),
    }
    Ok(())
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
