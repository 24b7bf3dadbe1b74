//! `coldstart table`: the paper's tables and figures of runs of agents.

use crate::archive::RunDir;
use crate::audit::table::{Played, Tables, csv, markdown, read, svg, tables, text, training};
use crate::cli::Done;
use crate::cli::shared::{block_on, print_json};
use crate::sim::truth::truth;
use anyhow::Context;
use std::path::{Path, PathBuf};

/// Print the paper's Tables 1 to 5 and Figures 4 and 5 of runs of agents, with intervals; of a
/// service's RUN, Figure 6
#[derive(Debug, clap::Args)]
#[command(after_help = "Several RUNs are compared with the first, on the prompts that both have.")]
pub struct Args {
    /// RUNs whose pipelines have a stage of kind `roll_out`, or RUNs of `coldstart serve`: directories
    /// or URIs
    #[arg(required = true)]
    runs: Vec<String>,
    #[arg(long, value_enum, default_value = "text")]
    format: TableFormat,
    /// Write the figures as SVG files into this folder
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
}

/// How tables are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum TableFormat {
    Text,
    Markdown,
    Csv,
    Json,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    block_on(async {
        let (mut played, mut trained) = (Vec::new(), Vec::new());
        for uri in &args.runs {
            match training(&RunDir::open(uri).await?).await? {
                Some(rewards) => trained.push(rewards.named(uri)),
                None => played.push(of_run(uri).await?),
            }
        }
        let mut made = if played.is_empty() { Tables::default() } else { tables(&played) };
        for rewards in trained {
            rewards.into_tables(&mut made);
        }
        match args.format {
            TableFormat::Text => print!("{}", text(&made)),
            TableFormat::Markdown => print!("{}", markdown(&made)),
            TableFormat::Csv => print!("{}", csv(&made)),
            TableFormat::Json => {
                print_json(&made)?;
            }
        }
        if let Some(folder) = &args.figures {
            write_figures(folder, &made)?;
        }
        Ok(Done::Well)
    })
}

/// Prints what a run of an agent came to, at its end. Figures that cannot be made cost the run nothing.
pub async fn show(uri: &str) {
    match of_run(uri).await {
        Ok(played) => {
            print!("\n{}", text(&tables(&[played])));
            eprintln!("`coldstart table {uri}` prints this again, also beside other runs");
        }
        Err(error) => eprintln!("note: no table of these rollouts: {error:#}"),
    }
}

/// A RUN's rollouts, with the truth where the simulated world knows it.
pub async fn of_run(uri: &str) -> anyhow::Result<Played> {
    let run = RunDir::open(uri).await?;
    let mut played = read(&run, Some(truth())).await?;
    played.name = uri.to_owned();
    Ok(played)
}

fn write_figures(folder: &Path, made: &Tables) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("`{}`", folder.display()))?;
    for plot in &made.plots {
        let name = plot.name.to_lowercase().replace(' ', "_");
        let path = folder.join(format!("{name}.svg"));
        std::fs::write(&path, svg(plot).into_string())
            .with_context(|| format!("`{}`", path.display()))?;
        eprintln!("{}", path.display());
    }
    Ok(())
}
