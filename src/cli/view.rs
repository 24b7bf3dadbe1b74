//! `coldstart view`: a RUN in the browser, on this machine only.

use crate::archive::RunDir;
use crate::cli::Done;
use crate::cli::shared::block_on;
use crate::cli::table::truth;
use crate::env::{Env, Phase};
use crate::view::Viewer;
use std::io::Write;

/// View a RUN in the browser: pipeline, stages, records, pictures; label decisions
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The RUN: a directory or a URI; it may be live
    #[arg(default_value = "runs/demo")]
    run: String,
    /// The loopback port; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    block_on(async {
        let env = Env::real();
        let run = RunDir::open(&args.run).await?;
        let served = Viewer::serve_with(env.clone(), run, args.port, Some(truth())).await?;
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
