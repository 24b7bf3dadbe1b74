//! `coldstart pool …`: what a prompt source is, what is in it, and fingerprints of evaluation sets.

use crate::cli::{Done, pool_fingerprint, pool_inspect, pool_report};
use clap::Subcommand;

/// Look into prompt pools before a run: what a path is taken for, duplicates, contamination.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Inspect(pool_inspect::Args),
    Report(pool_report::Args),
    Fingerprint(pool_fingerprint::Args),
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    match args.verb {
        Verb::Inspect(args) => pool_inspect::run(args),
        Verb::Report(args) => pool_report::run(args),
        Verb::Fingerprint(args) => pool_fingerprint::run(args),
    }
}
