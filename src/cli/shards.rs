//! `coldstart shards`: which shards of a RUN are done, running or missing.

use crate::archive::{self, ArchiveError};
use crate::cli::Done;
use crate::cli::shared::{Format, block_on, print_json};
use crate::env::Env;
use crate::run::shards::overview;
use crate::store::{Layout, Store};
use anyhow::bail;

/// Which shards of a RUN are done, running or missing
///
/// Exits with 0 when all are done and with 1 until then, so that a script knows when to assemble.
/// `--array` prints the missing ones as `sbatch --array=` takes them. One that was lost without a word
/// counts as running for a minute and a half.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The RUN
    run: String,
    /// Only the missing shards, as an array expression: `3,7,12-14`
    #[arg(long)]
    array: bool,
    /// How to print the answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    block_on(tell(args))
}

async fn tell(args: Args) -> anyhow::Result<Done> {
    let store = Store::open(&args.run)?;
    let manifest = match archive::manifest(&store).await {
        Err(ArchiveError::NoManifest { .. }) => {
            bail!("`{}` is no RUN: it has no {}", args.run, Layout::MANIFEST)
        }
        manifest => manifest?,
    };
    let now_ms = Env::real().unix_ms();
    let Some(found) = overview(&store, &manifest.digest, now_ms).await? else {
        bail!("`{}` has no shards: it is run as a whole", args.run)
    };
    let end = if found.done == found.shards.len() { Done::Well } else { Done::Findings };
    if args.format == Format::Json {
        print_json(&found)?;
        return Ok(end);
    }
    if args.array {
        println!("{}", found.array);
        return Ok(end);
    }
    print!("{}", found.text(now_ms));
    Ok(end)
}
