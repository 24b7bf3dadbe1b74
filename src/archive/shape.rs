//! The pipeline a RUN was made by, as far as an auditor needs it: stages in order, kinds, edges,
//! and the texts that shaped the data.
//!
//! Reading is tolerant; who needs the whole manifest asks `RunDir::manifest`. A RUN of another version, or one whose manifest is lost,
//! can still be audited by what its tables hold; then edges are unknown and what needs them is
//! said to be unchecked.

use crate::stage::{Does, Kind, Kinds};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the manifest says.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Shape {
    pub pipeline: String,
    pub seed: Option<u64>,
    pub pool_digest: String,
    pub simulated: bool,
    /// The program's version that made the RUN.
    pub version: String,
    /// Sources before what reads them.
    pub stages: Vec<ShapeStage>,
    /// Role -> model name.
    pub models: BTreeMap<String, String>,
    /// Every text that shaped the data, by its path: stage files, templates, rules, models.
    pub texts: BTreeMap<String, String>,
    /// What is known of kinds: the built-in ones, if nothing else is said.
    #[serde(skip)]
    pub kinds: Kinds,
}

/// One stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ShapeStage {
    pub name: String,
    pub kind: String,
    pub about: String,
    /// What feeds it.
    pub from: Vec<Edge>,
    /// Empty for a sink.
    pub ports: Vec<String>,
    /// Every parameter in force, as TOML text.
    pub params: BTreeMap<String, String>,
}

/// An edge: the records that `stage` passed by one of `ports`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Edge {
    pub stage: String,
    /// The port's name.
    pub port: String,
}

impl Shape {
    pub fn stage(&self, name: &str) -> Option<&ShapeStage> {
        self.stages.iter().find(|s| s.name == name)
    }

    /// The kind of a stage; empty when unknown.
    pub fn kind(&self, name: &str) -> &str {
        self.stage(name).map_or("", |s| s.kind.as_str())
    }

    /// What the table says of a stage's kind; None where stage or kind is unknown.
    pub fn known(&self, name: &str) -> Option<&'static Kind> {
        self.kinds.get(self.kind(name))
    }

    /// What a stage does; None where stage or kind is unknown.
    pub fn does(&self, name: &str) -> Option<Does> {
        self.known(name).map(|kind| kind.does)
    }

    /// Names of the stages whose decisions a person can judge by looking, in order.
    pub fn labelled(&self) -> impl Iterator<Item = &str> {
        let names = self.stages.iter().map(|s| s.name.as_str());
        names.filter(|name| self.does(name).is_some_and(Does::can_be_labelled))
    }
}

/// `plan::Manifest` as it is read here: what is absent is empty, what is new is let through.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Lenient {
    version: String,
    pipeline: String,
    seed: Option<u64>,
    simulated: bool,
    stages: Vec<LenientStage>,
    models: BTreeMap<String, String>,
    pools: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LenientStage {
    name: String,
    kind: String,
    about: String,
    /// `stage.port`
    from: Vec<String>,
    ports: Vec<String>,
    params: BTreeMap<String, String>,
}

impl Shape {
    /// Of `manifest.json`'s bytes.
    pub fn of_manifest(json: &[u8]) -> Result<Shape, serde_json::Error> {
        let raw: Lenient = serde_json::from_slice(json)?;
        let edge = |text: String| match text.rsplit_once('.') {
            Some((stage, port)) => Edge { stage: stage.to_owned(), port: port.to_owned() },
            None => Edge { stage: text, port: String::new() },
        };
        let stage = |s: LenientStage| ShapeStage {
            name: s.name,
            kind: s.kind,
            about: s.about,
            from: s.from.into_iter().map(edge).collect(),
            ports: s.ports,
            params: s.params,
        };
        let pools: Vec<String> =
            raw.pools.iter().map(|(source, digest)| format!("{source} {digest}")).collect();
        Ok(Shape {
            pipeline: raw.pipeline,
            seed: raw.seed,
            pool_digest: pools.join(", "),
            simulated: raw.simulated,
            version: raw.version,
            stages: raw.stages.into_iter().map(stage).collect(),
            models: raw.models,
            texts: raw.files,
            kinds: Kinds::default(),
        })
    }
}
