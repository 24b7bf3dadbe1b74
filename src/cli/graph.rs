//! `coldstart graph`: the pipeline's graph as text, Mermaid or Graphviz.

use crate::archive::{RunDir, passages};
use crate::cli::Done;
use crate::cli::shared::{PipelineArgs, block_on, compile_or_tell, print_json};
use crate::plan::{self, Counts, Manifest};

/// Draw a pipeline's graph, with counts on the edges where a RUN has them
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pipeline: PipelineArgs,
    #[arg(long, value_enum, default_value = "text")]
    format: GraphFormat,
    /// Take graph and counts from this RUN instead
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum GraphFormat {
    Text,
    Mermaid,
    Dot,
    Json,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    let (manifest, counts) = match &args.run {
        Some(run) => block_on(async { Ok(passages(&RunDir::open(run).await?).await?) })?,
        None => {
            let project = args.pipeline.open()?;
            let Some(plan) = compile_or_tell(&project, &args.pipeline.overrides()) else {
                return Ok(Done::Findings);
            };
            (Manifest::of(&plan, false, Default::default(), None), Counts::new())
        }
    };
    match args.format {
        GraphFormat::Text => print!("{}", plan::text(&manifest, &counts)),
        GraphFormat::Mermaid => print!("{}", plan::mermaid(&manifest, &counts)),
        GraphFormat::Dot => print!("{}", plan::dot(&manifest, &counts)),
        GraphFormat::Json => return print_json(&manifest.stages),
    }
    Ok(Done::Well)
}
