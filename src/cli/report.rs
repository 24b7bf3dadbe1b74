//! `coldstart report`: the audit as one HTML page.

use crate::archive::RunDir;
use crate::audit::deep;
use crate::audit::gather::{Depth, gather};
use crate::audit::site::{TRAJECTORIES, site};
use crate::audit::table::{read, tables};
use crate::audit::{AuditReport, Page, Wanted, page, samples};
use crate::cli::Done;
use crate::cli::shared::block_on;
use crate::cli::table::truth;
use crate::record::Id;
use crate::stage::Does;
use anyhow::Context;
use std::path::{Path, PathBuf};

/// Write the audit of a RUN as one self-contained HTML page, or as a folder of them
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The RUN: a directory or a URI
    #[arg(default_value = "runs/demo")]
    run: String,
    #[arg(long, default_value = "report.html", value_name = "FILE")]
    out: PathBuf,
    /// Write a folder instead: index.html, and a page for each trajectory that is shown, with its
    /// pictures, turns, decisions and calls
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    publish: Option<PathBuf>,
    /// How many trajectories to show with their pictures (default: 6; 24 where they have pages)
    #[arg(long, value_name = "N")]
    samples: Option<usize>,
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
        let published = args.publish.is_some();
        let count = args.samples.unwrap_or(if published { 24 } else { 6 });
        let wanted = Wanted { count, published };
        let samples = samples(&run, &journal, &facts, wanted, Some(truth())).await?;
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
            published,
        };
        let files = match &args.publish {
            Some(folder) => {
                clear(folder)?;
                site(&made).into_iter().map(|(name, text)| (folder.join(name), text)).collect()
            }
            None => vec![(args.out.clone(), page(&made))],
        };
        for (path, text) in &files {
            std::fs::write(path, text)
                .with_context(|| format!("cannot write `{}`", path.display()))?;
        }
        println!("{}", files[0].0.display());
        let bytes: usize = files.iter().map(|(_, text)| text.len()).sum();
        let found = report.findings.len();
        eprintln!("{} pages, {} KB; {found} findings", files.len(), bytes / 1000);
        Ok(if report.broken() { Done::Findings } else { Done::Well })
    })
}

/// Makes the folder, and takes away the trajectories of an earlier report: links lead to none of them.
fn clear(folder: &Path) -> anyhow::Result<()> {
    let pages = folder.join(TRAJECTORIES);
    let make = || -> std::io::Result<()> {
        std::fs::create_dir_all(&pages)?;
        for entry in std::fs::read_dir(&pages)? {
            let path = entry?.path();
            let id = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let ours = id.parse::<Id>().is_ok() && path.extension().is_some_and(|e| e == "html");
            if ours {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    };
    make().with_context(|| format!("cannot write into `{}`", folder.display()))
}
