//! `coldstart judges`: what each judge of a RUN is worth, and the file by which the next run knows it.

use crate::archive::RunDir;
use crate::audit::judges::judges;
use crate::audit::show::judges_text;
use crate::cli::Done;
use crate::cli::calibrate::labels;
use crate::cli::shared::{Format, block_on, print_json};
use anyhow::Context;
use std::path::PathBuf;

/// Say what each judge of a RUN is worth: sensitivity, specificity, repeats, place bias, by kind of
/// question
///
/// Learned from how the looks of the RUN disagree, from canaries and from people's labels. Needs
/// stages that add up looks (`judge = [..]`). A pilot's judges are written with `--write` and read by
/// the next run (parameter `worth`, `data/judges.toml`), in whose manifest they then are.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The RUN: a directory or a URI
    #[arg(default_value = "runs/demo")]
    run: String,
    /// Labels as JSON lines (see `calibrate`); without it, the viewer's labels
    #[arg(long, value_name = "FILE")]
    labels: Vec<PathBuf>,
    /// Write what was learned, as `data/judges.toml` has it
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    block_on(async {
        let run = RunDir::open(&args.run).await?;
        let found = judges(&run, &labels(&run, &args.labels).await?).await?;
        if found.fit.judges.is_empty() {
            anyhow::bail!(
                "`{}` holds no looks: no stage of it has `judge = [..]`, by which several looks are \
                 taken at a picture",
                args.run
            );
        }
        if let Some(path) = &args.write {
            let text = found.to_toml(&args.run)?;
            std::fs::write(path, text).with_context(|| format!("`{}`", path.display()))?;
            eprintln!("written to `{}`; a run reads `data/judges.toml`", path.display());
        }
        match args.format {
            Format::Json => print_json(&found)?,
            Format::Text => {
                print!("{}", judges_text(&found));
                Done::Well
            }
        };
        Ok(if found.warnings.is_empty() { Done::Well } else { Done::Findings })
    })
}
