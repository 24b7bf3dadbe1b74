//! `coldstart replay`: what would the dataset be with other parameters, from the journal alone.

use crate::cli::Done;
use crate::cli::audit::look;
use crate::cli::shared::{Format, ProjectArg, block_on, parse_set, print_json, tell};
use crate::deliver::DeliverError;
use crate::deliver::replay::{Replay, replay};
use crate::deliver::text::replay_text;
use crate::env::{Env, memory};

/// What would the dataset be with other parameters? Answered from the journal alone, as a diff
///
/// Calls that the journal does not hold are counted, not made; their records end as failed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The RUN
    run: String,
    /// Set a stage's parameter over what the RUN had, for instance `--set better.ties=keep`
    #[arg(long, value_name = "STAGE.PARAM=VALUE", value_parser = parse_set)]
    set: Vec<(String, String, String)>,
    #[command(flatten)]
    project: ProjectArg,
    /// How to print the answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    memory::give_back();
    block_on(tell_replay(args))
}

async fn tell_replay(args: Args) -> anyhow::Result<Done> {
    let home = args.project.home();
    match replay(&Env::real(), &args.run, &home.clone().into(), &args.set).await {
        Ok(found) => {
            tell(&found.warnings);
            show(&found, args.format)
        }
        Err(DeliverError::Pipeline { diagnostics, .. }) => {
            tell(&diagnostics);
            eprintln!(
                "Nothing was replayed. Files that the RUN names by digest only (fingerprints) are \
                 looked for in {home}; name the project's folder by `--project`."
            );
            Ok(Done::Findings)
        }
        Err(error @ (DeliverError::NoManifest { .. } | DeliverError::Manifest { .. })) => {
            Err(anyhow::anyhow!(
                "{error}\n  a replay needs it: it holds the pipeline that the RUN was made by; restore \
                 it from a copy"
            ))
        }
        Err(error) => Err(error.into()),
    }
}

fn show(found: &Replay, format: Format) -> anyhow::Result<Done> {
    if format == Format::Json {
        let Replay { rebuilt, diff, unbought, .. } = found;
        let (report, missing) = (&rebuilt.report, &rebuilt.missing);
        return print_json(&serde_json::json!({
            "missing_calls": missing, "report": report, "diff": diff, "unbought": unbought,
        }));
    }
    print!("{}", replay_text(found, look()));
    Ok(Done::Well)
}
