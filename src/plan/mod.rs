//! The plan: stage files become a checked graph, with every error at once.
//!
//! It holds the project's files, the raw and the checked form of a pipeline, the manifest of a run,
//! and the drawing of the graph. `compile` is the only way from files to a `Plan`, for `check` and
//! for `run` alike; what the user wrote (`raw`) and what will run (`Plan`) are different types.

mod asks;
mod check;
mod draw;
mod endpoints_file;
mod graph;
mod manifest;
mod overrides;
mod project;
mod raw;
mod roles;
pub mod written;

pub use check::{Compiled, compile};
pub use draw::{Counts, dot, mermaid, text};
pub use graph::{Edge, Plan, PlanStage};
pub use manifest::{Manifest, ManifestError, ManifestStage};
pub use overrides::{Flag, Overrides};
pub use project::{Home, Project, ProjectBase, ProjectError};
