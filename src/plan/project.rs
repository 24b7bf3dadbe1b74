//! The project's files: `stages/<pipeline>/`, `templates/`, `data/`, from a folder, from a manifest,
//! or from the project that is built into the program.

use crate::builtin;
use crate::diag::SourceFile;
use crate::stage::{Files, Kinds};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A project that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// With the pipelines that are there.
    #[error("no pipeline `{pipeline}`: there is no folder `{folder}`")]
    NoPipeline { pipeline: String, folder: String, known: Vec<String> },
    #[error("`{path}` cannot be read: {what}")]
    Unreadable { path: String, what: String },
}

/// Where a project lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// The folder that holds `stages/`, `templates/` and `data/`.
    Folder(PathBuf),
    /// Inside the program.
    BuiltIn,
}

/// What the texts of a manifest are compiled on: where binary files lie, which a manifest only names by
/// digest, and what its stages may be.
#[derive(Debug, Clone)]
pub struct ProjectBase {
    pub home: Home,
    pub kinds: Kinds,
}

/// With the built-in kinds.
impl From<Home> for ProjectBase {
    fn from(home: Home) -> ProjectBase {
        ProjectBase { home, kinds: Kinds::default() }
    }
}

impl Home {
    /// The project for who works in the folder `from`: the one that was named, else `from` or the
    /// nearest folder above it that holds `stages/<pipeline>/*.toml`, else the built-in one. (A RUN
    /// holds `stages/` too, with tables and no stage files.)
    pub fn find(named: Option<&Path>, from: &Path) -> Home {
        if let Some(folder) = named {
            return Home::Folder(folder.to_owned());
        }
        if is_project(from) {
            return Home::Folder(PathBuf::from("."));
        }
        let above = from.ancestors().skip(1).find(|folder| is_project(folder));
        above.map_or(Home::BuiltIn, |folder| Home::Folder(folder.to_owned()))
    }
}

impl std::fmt::Display for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Home::Folder(folder) => write!(f, "the project at `{}`", folder.display()),
            Home::BuiltIn => f.write_str("the built-in project"),
        }
    }
}

fn is_project(folder: &Path) -> bool {
    let stages = folder.join("stages");
    folders(&stages).iter().any(|pipeline| {
        let entries = std::fs::read_dir(stages.join(pipeline)).into_iter().flatten();
        entries.flatten().any(|entry| entry.path().extension().is_some_and(|e| e == "toml"))
    })
}

/// Files by path from the root. Text files are read once; which ones were asked for is kept, so
/// that a manifest holds exactly what shaped the run.
#[derive(Debug)]
pub struct Project {
    pub pipeline: String,
    /// What its stages may be; the built-in kinds, if nothing else is said.
    pub kinds: Kinds,
    home: Option<Home>,
    /// Texts come from `files` alone.
    frozen: bool,
    files: Mutex<BTreeMap<String, Arc<SourceFile>>>,
    /// Digests of the binary files that were read (fingerprints), by path.
    digests: Mutex<BTreeMap<String, String>>,
}

impl Project {
    /// The pipeline `pipeline` of the project at `home`.
    ///
    /// # Errors
    /// No such pipeline there, or a stage file that is no text.
    pub fn open(home: &Home, pipeline: &str) -> Result<Project, ProjectError> {
        let (folder, known) = match home {
            Home::Folder(root) => {
                let stages = root.join("stages");
                (stages.join(pipeline).display().to_string(), folders(&stages))
            }
            Home::BuiltIn => (format!("stages/{pipeline}"), builtin::pipelines()),
        };
        let safe = !pipeline.is_empty()
            && pipeline.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !safe || !known.iter().any(|name| name == pipeline) {
            let pipeline = pipeline.to_owned();
            return Err(ProjectError::NoPipeline { pipeline, folder, known });
        }
        let project = Project {
            pipeline: pipeline.to_owned(),
            kinds: Kinds::default(),
            home: Some(home.clone()),
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

    /// From texts by path, as a manifest keeps them. Binary files (fingerprints) are read at the home of
    /// `base`; the built-in ones are taken where they are those.
    pub fn from_files(
        pipeline: &str,
        files: BTreeMap<String, String>,
        base: &ProjectBase,
    ) -> Project {
        let files = files
            .into_iter()
            .map(|(path, text)| (path.clone(), Arc::new(SourceFile { path, text })))
            .collect();
        Project {
            pipeline: pipeline.to_owned(),
            kinds: base.kinds,
            home: Some(base.home.clone()),
            frozen: true,
            files: Mutex::new(files),
            digests: Mutex::default(),
        }
    }

    /// Every file that was asked for so far: texts whole, binary files as their digest.
    pub fn used(&self) -> BTreeMap<String, String> {
        let files = self.files.lock();
        let digests = self.digests.lock();
        let texts = files.iter().map(|(path, source)| (path.clone(), source.text.clone()));
        texts.chain(digests.clone()).collect()
    }

    /// Whether a text under `folder` is among `files`.
    fn holds(&self, folder: &str) -> bool {
        let files = self.files.lock();
        let prefix = format!("{folder}/");
        files.values().any(|f| f.path.starts_with(&prefix) && !f.text.starts_with("blake3 "))
    }

    fn resolve(&self, path: &str) -> Option<PathBuf> {
        let relative = Path::new(path);
        let plain = relative.components().all(|c| matches!(c, std::path::Component::Normal(_)));
        match self.home.as_ref().filter(|_| plain)? {
            Home::Folder(root) => Some(root.join(relative)),
            Home::BuiltIn => None,
        }
    }

    fn is_built_in(&self) -> bool {
        self.home == Some(Home::BuiltIn)
    }

    /// The digest that the manifest names `path` by.
    fn expected(&self, path: &str) -> Option<String> {
        let files = self.files.lock();
        files.get(path).filter(|_| self.frozen).map(|file| file.text.clone())
    }
}

impl Files for Project {
    fn text(&self, path: &str) -> Option<Arc<SourceFile>> {
        let mut files = self.files.lock();
        if let Some(found) = files.get(path) {
            return Some(found.clone());
        }
        // What an earlier version had compiled in and a manifest of it does not hold; its stages are whole.
        if self.frozen && path.starts_with("stages/") {
            return None;
        }
        let text = match self.frozen || self.is_built_in() {
            true => std::str::from_utf8(builtin::file(path)?).ok()?.to_owned(),
            false => std::fs::read_to_string(self.resolve(path)?).ok()?,
        };
        let source = Arc::new(SourceFile { path: path.to_owned(), text });
        files.insert(path.to_owned(), source.clone());
        Some(source)
    }

    fn outside(&self, path: &str) -> Option<Arc<SourceFile>> {
        let mut files = self.files.lock();
        if let Some(found) = files.get(path) {
            return Some(found.clone());
        }
        let text = std::fs::read_to_string(path).ok().filter(|_| !self.frozen)?;
        let source = Arc::new(SourceFile { path: path.to_owned(), text });
        files.insert(path.to_owned(), source.clone());
        Some(source)
    }

    fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        let digest_of = |bytes: &[u8]| format!("blake3 {}", crate::record::Digest::of(bytes));
        let expected = self.expected(path);
        let on_disk = self.resolve(path).and_then(|path| std::fs::read(path).ok());
        let built_in = || builtin::file(path).map(<[u8]>::to_vec);
        let bytes = match (on_disk, expected) {
            (Some(bytes), Some(expected)) if digest_of(&bytes) != expected => {
                built_in().filter(|b| digest_of(b) == expected).unwrap_or(bytes)
            }
            (Some(bytes), _) => bytes,
            (None, Some(expected)) => built_in().filter(|b| digest_of(b) == expected)?,
            (None, None) if self.is_built_in() => built_in()?,
            (None, None) => return None,
        };
        let digest = digest_of(&bytes);
        let mut digests = self.digests.lock();
        digests.insert(path.to_owned(), digest);
        Some(bytes)
    }

    fn list(&self, folder: &str) -> Vec<String> {
        if self.is_built_in() && (!self.frozen || !self.holds(folder)) {
            return builtin::list(folder);
        }
        let dir = self.resolve(folder);
        let Some(dir) = dir.filter(|dir| !self.frozen || !self.holds(folder) && dir.is_dir())
        else {
            let files = self.files.lock();
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
        if typed && Path::new(path).exists() {
            return path.to_owned();
        }
        if self.is_built_in() {
            let there = builtin::file(path).is_some() || !builtin::list(path).is_empty();
            let uri = format!("{}://{}", builtin::SCHEME, path.trim_end_matches('/'));
            return if there { uri } else { path.to_owned() };
        }
        let here = self.home == Some(Home::Folder(PathBuf::from(".")));
        match self.resolve(path) {
            Some(there) if !here && there.exists() => there.display().to_string(),
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
