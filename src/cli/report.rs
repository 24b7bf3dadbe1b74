//! `coldstart report`: the audit as one HTML page.

use crate::archive::RunDir;
use crate::audit::deep;
use crate::audit::gather::{Depth, gather};
use crate::audit::table::{read, tables};
use crate::audit::{AuditReport, Page, page, samples};
use crate::cli::Done;
use crate::cli::shared::block_on;
use crate::cli::table::truth;
use crate::stage::Does;
use std::path::PathBuf;

/// Write the audit of a RUN as one self-contained HTML page
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The RUN: a directory or a URI
    #[arg(default_value = "runs/demo")]
    run: String,
    #[arg(long, default_value = "report.html", value_name = "FILE")]
    out: PathBuf,
    /// How many trajectories to show with their pictures
    #[arg(long, default_value_t = 6)]
    samples: usize,
    /// Read every call, picture and shard, however many there are
    #[arg(long)]
    full: bool,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    block_on(async {
        let run = RunDir::open(&args.run).await?;
        let depth = if args.full { Depth::Full } else { Depth::Quick };
        let facts = gather(&run, depth).await?;
        let report = AuditReport::of(&args.run, &facts);
        let journal = run.journal().await?;
        let (stages, _) = deep::all(&run, &journal).await?;
        let samples = samples(&run, &journal, &facts, args.samples, Some(truth())).await?;
        let tables =
            match run.shape.stages.iter().any(|s| run.shape.does(&s.name) == Some(Does::RollOut)) {
                true => Some(tables(&[read(&run, Some(truth())).await?])),
                false => None,
            };
        let made = Page {
            report: &report,
            shape: &run.shape,
            stages: &stages,
            samples: &samples,
            tables: tables.as_ref(),
        };
        let page = page(&made);
        std::fs::write(&args.out, &page)
            .map_err(|err| anyhow::anyhow!("cannot write `{}`: {err}", args.out.display()))?;
        println!("{}", args.out.display());
        eprintln!("{} KB; {} findings", page.len() / 1000, report.findings.len());
        Ok(if report.broken() { Done::Findings } else { Done::Well })
    })
}
