//! `coldstart report`: the audit as one HTML page.

use crate::archive::RunDir;
use crate::audit::deep;
use crate::audit::facts::Facts;
use crate::audit::gather::{Depth, gather};
use crate::audit::lineage::life_in;
use crate::audit::{AuditReport, Index, Sample, page};
use crate::cli::Done;
use crate::cli::shared::block_on;
use crate::journal::ReadJournal;
use crate::media::thumbnail;
use crate::record::{Disposition, Id};
use std::collections::BTreeMap;
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
        let mut samples = Vec::new();
        for id in chosen(&facts, args.samples) {
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

/// Rows of the dataset, each outcome in its turn, by keyed hash, so that the same page is made each
/// time; without a dataset, records that came as far as any did.
fn chosen(facts: &Facts, count: usize) -> Vec<Id> {
    let mut outcomes: BTreeMap<&str, Vec<Id>> = BTreeMap::new();
    for row in facts.dataset.iter().flat_map(|dataset| &dataset.rows) {
        outcomes.entry(&row.outcome).or_default().extend(row.id);
    }
    if outcomes.is_empty() {
        outcomes.insert("", farthest(&facts.index));
    }
    for ids in outcomes.values_mut() {
        ids.sort_by_key(|id| std::cmp::Reverse(id.keyed("report sample", 0)));
    }
    let mut out = Vec::new();
    while out.len() < count && outcomes.values().any(|ids| !ids.is_empty()) {
        out.extend(outcomes.values_mut().filter_map(Vec::pop));
    }
    out.truncate(count);
    out
}

fn farthest(index: &Index) -> Vec<Id> {
    let Some(rows) = index.stages.iter().rev().find(|rows| !rows.is_empty()) else {
        return Vec::new();
    };
    (0..rows.len())
        .filter(|row| rows.disposition[*row] == Disposition::Passed)
        .map(|row| index.records.id[rows.record[row] as usize])
        .collect()
}

async fn sample(run: &RunDir, journal: &ReadJournal, id: &Id) -> anyhow::Result<Sample> {
    let life = life_in(run, journal, id).await?;
    let mut pictures = Vec::new();
    for (what, image) in life.story.judged_pictures() {
        // A picture that is gone is a finding of its own; the page is still made.
        if let Ok(bytes) = run.blobs().get(image.digest).await {
            pictures.extend(thumbnail(&bytes).map(|png| (what, png)));
        }
    }
    Ok(Sample { life, pictures })
}
