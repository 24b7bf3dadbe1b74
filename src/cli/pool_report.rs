//! `coldstart pool report`: being written.
use crate::cli::Done;

/// Sizes, categories, lengths, languages, duplicates and contamination of a pool.
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_args: Args) -> anyhow::Result<Done> {
    Ok(Done::Well)
}
