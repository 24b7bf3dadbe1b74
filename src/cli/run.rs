//! `coldstart run`: from a prompt pool to a dataset; the same command again goes on.

mod ahead;
mod ending;
pub mod market;
pub mod served;
pub mod signals;

use crate::call::{Stack, metrics};
use crate::cli::progress::Screen;
use crate::cli::run::market::{Flags, metered, parse_budget};
use crate::cli::run::served::read_endpoints;
use crate::cli::shared::{Format, PipelineArgs, block_on, compile_or_tell};
use crate::cli::{Done, log, table};
use crate::deliver::budget::Bound;
use crate::deliver::forecast;
use crate::deliver::market::Market;
use crate::env::{Env, memory};
use crate::plan::{Flag, Plan, compile};
use crate::run::{
    Progress, RunOptions, Shard, Watch, execute, metrics as stage_metrics, scheduler,
};
use crate::stage::{Does, POOL_KIND, QUOTA_KIND, SCORE_KIND, WRITTEN_PROMPTS};
use crate::store::{Blobs, Store};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tracing::Instrument;

/// Run a pipeline: from prompts to a dataset of trajectories
///
/// With no argument: pipeline `standard`, the sample pool, the simulated world, into `runs/demo`.
/// The same command again goes on where it stopped: no journaled call is bought twice.
///
/// With `--format json` the final report is one object on stdout: `stages` (a list of `stage`, `in`,
/// `passed`, `dropped`, `failed`, `reasons`, `ports`, `cost_usd`), `calls` (`made`, `replayed`,
/// `taken` where finished shards had left them, `by_role`), `cost_usd`, `dataset` (`rows`, `digest`, `target`, `strata`, and `purity` where looks were
/// added up), `simulated`, `complete`,
/// `ended`.
///
/// Exit codes: 0 done, 1 yours to mend, 2 a defect, 3 stopped by a signal, 4 fenced by a successor,
/// 5 out of budget, 6 done with failed records, 7 an endpoint, store or quota is down.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// Prompts: a file, folder or URI (default: what the pipeline's `pool` stage says)
    #[arg(long, value_name = "PATH")]
    pool: Option<String>,
    /// `sim` for the simulated world, or an endpoints file (`coldstart endpoints example`)
    #[arg(long, default_value = "sim", value_name = "FILE")]
    endpoints: String,
    /// The RUN: a folder or URI (s3://, gs://, az://)
    #[arg(long, default_value = "runs/demo", value_name = "RUN")]
    out: String,
    /// A checkout of an evaluation set's repository: its judge is asked in the script's own words
    #[arg(long, value_name = "DIR")]
    official: Option<String>,
    /// Records wanted in the dataset (default: what the pipeline says)
    #[arg(long, value_name = "N")]
    target: Option<u64>,
    /// Take at most so many prompts of each source
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Records in flight at once
    #[arg(long, default_value_t = 512, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_in_flight: u32,
    /// Spend no more than this in this and later runs together, in US dollars; shards share it. The RUN
    /// remembers it: a higher one raises it, `none` lifts it
    #[arg(long, value_name = "USD|none", value_parser = parse_budget)]
    budget: Option<Bound>,
    /// Work only on shard I of N (from 0); then run once without it to assemble. Default: what
    /// COLDSTART_SHARD_INDEX and COLDSTART_SHARD_COUNT or the scheduler's own variables say
    #[arg(long, value_name = "I/N", value_parser = scheduler::parse)]
    shard: Option<Shard>,
    /// Assemble although shards are missing, and buy here what they left
    #[arg(long)]
    buy_missing: bool,
    /// After the first SIGTERM or Ctrl-C, give calls in flight so long (default: as long as they take)
    #[arg(long, value_name = "SECONDS")]
    grace: Option<u64>,
    /// Exit with 0 although some records failed, for schedulers that know only success and failure
    #[arg(long)]
    accept_failed: bool,
    /// Go on although the RUN was made by another pipeline, seed or pool
    #[arg(long)]
    into_changed_pipeline: bool,
    /// Say what would be bought (calls, tokens, pictures, dollars, hours, by stage), and do nothing. A
    /// changed template or parameter counts as it would in a run
    #[arg(long)]
    dry_run: bool,
    /// Go on without asking: before a run that spends, a terminal is asked
    #[arg(long, short)]
    yes: bool,
    /// Take the forecast's shares and sizes from this RUN, for instance a pilot (default: from `--out`)
    #[arg(long, value_name = "RUN")]
    like: Option<String>,
    /// For the forecast: of a stage's records this share goes on, for instance `judged=0.4`
    #[arg(long, value_name = "STAGE=SHARE", value_parser = parse_share)]
    share: Vec<(String, f64)>,
    /// Let simulated models stand beside real ones; all that comes of it is labelled simulated
    #[arg(long)]
    mix_simulated: bool,
    /// Serve Prometheus metrics on this address, for instance 127.0.0.1:9464
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
    #[command(flatten)]
    log: log::LogArgs,
    /// No progress
    #[arg(long, short)]
    quiet: bool,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

fn parse_share(text: &str) -> Result<(String, f64), String> {
    let wrong = || "write STAGE=SHARE with a share from 0 to 1, for instance judged=0.4".to_owned();
    let (stage, share) = text.split_once('=').ok_or_else(wrong)?;
    let share: f64 = share.trim().parse().map_err(|_| wrong())?;
    if (0.0..=1.0).contains(&share) { Ok((stage.trim().to_owned(), share)) } else { Err(wrong()) }
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    memory::give_back();
    args.log.start()?;
    block_on(watched(args))
}

/// Signals count from here on: the pipeline, the store and a long journal take a while to open.
async fn watched(args: Args) -> anyhow::Result<Done> {
    let env = Env::real();
    let (began, screen) = watch::channel(None);
    let grace = args.grace.map(Duration::from_secs);
    let signals = env.spawn(signals::watch(env.clone(), args.format, grace, screen));
    let done = open(&env, args, &began).await;
    signals.abort();
    done
}

/// Where the signals' watch finds the screen, once the run has begun.
type Began = watch::Sender<Option<Screen>>;

async fn open(env: &Env, mut args: Args, began: &Began) -> anyhow::Result<Done> {
    let var = |name: &str| std::env::var(name).ok();
    let chosen = scheduler::choose(args.shard, &var).map_err(anyhow::Error::msg)?;
    if let Some((shard, by)) = chosen.filter(|_| args.shard.is_none()) {
        eprintln!("shard {}/{}, as {by} says", shard.index, shard.of);
    }
    args.shard = chosen.map(|(shard, _)| shard);
    let project = args.pipeline.open()?;
    if !args.quiet {
        args.pipeline.say_home();
    }
    let mut overrides = args.pipeline.overrides();
    overrides.flags.extend(flags(&args));
    let Some(plan) = compile_or_tell(&project, &overrides) else { return Ok(Done::Findings) };
    if args.pool.is_some() && !args.quiet {
        say_unwritten(&plan);
    }
    // A plan is used up by what runs it; the forecast runs it first.
    let ahead = args.endpoints != "sim" && args.shard.is_none();
    let spare = match args.dry_run || ahead {
        true => compile(&project, &overrides).plan,
        false => None,
    };
    known_shares(&args.share, &plan)?;
    start(env, args, plan, spare, began).await
}

/// The flags that stand for a parameter of whichever stage has it.
fn flags(args: &Args) -> Vec<Flag> {
    let flag = |flag, kind, param, value: String| Flag { flag, kind, param, value, unless: None };
    let mut out = Vec::new();
    if let Some(pool) = &args.pool {
        out.push(flag("--pool", POOL_KIND, "path", pool.clone()));
        // Whoever brings prompts wants those.
        let (kind, param, unless) = WRITTEN_PROMPTS;
        out.push(Flag { unless: Some(unless), ..flag("--pool", kind, param, "0".to_owned()) });
    }
    if let Some(folder) = &args.official {
        out.push(flag("--official", SCORE_KIND, "official", folder.clone()));
    }
    if let Some(target) = args.target {
        out.push(flag("--target", QUOTA_KIND, "target", target.to_string()));
    }
    out
}

/// That each `--share` names a stage.
fn known_shares(shares: &[(String, f64)], plan: &Plan) -> anyhow::Result<()> {
    let unknown = shares.iter().find(|(stage, _)| !plan.stages.iter().any(|s| s.name == *stage));
    match unknown {
        Some((stage, _)) => {
            anyhow::bail!("`--share {stage}=…`: the pipeline has no stage `{stage}`")
        }
        None => Ok(()),
    }
}

/// Says which stages write no prompts, since the user brings his own.
fn say_unwritten(plan: &Plan) {
    let (kind, count, _) = WRITTEN_PROMPTS;
    for stage in plan.stages.iter().filter(|s| s.kind.name == kind && s.params.int(count) == 0) {
        eprintln!(
            "note: stage `{0}` writes no prompts beside your own; `--set {0}.{count}=80` has it write 80",
            stage.name
        );
    }
}

async fn start(
    env: &Env,
    args: Args,
    plan: Plan,
    spare: Option<Plan>,
    began: &Began,
) -> anyhow::Result<Done> {
    if args.dry_run
        && let Some(plan) = spare
    {
        return dry(env, &args, plan).await;
    }
    let Some(opened) = market::open(env, &plan, &asked(&args)).await? else {
        return Ok(Done::Findings);
    };
    let market = &opened.market;
    if let Some(spare) = spare
        && forecast::spends(&plan, &market.endpoints, &market.worlds.simulated)
    {
        let (store, endpoints) = (&market.store, &market.endpoints);
        let found = ahead::look_ahead(env, &args, spare, store, Some(endpoints)).await?;
        ahead::say(&found, market.budget.map(|budget| budget.most), endpoints);
        if !found.is_nothing() && !ahead::agreed(&args) {
            eprintln!("Nothing was run; no model was called.");
            return Ok(Done::Findings);
        }
    }
    let blobs = Blobs::new(market.store.clone(), 64 << 20);
    let Some((stack, meter)) = market::stack(env, market, &blobs, args.shard).await? else {
        return Ok(Done::Findings);
    };
    metered(env, meter, drive(env, args, plan, market, (blobs, stack), began)).await
}

fn asked(args: &Args) -> Flags<'_> {
    Flags {
        endpoints: &args.endpoints,
        out: &args.out,
        budget: args.budget,
        mix_simulated: args.mix_simulated,
        shard: args.shard,
        undone: "run",
    }
}

/// `--dry-run`: endpoints are read for their prices and bounds, and not asked.
async fn dry(env: &Env, args: &Args, plan: Plan) -> anyhow::Result<Done> {
    let endpoints = match args.endpoints.as_str() {
        "sim" => None,
        path => match read_endpoints(path)? {
            Some(endpoints) => Some(endpoints),
            None => return Ok(Done::Findings),
        },
    };
    let store = Store::open(&args.out)?;
    let found = ahead::look_ahead(env, args, plan, &store, endpoints.as_ref()).await?;
    ahead::show(&found, args, endpoints.as_ref())?;
    Ok(Done::Well)
}

/// `--metrics`: of the calls and of the stages, until the process ends.
async fn serve_metrics(
    env: &Env,
    address: SocketAddr,
    stack: &Stack,
    shown: &Arc<Progress>,
) -> anyhow::Result<()> {
    let (calls, stages) = (stack.clone(), shown.clone());
    let page = move || {
        let calls = metrics::page(metrics::METRICS, &calls.live());
        calls + &metrics::page(stage_metrics::METRICS, &stages.now())
    };
    let bound = metrics::serve(env, address, page).await?;
    eprintln!("metrics at http://{bound}/metrics");
    Ok(())
}

async fn drive(
    env: &Env,
    args: Args,
    plan: Plan,
    market: &Market,
    (blobs, stack): (Blobs, Stack),
    began: &Began,
) -> anyhow::Result<Done> {
    let options = RunOptions {
        max_in_flight: args.max_in_flight as usize,
        limit: args.limit,
        shard: args.shard,
        mixed: args.mix_simulated && market.simulated,
        buy_missing: args.buy_missing,
        into_changed_pipeline: args.into_changed_pipeline,
        ..market.run_options(&stack, blobs)
    };
    let shown = options.progress.clone();
    if let Some(address) = args.metrics {
        serve_metrics(env, address, &stack, &shown).await?;
    }
    let plays = plan.stages.iter().any(|stage| stage.kind.does == Does::RollOut);
    let quiet = args.quiet || args.format == Format::Json;
    let screen = Screen::new(quiet, args.log.is_on());
    began.send_replace(Some(screen.clone()));
    let (done, finished) = watch::channel(false);
    let work = async {
        let result = execute(env, plan, options).await;
        let _ = done.send(true);
        result
    };
    let work = work.instrument(tracing::error_span!("run", run = %args.out));
    let drawn = screen.draw(env, Watch::new(env.clone(), shown.clone(), stack), finished);
    let (result, ()) = tokio::join!(work, drawn);
    for said in shown.said() {
        eprintln!("note: {said}");
    }
    let tables = plays && result.is_ok() && args.shard.is_none() && args.format == Format::Text;
    let done = ending::tell(&args, result)?;
    if tables {
        table::show(&args.out).await;
    }
    Ok(done)
}
