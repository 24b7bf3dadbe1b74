//! `coldstart view`: a RUN in the browser, on this machine only.

use crate::archive::RunDir;
use crate::cli::Done;
use crate::cli::shared::{ProjectArg, block_on, parse_set};
use crate::deliver::replay::again;
use crate::env::{Env, Phase};
use crate::plan::ProjectBase;
use crate::sim::truth::truth;
use crate::view::{Second, Viewer, Work, token};
use std::io::Write;
use std::path::PathBuf;
use tempfile::TempDir;

/// View a RUN in the browser, or two beside each other: pipeline, stages, records, pictures; label decisions
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The RUN: a directory or a URI; it may be live
    #[arg(default_value = "runs/demo")]
    run: String,
    /// A second RUN: both side by side by prompt, with what differs
    #[arg(value_name = "OTHER")]
    other: Option<String>,
    /// Hold the RUN against itself with another parameter, answered from its journal
    #[arg(long, value_name = "STAGE.PARAM=VALUE", value_parser = parse_set, conflicts_with = "other")]
    set: Vec<(String, String, String)>,
    #[command(flatten)]
    project: ProjectArg,
    /// The loopback port; 0 takes a free one. The same port gives the same address again
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Keep the address's token in this file (default: one a port, in this user's state folder)
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Who labels: labels are kept under this name, and nobody's replace another's
    #[arg(long = "as", value_name = "NAME", default_value = "viewer", value_parser = name)]
    annotator: String,
    /// Decisions in the labelling queue, drawn by stage, side and doubt
    #[arg(long, default_value_t = 200, value_name = "N")]
    queue: usize,
    /// Share of the queue that every annotator labels; the rest goes to whoever comes first
    #[arg(long, default_value_t = 0.2, value_name = "SHARE", value_parser = share)]
    overlap: f64,
    /// Only decisions of these stages in the queue; may be repeated
    #[arg(long, value_name = "STAGE")]
    stage: Vec<String>,
    /// The queue's seed: everybody who labels together says the same
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Make a new token: addresses given out before lead nowhere
    #[arg(long)]
    new_token: bool,
}

fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    let plain =
        !text.is_empty() && text.chars().count() <= 60 && !text.chars().any(char::is_control);
    if plain { Ok(text.to_owned()) } else { Err("a name of 1 to 60 characters".to_owned()) }
}

fn share(text: &str) -> Result<f64, String> {
    let share: Option<f64> = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a share from 0 to 1".to_owned())
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    block_on(async {
        let env = Env::real();
        let run = RunDir::open(&args.run).await?;
        for stage in &args.stage {
            run.stage(stage)?;
        }
        let project = args.project.home().into();
        let token = token(&env, args.token_file.as_deref(), args.port, args.new_token)?;
        let work = Work {
            annotator: args.annotator,
            size: args.queue,
            overlap: args.overlap,
            seed: args.seed,
            stages: args.stage,
        };
        let truth = Some(truth());
        // The folder of a replay is there as long as it is viewed.
        let (second, _folder) = beside(&env, &run, &project, (args.other, args.set)).await?;
        let served = Viewer::serve(env.clone(), run, args.port, token, work, truth, second).await?;
        // The address is data: a script may read it.
        println!("{}", served.url);
        std::io::stdout().flush()?;
        eprintln!("open it in a browser on this machine; Ctrl-C stops");
        let stop = env.clone();
        env.spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.shutdown().request(Phase::Draining);
            }
        });
        served.run().await?;
        Ok(Done::Well)
    })
}

/// What the RUN is held against: another one, or its replay with `set`, whose folder goes when it is
/// dropped.
async fn beside(
    env: &Env,
    run: &RunDir,
    project: &ProjectBase,
    (other, set): (Option<String>, Vec<(String, String, String)>),
) -> anyhow::Result<(Option<Second>, Option<TempDir>)> {
    if let Some(other) = other {
        let run = RunDir::open(&other).await?;
        return Ok((Some(Second { run, replayed: false, name: String::new() }), None));
    }
    if set.is_empty() {
        return Ok((None, None));
    }
    let again = again(env, run, project, &set).await?;
    let name = "its replay".to_owned();
    Ok((Some(Second { run: again.run, replayed: true, name }), Some(again.folder)))
}
