//! People's labels: read from files, and their way to and from other tools.

use crate::archive::RunDir;
use crate::archive::labels::{Label, latest, parse};
use crate::audit::Index;
use crate::audit::labelling::{self, Imported};
use crate::cli::Done;
use crate::env::Env;
use anyhow::Context;
use std::path::{Path, PathBuf};

/// A form that labels travel in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// A label a line
    Jsonl,
    /// Argilla's records, a JSON list
    Argilla,
}

impl From<Form> for labelling::Form {
    fn from(form: Form) -> labelling::Form {
        match form {
            Form::Jsonl => labelling::Form::Jsonl,
            Form::Argilla => labelling::Form::Argilla,
        }
    }
}

/// The labels of `files`, or where there are none those of the RUN; how many lines of a file are not
/// filled in is told.
pub async fn labels(run: &RunDir, files: &[PathBuf]) -> anyhow::Result<Vec<Label>> {
    if files.is_empty() {
        return Ok(run.labels().await?);
    }
    let mut out = Vec::new();
    for path in files {
        let place = path.display().to_string();
        let bytes = std::fs::read(path).with_context(|| format!("`{place}`"))?;
        let (labels, open) = parse(&String::from_utf8_lossy(&bytes), &place)?;
        if open > 0 {
            eprintln!("`{place}`: {open} lines are not filled in");
        }
        out.extend(labels);
    }
    Ok(latest(out))
}

/// Puts a file's labels into the RUN, each under its own name, or under `by` where it has none.
pub async fn import(
    run: &RunDir,
    index: &Index,
    file: &Path,
    by: Option<&str>,
    env: &Env,
) -> anyhow::Result<Done> {
    let place = file.display().to_string();
    let bytes = std::fs::read(file).with_context(|| format!("`{place}`"))?;
    let text = String::from_utf8_lossy(&bytes);
    let Imported { kept, all, open } =
        labelling::import(run, index, &text, &place, by.unwrap_or("import"), env.unix_ms()).await?;
    anyhow::ensure!(kept > 0, "`{place}` holds no label on a decision of `{}`", run.name());
    println!("{kept} labels taken into `{}`", run.name());
    if open > 0 {
        println!("{open} records hold no answer");
    }
    if all > kept {
        println!("{} labels are on no decision of this RUN, or said again", all - kept);
    }
    Ok(Done::Well)
}
