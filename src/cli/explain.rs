//! `coldstart explain`: one record's whole life.

use crate::audit::lineage::{find, life};
use crate::audit::show::life_text;
use crate::audit::{Index, Reading, RunDir};
use crate::cli::Done;
use crate::cli::audit::look;
use crate::cli::shared::{Format, block_on, print_json};
use crate::record::{Id, ImageRef};
use crate::store::Blobs;

/// Explain a record: each stage's decision with its evidence, each call, its cost
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The RUN: a directory or a URI
    run: String,
    /// The record's id, or its unique beginning
    id: String,
    /// Requests, reasoning and replies whole
    #[arg(long)]
    full: bool,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    block_on(async {
        let run = RunDir::open(&args.run).await?;
        let id = resolve(&run, &args.id).await?;
        let journal = run.journal().await?;
        let life = life(&run, &journal, &id).await?;
        let path = |image: &ImageRef| {
            let name = Blobs::name(image.digest);
            let local = run.store().local_path(&name);
            let place = local.map_or(name, |path| path.display().to_string());
            format!("{place} ({}x{} {})", image.width, image.height, image.mime.ext())
        };
        match args.format {
            Format::Text => print!("{}", life_text(&life, args.full, look(), &path)),
            Format::Json => {
                print_json(&life)?;
            }
        }
        Ok(Done::Well)
    })
}

/// A whole id needs no look at the others.
async fn resolve(run: &RunDir, text: &str) -> anyhow::Result<Id> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let index = Index::assemble(run.tables(Reading::Prompts).await?.columns);
    Ok(find(&index.records.id, text)?)
}
