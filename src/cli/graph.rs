//! `coldstart graph`: the pipeline's graph as text, Mermaid or Graphviz.

use crate::archive::{Reading, RunDir};
use crate::cli::Done;
use crate::cli::shared::{PipelineArgs, compile_or_tell, print_json};
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
        Some(run) => crate::cli::shared::block_on(from_run(run))?,
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

async fn from_run(uri: &str) -> anyhow::Result<(Manifest, Counts)> {
    let run = RunDir::open(uri).await?;
    let manifest = run.manifest().await?;
    let mut counts = Counts::new();
    for rows in &run.tables(Reading::Prompts).await?.whole()? {
        let mut by_port = vec![0; rows.names.len()];
        rows.port.iter().for_each(|port| by_port[*port as usize] += 1);
        for (port, count) in (0..).zip(by_port).filter(|(port, n)| *port > 0 && *n > 0) {
            counts.insert((rows.stage.clone(), rows.names.get(port).to_owned()), count);
        }
    }
    Ok((manifest, counts))
}
