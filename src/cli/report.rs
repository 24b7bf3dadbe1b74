//! `coldstart report`: the audit as one HTML page.

use crate::archive::RunDir;
use crate::audit::gather::Depth;
use crate::audit::site::TRAJECTORIES;
use crate::audit::{Published, Wanted, publish};
use crate::cli::Done;
use crate::cli::shared::block_on;
use crate::record::Id;
use crate::sim::truth::truth;
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
    let Published { files, report } = block_on(async {
        let run = RunDir::open(&args.run).await?;
        let depth = if args.full { Depth::Full } else { Depth::Quick };
        let published = args.publish.is_some();
        let count = args.samples.unwrap_or(if published { 24 } else { 6 });
        let wanted = Wanted { count, published };
        Ok(publish(&run, &args.run, depth, wanted, truth()).await?)
    })?;
    let place = |name: &str| match &args.publish {
        Some(folder) => folder.join(name),
        None => args.out.clone(),
    };
    if let Some(folder) = &args.publish {
        clear(folder)?;
    }
    for (name, text) in &files {
        let path = place(name);
        std::fs::write(&path, text)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    println!("{}", place(&files[0].0).display());
    let bytes: usize = files.iter().map(|(_, text)| text.len()).sum();
    let found = report.findings.len();
    eprintln!("{} pages, {} KB; {found} findings", files.len(), bytes / 1000);
    Ok(if report.broken() { Done::Findings } else { Done::Well })
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
