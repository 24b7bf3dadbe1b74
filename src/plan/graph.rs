//! The checked graph.

use crate::diag::SourceFile;
use crate::stage::{Kind, Params, Role, Stage};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An edge: out of a stage by a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Index into `Plan::stages`.
    pub from: usize,
    pub port: &'static str,
    /// Index into `Plan::stages`.
    pub to: usize,
}

/// A stage that will run.
pub struct PlanStage {
    pub name: String,
    pub about: String,
    pub kind: &'static Kind,
    pub params: Params,
    pub stage: Stage,
    pub source: Arc<SourceFile>,
}

/// What `run` walks. Stages are in topological order.
pub struct Plan {
    pub pipeline: String,
    pub seed: u64,
    pub stages: Vec<PlanStage>,
    pub edges: Vec<Edge>,
    pub roles: BTreeMap<String, Role>,
    /// Text files that shaped it, by path.
    pub files: BTreeMap<String, String>,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.stages.iter().map(|s| s.name.as_str()).collect();
        write!(f, "Plan({}: {names:?})", self.pipeline)
    }
}

impl Plan {
    /// Where records go that leave `from` by `port`.
    pub fn next(&self, from: usize, port: &str) -> impl Iterator<Item = usize> {
        self.edges.iter().filter(move |e| e.from == from && e.port == port).map(|e| e.to)
    }

    /// Roles that stages use, sorted.
    pub fn roles_used(&self) -> Vec<&Role> {
        let mut names: Vec<&str> = Vec::new();
        for stage in &self.stages {
            names.extend(stage.kind.roles(&stage.params).map(|(_, role, _)| role));
        }
        self.roles.values().filter(|role| names.contains(&role.name.as_str())).collect()
    }

    /// The pipeline's identity: every file that shapes the data, every parameter in force, roles
    /// and seed. Endpoints are not in it.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("coldstart 2026 pipeline v1");
        let mut put = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        put(&self.pipeline);
        put(&self.seed.to_string());
        for (path, text) in &self.files {
            put(path);
            put(text);
        }
        for stage in &self.stages {
            put(&stage.name);
            for (name, value) in stage.params.iter() {
                put(name);
                put(&value.to_string());
            }
        }
        hasher.finalize().to_hex().to_string()
    }
}
