//! `coldstart estimate`: what a dataset will take, from a finished run or from a pilot.

use crate::audit::show::fit;
use crate::cli::audit::look;
use crate::cli::shared::{Format, PipelineArgs, block_on, print_json};
use crate::cli::{Done, run};
use crate::deliver::DeliverError;
use crate::deliver::estimate::{Outlook, estimate};
use crate::deliver::text::estimate_text;
use crate::record::Ending;

/// Say what a dataset will take: prompts, calls, tokens, pictures, dollars, hours
///
/// From a finished RUN, or from a pilot of K prompts that is run first (into RUN; it stays, and
/// `coldstart run` goes on from it). Each figure has an interval that holds in nine of ten.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// The RUN to learn from
    #[arg(long, default_value = "runs/demo", value_name = "RUN")]
    run: String,
    /// Run a pilot of so many prompts of each source first
    #[arg(long, value_name = "K")]
    pilot: Option<u64>,
    /// The pilot's prompts: a file, folder or URI (default: what the pipeline's `pool` stage says)
    #[arg(long, value_name = "PATH", requires = "pilot")]
    pool: Option<String>,
    /// Spend no more than this on the pilot, in US dollars
    #[arg(long, value_name = "USD", requires = "pilot")]
    budget: Option<String>,
    /// Trajectories wanted
    #[arg(long, default_value_t = 32_000, value_name = "N")]
    target: u64,
    /// For the pilot; its prices and limits are those of the estimate
    #[arg(long, default_value = "sim", value_name = "FILE")]
    endpoints: String,
    /// Calls in flight of a role that states no `max_in_flight`
    #[arg(long, default_value_t = 64, value_name = "N")]
    in_flight: u64,
    /// At another purity of verdicts than the RUN's stages have (0.5 to 0.9999); for RUNs whose
    /// stages add up looks
    #[arg(long, value_name = "P", value_parser = purity)]
    purity: Option<f64>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

fn purity(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(purity) if (0.5..=0.9999).contains(&purity) => Ok(purity),
        _ => Err("a purity is a number from 0.5 to 0.9999".to_owned()),
    }
}

/// Runs the verb.
pub fn run(args: Args) -> anyhow::Result<Done> {
    if let Some(k) = args.pilot {
        let done = pilot(&args, k)?;
        anyhow::ensure!(done == Done::Well, "the pilot did not end well");
    }
    let endpoints = match args.endpoints.as_str() {
        "sim" => None,
        path => match run::served::read_endpoints(path)? {
            Some(endpoints) => Some(endpoints),
            None => return Ok(Done::Findings),
        },
    };
    let found = block_on(async {
        let (run, endpoints) = (&args.run, endpoints.as_ref());
        Ok(estimate(run, args.target, endpoints, args.in_flight, args.purity).await)
    })?;
    let found = found.map_err(remedied)?;
    if args.purity.is_some() && found.purity.is_none() {
        anyhow::bail!(
            "`--purity`: `{}` takes no looks that are added up; run a pilot with `judge = [..]` at its \
             stages that judge",
            args.run
        );
    }
    show(&found, endpoints.is_some(), &args)
}

fn show(found: &Outlook, priced: bool, args: &Args) -> anyhow::Result<Done> {
    if args.format == Format::Json {
        return print_json(found);
    }
    if found.simulated {
        let said = format!(
            "SIMULATED: `{}` holds replies of the simulated world; real models keep, cost and take \
             something else\n\n",
            args.run
        );
        print!("{}", fit(&said, look().width));
    }
    if priced {
        println!("prices and limits as `{}` states them\n", args.endpoints);
    }
    if let Some(dearer) = &found.purity {
        println!(
            "verdicts at {} (the RUN's stages: {}): {:.2} x the calls\n",
            dearer.wanted, dearer.of_run, dearer.calls
        );
    }
    print!("{}", estimate_text(&found.estimate, look().width));
    Ok(Done::Well)
}

fn remedied(error: DeliverError) -> anyhow::Error {
    let remedy = match &error {
        DeliverError::NoManifest { .. } => {
            "name a RUN by `--run`, or run a pilot there (`--pilot K`)"
        }
        DeliverError::NothingKept { .. } => "run a larger pilot (`--pilot K`)",
        _ => return error.into(),
    };
    anyhow::anyhow!("{error}\n  {remedy}")
}

/// The pilot is an ordinary run with a limit, by this same program.
fn pilot(args: &Args, k: u64) -> anyhow::Result<Done> {
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.args(["run", &args.pipeline.pipeline, "--limit", &k.to_string(), "--out", &args.run]);
    command.args(["--endpoints", &args.endpoints, "--seed", &args.pipeline.seed.to_string()]);
    if let Some(folder) = &args.pipeline.project.folder {
        command.arg("--project").arg(folder);
    }
    for (flag, value) in [("--pool", &args.pool), ("--budget", &args.budget)] {
        if let Some(value) = value {
            command.args([flag, value]);
        }
    }
    for (stage, param, value) in &args.pipeline.set {
        command.args(["--set", &format!("{stage}.{param}={value}")]);
    }
    // Its report is not ours: stdout stays for the estimate.
    let status = command.stdout(std::process::Stdio::null()).status()?;
    // Records that failed are part of what a pilot finds.
    let far = [Ending::Done, Ending::PartlyFailed].map(|ending| i32::from(ending.code()));
    let came = status.code().is_some_and(|code| far.contains(&code));
    Ok(if came { Done::Well } else { Done::Findings })
}
