//! The built-in project written out to be changed, and what a project has changed in it.
//!
//! Beside stages, templates and data a new project has a README, a `.gitignore`, an endpoints file and ten
//! prompts to begin with.

use crate::builtin;
use crate::call::endpoints::example;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Why a project was not written, or cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("there is no pipeline `{name}`\n  built in: {}", .known.join(", "))]
    NoPipeline { name: String, known: Vec<String> },
    /// Files of a project are there; nothing was written.
    #[error("`{}` is there already", .paths.first().map(|path| path.display().to_string()).unwrap_or_default())]
    Taken { paths: Vec<PathBuf> },
    /// The folder holds no `stages/`.
    #[error("`{dir}` is no project: it holds no `stages/`")]
    NoProject { dir: String },
    #[error("`{path}`")]
    File {
        path: String,
        #[source]
        cause: std::io::Error,
    },
}

/// What a new project has beside the built-in files.
const BESIDE: &[(&str, &str)] = &[
    ("README.md", include_str!("written/README.md")),
    (".gitignore", include_str!("written/gitignore")),
    ("prompts.jsonl", include_str!("written/prompts.jsonl")),
];
const ENDPOINTS: &str = "endpoints.toml";

/// The built-in project's files, by path from its root; with names in `pipelines` only those of these.
fn files_of(pipelines: &[String]) -> Result<Vec<(String, &'static [u8])>, WriteError> {
    let known = builtin::pipelines();
    if let Some(name) = pipelines.iter().find(|name| !known.contains(name)) {
        return Err(WriteError::NoPipeline { name: name.clone(), known });
    }
    let wanted = |path: &str| pipelines.is_empty() || of_pipelines(path, pipelines);
    Ok(builtin::files().into_iter().filter(|(path, _)| wanted(path)).collect())
}

/// Whether a file belongs to one of the pipelines, or to all.
fn of_pipelines(path: &str, pipelines: &[String]) -> bool {
    match path.strip_prefix("stages/").and_then(|rest| rest.split('/').next()) {
        Some(of) => pipelines.iter().any(|pipeline| pipeline == of),
        None => true,
    }
}

/// Writes the built-in project (with names in `pipelines` only these) into `dir`, and says how many files
/// it has. `run` and `check` stand for `coldstart run` and `coldstart check` in its README. Where one of
/// the files is there already, nothing is written.
pub fn write_out(
    dir: &Path,
    pipelines: &[String],
    run: &str,
    check: &str,
) -> Result<usize, WriteError> {
    let named = |text: &str| text.replace("coldstart run", run).replace("coldstart check", check);
    let beside = BESIDE.iter().map(|(name, text)| ((*name).to_owned(), named(text).into_bytes()));
    let endpoints = example("local").unwrap_or_default();
    let files = files_of(pipelines)?.into_iter().map(|(name, bytes)| (name, bytes.to_vec()));
    let all: Vec<(String, Vec<u8>)> =
        files.chain(beside).chain([(ENDPOINTS.to_owned(), endpoints.into())]).collect();
    let paths: Vec<PathBuf> =
        all.iter().map(|(name, _)| dir.join(name)).filter(|path| path.exists()).collect();
    if !paths.is_empty() {
        return Err(WriteError::Taken { paths });
    }
    for (name, bytes) in &all {
        let path = dir.join(name);
        let folder = path.parent().unwrap_or(dir);
        std::fs::create_dir_all(folder).map_err(at(folder))?;
        std::fs::write(&path, bytes).map_err(at(&path))?;
    }
    Ok(all.len())
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> WriteError {
    let path = path.display().to_string();
    |cause| WriteError::File { path, cause }
}

/// A project against the built-in one, by path.
#[derive(Debug, Default, serde::Serialize)]
pub struct Changes {
    pub changed: Vec<String>,
    /// Stage files and templates that the built-in project does not have.
    pub added: Vec<String>,
    pub missing: Vec<String>,
    /// The texts of the changed files, as they are built in and as they are here; fingerprints have none.
    #[serde(skip)]
    pub texts: [BTreeMap<String, String>; 2],
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        [&self.changed, &self.added, &self.missing].into_iter().all(Vec::is_empty)
    }
}

/// What the project in `dir` has changed, added or lacks; with names in `pipelines` only of these. A
/// pipeline that was never written out is not missed.
pub fn changes(dir: &Path, pipelines: &[String]) -> Result<Changes, WriteError> {
    if !dir.join("stages").is_dir() {
        return Err(WriteError::NoProject { dir: dir.display().to_string() });
    }
    let files = files_of(pipelines)?;
    let mut found = Changes::default();
    let whole: BTreeSet<&str> =
        files.iter().map(|(p, _)| folder_of(p)).filter(|f| dir.join(f).is_dir()).collect();
    for (path, bytes) in &files {
        match std::fs::read(dir.join(path)) {
            Ok(there) if there == *bytes => {}
            Ok(there) => {
                found.changed.push(path.clone());
                if let (Ok(built), Ok(own)) = (std::str::from_utf8(bytes), String::from_utf8(there))
                {
                    found.texts[0].insert(path.clone(), built.to_owned());
                    found.texts[1].insert(path.clone(), own);
                }
            }
            Err(_) if whole.contains(folder_of(path)) => found.missing.push(path.clone()),
            Err(_) => {}
        }
    }
    let known: BTreeSet<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    for top in ["stages", "templates"] {
        collect(dir, Path::new(top), &mut found.added)?;
    }
    found.added.retain(|path| !known.contains(path.as_str()));
    found.added.sort();
    Ok(found)
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn collect(root: &Path, below: &Path, out: &mut Vec<String>) -> Result<(), WriteError> {
    let folder = root.join(below);
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(&folder).map_err(at(&folder))? {
        let path = below.join(entry.map_err(at(&folder))?.file_name());
        if root.join(&path).is_dir() {
            collect(root, &path, out)?;
        } else {
            let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
            out.push(parts.join("/"));
        }
    }
    Ok(())
}
