//! `coldstart view`: a RUN in the browser, on this machine only.

mod token;

use crate::archive::RunDir;
use crate::cli::Done;
use crate::cli::shared::block_on;
use crate::env::{Env, Phase};
use crate::view::Viewer;
use std::io::Write;
use std::path::PathBuf;

/// View a RUN in the browser: pipeline, stages, records, pictures; label decisions
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The RUN: a directory or a URI; it may be live
    #[arg(default_value = "runs/demo")]
    run: String,
    /// The loopback port; 0 takes a free one. The same port gives the same address again
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Keep the address's token in this file (default: one a port, in this user's state folder)
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Make a new token: addresses given out before lead nowhere
    #[arg(long)]
    new_token: bool,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    block_on(async {
        let env = Env::real();
        let run = RunDir::open(&args.run).await?;
        let token = token::token(&env, args.token_file.as_deref(), args.port, args.new_token)?;
        let served = Viewer::serve(env.clone(), run, args.port, token).await?;
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
