//! The project's files: `stages/<pipeline>/`, `templates/`, `data/`, from a folder or a manifest.

use crate::diag::Source;
use crate::stage::Files;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A project that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// With the pipelines that are there.
    #[error("no pipeline `{pipeline}`: there is no folder `{folder}`")]
    NoPipeline { pipeline: String, folder: String, known: Vec<String> },
    #[error("`{path}` cannot be read: {what}")]
    Unreadable { path: String, what: String },
}

/// Files by path from the root. Text files are read once; which ones were asked for is kept, so
/// that a manifest holds exactly what shaped the run.
#[derive(Debug)]
pub struct Project {
    pub pipeline: String,
    root: Option<PathBuf>,
    /// Texts come from `files` alone.
    frozen: bool,
    files: Mutex<BTreeMap<String, Arc<Source>>>,
    /// Digests of the binary files that were read (fingerprints), by path.
    digests: Mutex<BTreeMap<String, String>>,
}

impl Project {
    /// The pipeline `pipeline` of the project at `root`.
    pub fn open(root: &Path, pipeline: &str) -> Result<Project, ProjectError> {
        let folder = root.join("stages").join(pipeline);
        let safe = !pipeline.is_empty()
            && pipeline.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !safe || !folder.is_dir() {
            return Err(ProjectError::NoPipeline {
                pipeline: pipeline.to_owned(),
                folder: folder.display().to_string(),
                known: folders(&root.join("stages")),
            });
        }
        let project = Project {
            pipeline: pipeline.to_owned(),
            root: Some(root.to_owned()),
            frozen: false,
            files: Mutex::default(),
            digests: Mutex::default(),
        };
        for path in project.list(&format!("stages/{pipeline}")) {
            if path.ends_with(".toml") && project.text(&path).is_none() {
                let what = "not readable as UTF-8 text".to_owned();
                return Err(ProjectError::Unreadable { path, what });
            }
        }
        Ok(project)
    }

    /// From texts by path, as a manifest keeps them. Binary files (fingerprints), which a manifest
    /// only names by digest, are read under `root`, if there is one.
    pub fn from_files(
        pipeline: &str,
        files: BTreeMap<String, String>,
        root: Option<&Path>,
    ) -> Project {
        let files = files
            .into_iter()
            .map(|(path, text)| (path.clone(), Arc::new(Source { path, text })))
            .collect();
        Project {
            pipeline: pipeline.to_owned(),
            root: root.map(Path::to_owned),
            frozen: true,
            files: Mutex::new(files),
            digests: Mutex::default(),
        }
    }

    /// Every file that was asked for so far: texts whole, binary files as their digest.
    pub fn used(&self) -> BTreeMap<String, String> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        let texts = files.iter().map(|(path, source)| (path.clone(), source.text.clone()));
        texts.chain(digests.clone()).collect()
    }

    /// Where relative paths of the stages (a pool, fingerprints) start.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// Whether a text under `folder` is among `files`.
    fn holds(&self, folder: &str) -> bool {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let prefix = format!("{folder}/");
        files.values().any(|f| f.path.starts_with(&prefix) && !f.text.starts_with("blake3 "))
    }

    fn resolve(&self, path: &str) -> Option<PathBuf> {
        let relative = Path::new(path);
        let plain = relative.components().all(|c| matches!(c, std::path::Component::Normal(_)));
        Some(self.root.as_ref().filter(|_| plain)?.join(relative))
    }
}

impl Files for Project {
    fn text(&self, path: &str) -> Option<Arc<Source>> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = files.get(path) {
            return Some(found.clone());
        }
        if self.frozen {
            return None;
        }
        let text = std::fs::read_to_string(self.resolve(path)?).ok()?;
        let source = Arc::new(Source { path: path.to_owned(), text });
        files.insert(path.to_owned(), source.clone());
        Some(source)
    }

    fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        let bytes = std::fs::read(self.resolve(path)?).ok()?;
        let digest = format!("blake3 {}", crate::record::Digest::of(&bytes));
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        digests.insert(path.to_owned(), digest);
        Some(bytes)
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let dir = self.resolve(folder);
        let Some(dir) = dir.filter(|dir| !self.frozen || !self.holds(folder) && dir.is_dir())
        else {
            let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            let prefix = format!("{folder}/");
            return files.keys().filter(|p| p.starts_with(&prefix)).cloned().collect();
        };
        let mut names: Vec<String> = std::fs::read_dir(dir)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .map(|name| format!("{folder}/{name}"))
            .collect();
        names.sort();
        names
    }

    fn place(&self, path: &str, typed: bool) -> String {
        match self.resolve(path).filter(|_| !(typed && Path::new(path).exists())) {
            Some(there) if self.root() != Some(Path::new(".")) && there.exists() => {
                there.display().to_string()
            }
            _ => path.to_owned(),
        }
    }
}

fn folders(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok())
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}
