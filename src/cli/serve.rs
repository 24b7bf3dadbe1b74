//! `coldstart serve`: pictures and rewards for a trainer.

use crate::call::Stack;
use crate::cli::run::market::{self, Flags, metered, parse_budget};
use crate::cli::shared::{PipelineArgs, ProjectArg, block_on, compile_or_tell, parse_set};
use crate::cli::{Done, log};
use crate::deliver::budget::Bound;
use crate::env::signals::Signals;
use crate::env::{Env, Phase, memory};
use crate::plan::Plan;
use crate::run::{RunError, RunOptions};
use crate::serve::{Options, Server};
use crate::store::Blobs;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::watch;

/// The environment's variable that holds the token.
const TOKEN: &str = "COLDSTART_SERVE_TOKEN";

/// Serve pictures and rewards to a trainer (the paper's second stage)
///
/// `POST /image` draws a caption, `POST /reward` scores a finished rollout, `GET /health` and
/// `GET /metrics` tell how it goes. The same question is bought once; what could not be scored is an
/// error, never 0. README's chapter "Second stage" shows the fields.
///
/// The address is printed on stdout once requests are taken. The first SIGTERM or Ctrl-C admits no
/// more and answers what was admitted; the second stops at once.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The pipeline: a folder under `stages/` that receives captions and rollouts
    #[arg(default_value = "service")]
    pipeline: String,
    #[command(flatten)]
    project: ProjectArg,
    /// The seed of sessions' pictures and of which picture of a pair stands first
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Set a stage's parameter over its file, for instance `--set rewarded.orders=both`
    #[arg(long, value_name = "STAGE.PARAM=VALUE", value_parser = parse_set)]
    set: Vec<(String, String, String)>,
    /// `sim` for the simulated world, or an endpoints file (`coldstart endpoints example`)
    #[arg(long, default_value = "sim", value_name = "FILE")]
    endpoints: String,
    /// The RUN that keeps pictures, calls and rewards: a folder or URI
    #[arg(long, default_value = "runs/service", value_name = "RUN")]
    out: String,
    /// Where to listen; beyond this machine only with a token in the environment's
    /// COLDSTART_SERVE_TOKEN (port 0 takes a free one)
    #[arg(long, default_value = "127.0.0.1:8978", value_name = "ADDR")]
    listen: SocketAddr,
    /// Requests admitted at once; further ones get 429 and are told when to come again
    #[arg(long, default_value_t = 4096, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    queue: u32,
    /// Spend no more than this in this and later processes together, in US dollars. The RUN remembers
    /// it: a higher one raises it, `none` lifts it
    #[arg(long, value_name = "USD|none", value_parser = parse_budget)]
    budget: Option<Bound>,
    /// After the first SIGTERM or Ctrl-C, give admitted requests so long (default: as long as they take)
    #[arg(long, value_name = "SECONDS")]
    grace: Option<u64>,
    /// Go on although the RUN was made by another pipeline or seed
    #[arg(long)]
    into_changed_pipeline: bool,
    /// Let simulated models stand beside real ones; all that comes of it is labelled simulated
    #[arg(long)]
    mix_simulated: bool,
    #[command(flatten)]
    log: log::LogArgs,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    memory::give_back();
    args.log.start()?;
    let token = token(args.listen)?;
    let pipeline = PipelineArgs {
        pipeline: args.pipeline.clone(),
        project: args.project.clone(),
        seed: args.seed,
        set: args.set.clone(),
    };
    let project = pipeline.open()?;
    pipeline.say_home();
    let Some(plan) = compile_or_tell(&project, &pipeline.overrides()) else {
        return Ok(Done::Findings);
    };
    block_on(start(args, plan, token))
}

/// The token that requests must bring.
fn token(listen: SocketAddr) -> anyhow::Result<Option<String>> {
    let token = std::env::var(TOKEN).ok().map(|token| token.trim().to_owned());
    match token.filter(|token| !token.is_empty()) {
        None if !listen.ip().is_loopback() => anyhow::bail!(
            "{listen} can be reached from other machines, and whoever reaches it spends your money\n  \
             export {TOKEN}=… (requests bring it as `Authorization: Bearer …`), or listen on 127.0.0.1"
        ),
        Some(token) if token.len() < 16 => {
            anyhow::bail!("{TOKEN} has {} characters; 16 or more cannot be guessed", token.len())
        }
        token => Ok(token),
    }
}

async fn start(args: Args, plan: Plan, token: Option<String>) -> anyhow::Result<Done> {
    let env = Env::real();
    let flags = Flags {
        endpoints: &args.endpoints,
        out: &args.out,
        budget: args.budget,
        mix_simulated: args.mix_simulated,
        shard: None,
        undone: "served",
    };
    let Some(opened) = market::open(&env, &plan, &flags).await? else {
        return Ok(Done::Findings);
    };
    let market = &opened.market;
    let blobs = Blobs::new(market.store.clone(), 256 << 20);
    let Some((stack, meter)) = market::stack(&env, market, &blobs, None).await? else {
        return Ok(Done::Findings);
    };
    let run = RunOptions {
        // A trainer waits for each answer: less company is waited for than in a run.
        commit_wait: Duration::from_millis(if market.store.is_remote() { 50 } else { 1 }),
        max_in_flight: args.queue as usize,
        into_changed_pipeline: args.into_changed_pipeline,
        journaled: true,
        write_dataset: false,
        ..market.run_options(&stack, blobs)
    };
    metered(&env, meter, serve(&env, args, plan, run, stack, token)).await
}

async fn serve(
    env: &Env,
    args: Args,
    plan: Plan,
    run: RunOptions,
    stack: Stack,
    token: Option<String>,
) -> anyhow::Result<Done> {
    let options = Options {
        address: args.listen,
        token,
        queue: args.queue as usize,
        grace: args.grace.map(Duration::from_secs),
    };
    let simulated = run.simulated;
    let opened = Server::open(env, plan, run, stack, options).await;
    let bound = match opened {
        Ok(bound) => bound,
        Err(crate::serve::Open::Run(error @ RunError::Changed { .. })) => {
            return Err(changed(&args.out, &error));
        }
        Err(error) => return Err(error.into()),
    };
    // Before anybody can know that it is up: a signal that comes with the address stops it well, too.
    let opened = Signals::open();
    println!("{}", bound.url);
    std::io::stdout().flush()?;
    let world = if simulated {
        " (the simulated world: its pictures and rewards are no models')"
    } else {
        ""
    };
    eprintln!("serving into {}{world}; Ctrl-C stops", args.out);
    let signals = env.spawn(signals(env.clone(), opened, bound.stopper()));
    let result = bound.run().await;
    signals.abort();
    let report = result.inspect_err(|_| eprintln!("what was bought is kept in {}", args.out))?;
    let passed =
        |stage: &str| report.stages.iter().find(|s| s.stage == stage).map_or(0, |s| s.passed);
    let rows: Vec<String> =
        report.stages.iter().map(|s| format!("{} {}", passed(&s.stage), s.stage)).collect();
    eprintln!("{}; ${:.4} in this process; {}", rows.join(", "), report.cost_usd, args.out);
    Ok(Done::Well)
}

fn changed(out: &str, error: &RunError) -> anyhow::Error {
    let RunError::Changed { differences, .. } = error else { return anyhow::anyhow!("{error}") };
    anyhow::anyhow!(
        "{error}: {}\n  choose a new `--out`, or say `--into-changed-pipeline` to go on in {out} (calls \
         that are the same are not bought again; the rows of before go)",
        differences.join("; ")
    )
}

async fn signals(env: Env, opened: Option<Signals>, stop: watch::Sender<bool>) {
    let Some(mut signals) = opened else { return };
    signals.next().await;
    eprintln!(
        "stopping: no request is admitted, what was admitted is answered; once more stops at once"
    );
    stop.send_replace(true);
    signals.next().await;
    eprintln!("stopping at once: what was journaled is kept");
    env.shutdown().request(Phase::Aborting);
}
