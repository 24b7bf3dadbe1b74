//! `coldstart report`: the audit as one HTML page.

use crate::audit::deep::{Deep, StageAudit};
use crate::audit::gather::{Depth, gather};
use crate::audit::lineage::{Life, life};
use crate::audit::pictures::thumbnail;
use crate::audit::{AuditReport, Index, RunDir, Sample, page};
use crate::cli::Done;
use crate::cli::shared::block_on;
use crate::journal::ReadJournal;
use crate::record::{Disposition, Id, ImageRef};
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
        let mut stages = Vec::new();
        for stage in &run.shape.stages {
            stages.push(deep(&run, &stage.name).await?);
        }
        let journal = run.journal().await?;
        let mut samples = Vec::new();
        for id in chosen(&facts.index, args.samples) {
            samples.push(sample(&run, &journal, &id).await?);
        }
        let page = page(&report, &run.shape, &stages, &samples);
        std::fs::write(&args.out, &page)
            .map_err(|err| anyhow::anyhow!("cannot write `{}`: {err}", args.out.display()))?;
        println!("{}", args.out.display());
        eprintln!("{} KB; {} findings", page.len() / 1000, report.findings.len());
        Ok(if report.broken() { Done::Findings } else { Done::Well })
    })
}

async fn deep(run: &RunDir, stage: &str) -> anyhow::Result<StageAudit> {
    let mut deep = Deep::new(stage, run.shape.kind(stage));
    run.each(stage, &mut |row| deep.push(&row)).await?;
    Ok(deep.finish())
}

/// Records that came to the end, by keyed hash, so that the same page is made each time.
fn chosen(index: &Index, count: usize) -> Vec<Id> {
    let Some(rows) = index.stages.iter().rev().find(|rows| !rows.is_empty()) else {
        return Vec::new();
    };
    let mut ids: Vec<Id> = (0..rows.len())
        .filter(|row| rows.disposition[*row] == Disposition::Passed)
        .map(|row| index.records.id[rows.record[row] as usize])
        .collect();
    ids.sort_by_key(|id| id.keyed("report sample", 0));
    ids.truncate(count);
    ids
}

async fn sample(run: &RunDir, journal: &ReadJournal, id: &Id) -> anyhow::Result<Sample> {
    let life = life(run, journal, id).await?;
    let mut pictures = Vec::new();
    for (what, image) in named(&life) {
        // A picture that is gone is a finding of its own; the page is still made.
        if let Ok(bytes) = run.blobs().get(image.digest).await {
            pictures.extend(thumbnail(&bytes).map(|png| (what, png)));
        }
    }
    Ok(Sample { life, pictures })
}

fn named(life: &Life) -> Vec<(String, ImageRef)> {
    let rounds = life.story.rounds.iter().enumerate();
    let rounds = rounds.filter_map(|(n, r)| r.image.map(|image| (format!("I{}", n + 1), image)));
    let reference = life.story.reference.map(|image| ("reference".to_owned(), image));
    reference.into_iter().chain(rounds).collect()
}
