//! `coldstart calibrate`: decisions against people's labels, and which ones to label.

mod people;

use crate::archive::{Reading, RunDir};
use crate::audit::Index;
use crate::audit::agreement::{decisions, people, settled};
use crate::audit::calibrate::calibrate;
use crate::audit::labelling::export;
use crate::audit::sampling::{Asked, sample};
use crate::audit::show::{calibration_text, people_text};
use crate::cli::Done;
use crate::cli::audit::look;
use crate::cli::calibrate::people::{Form, import};
use crate::cli::shared::{Format, block_on, print_json};
use crate::env::Env;
use std::path::PathBuf;

pub use people::labels;

/// Hold decisions against people's labels: error rate, precision, recall, F1, kappa
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The RUN: a directory or a URI
    run: String,
    /// Labels as JSON lines: {"id", "stage", "agree": bool} or {"id", "stage", "truth":
    /// "accept"|"reject"}; may be given several times. Without it, the viewer's labels
    #[arg(long, value_name = "FILE")]
    labels: Vec<PathBuf>,
    /// Instead: how far people agree (Cohen's kappa, Krippendorff's alpha), and what is to be adjudicated
    #[arg(long)]
    agreement: bool,
    /// Instead: write the labels to stdout in this form; with --sample also what is to be labelled
    #[arg(long, value_name = "FORM", value_enum)]
    export: Option<Form>,
    /// Instead: take a file's labels into the RUN (JSON lines, or Argilla's records)
    #[arg(long, value_name = "FILE")]
    import: Option<PathBuf>,
    /// Under this name, where the file's labels have none
    #[arg(long = "as", value_name = "NAME", requires = "import")]
    by: Option<String>,
    /// Instead: write N decisions worth labelling to stdout as JSON lines
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Only these stages; else judges, pairwise, pointwise, leak filters and consistency checks
    #[arg(long, value_name = "STAGE")]
    stage: Vec<String>,
    /// The sample's seed
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    block_on(async {
        let run = RunDir::open(&args.run).await?;
        for stage in &args.stage {
            run.stage(stage)?;
        }
        let (index, _) = Index::read(&run, Reading::Prompts).await?;
        if let Some(file) = &args.import {
            return import(&run, &index, file, args.by.as_deref(), &Env::real()).await;
        }
        if let Some(form) = args.export {
            let asked =
                args.sample.map(|size| asked(&run, &index, &args, size)).unwrap_or_default();
            print!(
                "{}",
                export(&run, &index, &labels(&run, &args.labels).await?, &asked, form.into())
            );
            return Ok(Done::Well);
        }
        if args.agreement {
            let found = people(&labels(&run, &args.labels).await?, &decisions(&index, &run.shape));
            return match args.format {
                Format::Json => print_json(&found),
                Format::Text => {
                    print!("{}", people_text(&found, look()));
                    Ok(Done::Well)
                }
            };
        }
        match args.sample {
            Some(size) => draw(&run, &index, &args, size),
            None => hold(&run, &index, &args).await,
        }
    })
}

/// Decisions worth labelling.
fn asked(run: &RunDir, index: &Index, args: &Args, size: usize) -> Vec<Asked> {
    let stages: Vec<&str> = match args.stage.is_empty() {
        true => run.shape.labelled().collect(),
        false => args.stage.iter().map(String::as_str).collect(),
    };
    sample(index, &run.shape, &stages, size, args.seed)
}

fn draw(run: &RunDir, index: &Index, args: &Args, size: usize) -> anyhow::Result<Done> {
    let asked = asked(run, index, args, size);
    if asked.is_empty() {
        anyhow::bail!(
            "`{}` has no decisions that a person could judge yet, at {}",
            args.run,
            if args.stage.is_empty() { "any stage".to_owned() } else { args.stage.join(", ") }
        );
    }
    for row in &asked {
        println!("{}", serde_json::to_string(row)?);
    }
    eprintln!(
        "{} decisions; set `truth` of each to \"accept\" or \"reject\", then `calibrate --labels`",
        asked.len()
    );
    Ok(Done::Well)
}

async fn hold(run: &RunDir, index: &Index, args: &Args) -> anyhow::Result<Done> {
    let mut labels = labels(run, &args.labels).await?;
    labels.retain(|label| args.stage.is_empty() || args.stage.contains(&label.stage));
    if labels.is_empty() {
        anyhow::bail!(
            "there are no labels; make some in `coldstart view`, or fill in `calibrate --sample 200`"
        );
    }
    // Of several people's labels on a decision one counts.
    let labels = settled(&labels, &decisions(index, &run.shape));
    let all = calibrate(index, &run.shape, &labels)?;
    match args.format {
        Format::Json => print_json(&all),
        Format::Text => {
            all.iter().for_each(|calibration| print!("{}", calibration_text(calibration, look())));
            Ok(Done::Well)
        }
    }
}
