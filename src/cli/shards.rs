//! `coldstart shards`: which shards of a RUN are done, running or missing.

use crate::archive::{self, ArchiveError};
use crate::cli::Done;
use crate::cli::shared::{Format, block_on, print_json};
use crate::env::Env;
use crate::run::shards::{Overview, ShardState, overview};
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
    for shard in &found.shards {
        println!("{:>6}  {}", shard.index, line(&shard.state, now_ms));
    }
    let Overview { of, done, running, missing, array, .. } = &found;
    println!("\n{done} done, {running} running, {missing} missing of {of}");
    if *missing > 0 {
        println!("missing: {array}");
    }
    Ok(end)
}

fn line(state: &ShardState, now_ms: u64) -> String {
    let ago = |ms: u64| format!("{} s ago", now_ms.saturating_sub(ms) / 1000);
    match state {
        ShardState::Done { finished_ms, failed: 0 } => format!("done     {}", ago(*finished_ms)),
        ShardState::Done { finished_ms, failed } => {
            format!("done     {}, {failed} records failed", ago(*finished_ms))
        }
        ShardState::Running { since_ms, seen_ms, by } => {
            format!("running  since {}, seen {}, by {by}", ago(*since_ms), ago(*seen_ms))
        }
        ShardState::Missing { seen_ms: None, .. } => "missing  never begun".to_owned(),
        ShardState::Missing { seen_ms: Some(seen), by, ended } => {
            let by = by.as_deref().filter(|by| !by.is_empty()).unwrap_or("unknown");
            let how = match ended {
                Some(ending) => format!("ended: {ending:?}"),
                None => "lost".to_owned(),
            };
            format!("missing  {how}, seen {}, by {by}", ago(*seen))
        }
    }
}
