//! `coldstart judges`: what each judge of a RUN is worth, and the file by which the next run knows it.

use crate::archive::RunDir;
use crate::audit::judges::{Judges, judges};
use crate::audit::show::Grid;
use crate::cli::Done;
use crate::cli::calibrate::labels;
use crate::cli::shared::{Format, block_on, print_json};
use crate::rules::fit::{Judge, Share};
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
            let text = file(&found, &args.run)?;
            std::fs::write(path, text).with_context(|| format!("`{}`", path.display()))?;
            eprintln!("written to `{}`; a run reads `data/judges.toml`", path.display());
        }
        match args.format {
            Format::Json => print_json(&found)?,
            Format::Text => {
                print!("{}", text(&found));
                Done::Well
            }
        };
        Ok(if found.warnings.is_empty() { Done::Well } else { Done::Findings })
    })
}

fn file(found: &Judges, run: &str) -> anyhow::Result<String> {
    let worths = toml::to_string(&found.fit.worths("the pilot"))?;
    Ok(format!(
        "# What the judges of `{}` were worth; by `coldstart judges --write`.\n\n{worths}",
        run.escape_debug()
    ))
}

fn text(found: &Judges) -> String {
    let fit = &found.fit;
    let mut out = format!(
        "{} questions, {} of them with a known answer (canaries, labels); the rest by how looks \
         disagree\n\n",
        fit.questions, fit.known
    );
    let mut grid = Grid::new("llrllr");
    grid.row(["judge", "kind", "answers", "sensitivity", "specificity", "repeats"]);
    fit.judges.iter().for_each(|judge| grid.row(cells(judge)));
    out += &grid.lines().join("\n");
    out += "\n\nholds before any look: ";
    let holds: Vec<String> = fit.holds.iter().map(|(kind, p)| format!("{kind} {p:.2}")).collect();
    out += &holds.join(", ");
    out.push('\n');
    for place in found.places.iter().filter(|p| p.same[0] > 0) {
        out += &format!(
            "{}: a picture held against itself {} times, one of the two called better {} times\n",
            place.stage, place.same[0], place.same[1]
        );
    }
    for place in found.places.iter().filter(|p| p.pairs > 0) {
        out += &format!(
            "{}: {} pairs, the two orders disagree on {}; {:.0} % of the answers go to the picture \
             shown first\n",
            place.stage,
            place.pairs,
            place.disagreed,
            place.first * 100.0
        );
    }
    for stamp in found.stamps.iter().filter(|s| s.looks > 0) {
        out += &format!(
            "{}: {} looks at rejected pictures, {} of them yes to everything\n",
            stamp.model, stamp.looks, stamp.all_yes
        );
    }
    found.warnings.iter().for_each(|warning| out += &format!("warning: {warning}\n"));
    out
}

fn cells(judge: &Judge) -> [String; 6] {
    let share = |s: &Share| format!("{:.3} [{:.3}, {:.3}]", s.value, s.low, s.high);
    [
        judge.model.clone(),
        judge.kind.clone().unwrap_or_else(|| "all".to_owned()),
        judge.looks.to_string(),
        share(&judge.sensitivity),
        share(&judge.specificity),
        format!("{:.1}", judge.repeat),
    ]
}
