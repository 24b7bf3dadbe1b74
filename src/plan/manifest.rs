//! `RUN/manifest.json`: everything that made a run, so that it can be read, compared and rerun
//! anywhere.

use crate::plan::{Overrides, Plan, Project, ProjectBase};
use crate::text::leak;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why bytes are not taken as a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(
        "it is of format {format}, written by coldstart {version}; this one ({}) reads format {}: use \
         that version or a later one, or choose another RUN",
        env!("CARGO_PKG_VERSION"),
        Manifest::FORMAT
    )]
    Newer { format: u32, version: String },
}

/// See `manifest.json`. Holds no endpoint and no key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// This layout's version.
    pub format: u32,
    /// coldstart's version.
    pub version: String,
    pub pipeline: String,
    /// `Plan::digest`.
    pub digest: String,
    pub seed: u64,
    /// Replies come from the simulated world.
    pub simulated: bool,
    /// Stages in topological order.
    pub stages: Vec<ManifestStage>,
    /// Role -> model name, of the roles in use.
    pub models: BTreeMap<String, String>,
    /// Source stage -> digest of what it reads.
    pub pools: BTreeMap<String, String>,
    /// Every text file that shaped the run, by path from the project's root.
    pub files: BTreeMap<String, String>,
    /// `--limit`, if any.
    #[serde(default)]
    pub limit: Option<u64>,
}

/// One stage, as it was run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestStage {
    pub name: String,
    pub kind: String,
    pub about: String,
    /// `stage.port` of each edge in.
    pub from: Vec<String>,
    pub ports: Vec<String>,
    /// Every parameter in force, defaults too, as TOML text.
    pub params: BTreeMap<String, String>,
}

impl Manifest {
    pub const FORMAT: u32 = 1;

    pub fn of(
        plan: &Plan,
        simulated: bool,
        pools: BTreeMap<String, String>,
        limit: Option<u64>,
    ) -> Manifest {
        let stages = plan
            .stages
            .iter()
            .enumerate()
            .map(|(index, stage)| ManifestStage {
                name: stage.name.clone(),
                kind: stage.kind.name.to_owned(),
                about: stage.about.clone(),
                from: plan
                    .edges
                    .iter()
                    .filter(|e| e.to == index)
                    .map(|e| format!("{}.{}", plan.stages[e.from].name, e.port))
                    .collect(),
                ports: stage.kind.ports.iter().map(|p| p.name.to_owned()).collect(),
                params: stage.params.iter().map(|(k, v)| (k.to_owned(), v.to_string())).collect(),
            })
            .collect();
        Manifest {
            format: Manifest::FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pipeline: plan.pipeline.clone(),
            digest: plan.digest(),
            seed: plan.seed,
            simulated,
            stages,
            models: plan.roles_used().iter().map(|r| (r.name.clone(), r.model.clone())).collect(),
            pools,
            files: plan.files.clone(),
            limit,
        }
    }

    /// Of `manifest.json`'s bytes.
    ///
    /// # Errors
    /// Written by a later version, or no manifest at all.
    pub fn parse(json: &[u8]) -> Result<Manifest, ManifestError> {
        #[derive(Deserialize)]
        struct Made {
            format: u32,
            version: String,
        }
        let made: Made = serde_json::from_slice(json)?;
        if made.format > Manifest::FORMAT {
            let version = made.version.escape_debug().to_string();
            return Err(ManifestError::Newer { format: made.format, version });
        }
        Ok(serde_json::from_slice(json)?)
    }

    /// The project as it was, for `plan::compile` (pool paths still point where they did).
    pub fn project(&self, base: &ProjectBase) -> Project {
        let mut files = self.files.clone();
        // A RUN of before the patterns were the project's own was made with the built-in ones; no one
        // looked for talk then, and that pattern file is only read where it is asked for.
        let built_in =
            [("data/leak_patterns.toml", leak::BUILT_IN), ("data/talk_patterns.toml", leak::TALK)];
        for (path, text) in built_in {
            files.entry(path.to_owned()).or_insert_with(|| text.to_owned());
        }
        Project::from_files(&self.pipeline, files, base)
    }

    /// The parameters in force, as overrides over the files: `--set`s of the run are in them.
    pub fn overrides(&self) -> Overrides {
        let set = self
            .stages
            .iter()
            .flat_map(|s| s.params.iter().map(|(k, v)| (s.name.clone(), k.clone(), v.clone())))
            .collect();
        Overrides { seed: self.seed, set, flags: Vec::new() }
    }
}
