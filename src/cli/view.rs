//! `coldstart view`: a RUN in the browser, on this machine only.

mod token;

use crate::archive::RunDir;
use crate::cli::Done;
use crate::cli::shared::block_on;
use crate::cli::table::truth;
use crate::env::{Env, Phase};
use crate::view::{Viewer, Work};
use std::io::Write;
use std::path::PathBuf;

/// View a RUN in the browser: pipeline, stages, records, pictures; label decisions
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The RUN: a directory or a URI; it may be live
    #[arg(default_value = "runs/demo")]
    run: String,
    /// Another RUN of the same prompts: its rollouts, tables and figures stand beside this one's
    #[arg(long, value_name = "RUN")]
    beside: Option<String>,
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
        let other = match &args.beside {
            Some(other) => Some(RunDir::open(other).await?),
            None => None,
        };
        let token = token::token(&env, args.token_file.as_deref(), args.port, args.new_token)?;
        let work = Work {
            annotator: args.annotator,
            size: args.queue,
            overlap: args.overlap,
            seed: args.seed,
            stages: args.stage,
        };
        let truth = Some(truth());
        let served = Viewer::serve(env.clone(), run, args.port, token, work, truth, other).await?;
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
