//! An export loaded by its trainer's own code, in whatever Python has it.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SCRIPT: &str = include_str!("../../../data/export/loaders.py");

/// Why an export was not loaded; one that was and does not hold is no error.
#[derive(Debug, thiserror::Error)]
pub enum LoaderError {
    #[error("`{path}`")]
    File {
        path: String,
        #[source]
        cause: std::io::Error,
    },
    /// `export.json` is none.
    #[error("`{path}`")]
    Account {
        path: String,
        #[source]
        cause: serde_json::Error,
    },
    /// Python did not come to its end: a signal stopped it.
    #[error("`{python}` was stopped")]
    Stopped { python: String },
}

/// Has `python` load the export in `folder`, a directory, as its format's trainer does with the tokenizer
/// of `model` (a folder, or a name on the hub). What is loaded is told on the process's own stdout, in
/// colours where `colour` says so; true where all of it holds.
pub fn load(folder: &Path, python: &Path, model: &str, colour: bool) -> Result<bool, LoaderError> {
    let at = |path: &Path| path.display().to_string();
    let file = |path: &Path| {
        let path = at(path);
        |cause| LoaderError::File { path, cause }
    };
    let account = folder.join("export.json");
    let text = std::fs::read(&account).map_err(file(&account))?;
    let form: serde_json::Value = serde_json::from_slice(&text)
        .map_err(|cause| LoaderError::Account { path: at(&account), cause })?;
    let form = form["format"].as_str().unwrap_or_default();
    let folder = std::path::absolute(folder).map_err(file(folder))?;
    let colour = if colour { "yes" } else { "no" };
    let args =
        [OsStr::new("-"), folder.as_os_str(), form.as_ref(), model.as_ref(), colour.as_ref()];
    let mut child =
        Command::new(python).args(args).stdin(Stdio::piped()).spawn().map_err(file(python))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(SCRIPT.as_bytes()).map_err(file(python))?;
    }
    let status = child.wait().map_err(file(python))?;
    let stopped = || LoaderError::Stopped { python: at(python) };
    status.code().map(|code| code == 0).ok_or_else(stopped)
}

/// The Python of the environment at hand: an activated one's, else the first on the path.
pub fn find_python() -> Option<PathBuf> {
    let active = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(std::env::var_os);
    let active = active.map(|folder| PathBuf::from(folder).join("bin/python"));
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let named = ["python3", "python"];
    let on_path = named.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    active.chain(on_path).find(|python| python.is_file())
}
