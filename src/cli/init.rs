//! `coldstart init`: the built-in project written out to be changed, and what has been changed since.

use crate::audit::text_diffs;
use crate::cli::Done;
use crate::cli::shared::{DEFAULT_PIPELINE, Format, print_json};
use crate::plan::written::{WriteError, changes, write_out};
use std::path::{Path, PathBuf};

/// Write the built-in project out to be changed, or say what a project has changed
///
/// Writes stages, templates and data, with a README, a `.gitignore`, an endpoints file and ten prompts
/// to begin with. No file that is there is written over: then nothing is written at all.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project's folder; it is made if it is not there
    dir: PathBuf,
    /// Write only these pipelines (default: all)
    #[arg(long, value_name = "NAME")]
    pipeline: Vec<String>,
    /// Write nothing: say what DIR has changed (and the lines), added or lacks against the built-in project
    #[arg(long)]
    diff: bool,
    /// How `--diff` prints
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    if args.diff { diff(&args) } else { write(&args) }
}

/// A verb's first words: the default pipeline needs no name, if it is among those that are written.
fn command(verb: &str, pipelines: &[String]) -> String {
    match pipelines.first() {
        Some(first) if !pipelines.iter().any(|name| name == DEFAULT_PIPELINE) => {
            format!("coldstart {verb} {first}")
        }
        _ => format!("coldstart {verb}"),
    }
}

fn write(args: &Args) -> anyhow::Result<Done> {
    let dir = args.dir.as_path();
    let (run, check) = (command("run", &args.pipeline), command("check", &args.pipeline));
    let files = match write_out(dir, &args.pipeline, &run, &check) {
        Err(WriteError::Taken { paths }) => return Err(taken(dir, &paths)),
        written => written?,
    };
    let there =
        if dir == Path::new(".") { String::new() } else { format!("cd {} && ", dir.display()) };
    eprintln!(
        "wrote {files} files to {}; `{there}{run}` tries it on the simulated world, README.md says the rest",
        dir.display(),
    );
    Ok(Done::Well)
}

fn taken(dir: &Path, paths: &[PathBuf]) -> anyhow::Error {
    let others = match paths.len() {
        0 | 1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    anyhow::anyhow!(
        "{}{others}: nothing was written\n  choose a folder without them, or ask `coldstart init --diff \
         {}` what has changed in it",
        WriteError::Taken { paths: paths.to_vec() },
        dir.display()
    )
}

fn diff(args: &Args) -> anyhow::Result<Done> {
    let found = match changes(&args.dir, &args.pipeline) {
        Err(error @ WriteError::NoProject { .. }) => {
            anyhow::bail!("{error}\n  `coldstart init DIR` makes one")
        }
        found => found?,
    };
    if args.format == Format::Json {
        return print_json(&found);
    }
    let lists = [("changed", &found.changed), ("added", &found.added), ("missing", &found.missing)];
    for (word, paths) in lists {
        paths.iter().for_each(|path| println!("{word:<8}  {path}"));
    }
    // `-` as it is built in, `+` as it is here.
    for diff in text_diffs(&found.texts[0], &found.texts[1]) {
        println!("\n{}", diff.path);
        diff.lines.iter().for_each(|line| println!("  {line}"));
    }
    if found.is_empty() {
        eprintln!("no difference from the built-in project of this version");
    }
    Ok(Done::Well)
}
