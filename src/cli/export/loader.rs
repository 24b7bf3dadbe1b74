//! `export --verify --loader`: the export loaded by its trainer's own code, in whatever Python has it.

use crate::cli::Done;
use crate::cli::audit::look;
use anyhow::{Context, bail};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SCRIPT: &str = include_str!("../../../data/export/loaders.py");

/// Runs the loaders over the export in `folder`, a directory.
pub fn load(folder: &str, python: Option<&Path>, model: &str) -> anyhow::Result<Done> {
    let account = Path::new(folder).join("export.json");
    let text = std::fs::read(&account).with_context(|| format!("`{}`", account.display()))?;
    let account: serde_json::Value = serde_json::from_slice(&text)?;
    let form = account["format"].as_str().unwrap_or_default();
    let python = match python {
        Some(python) => python.to_path_buf(),
        None => find().context("no Python is on the path\n  name one by `--python`")?,
    };
    let folder = std::path::absolute(folder)?;
    eprintln!("loading by {}", python.display());
    let colour = if look().colour { "yes" } else { "no" };
    let mut child = Command::new(&python)
        .arg("-")
        .arg(&folder)
        .args([form, model, colour])
        .stdin(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{}`", python.display()))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(SCRIPT.as_bytes())?;
    }
    let status = child.wait()?;
    match status.code() {
        Some(0) => Ok(Done::Well),
        Some(_) => Ok(Done::Findings),
        None => bail!("`{}` was stopped", python.display()),
    }
}

/// The Python of the environment at hand: an activated one's, else the first on the path.
fn find() -> Option<PathBuf> {
    let active = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(std::env::var_os);
    let active = active.map(|folder| PathBuf::from(folder).join("bin/python"));
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let named = ["python3", "python"];
    let on_path = named.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    active.chain(on_path).find(|python| python.is_file())
}
