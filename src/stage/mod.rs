//! Stages: what each step does to a record. One file a kind (`kinds/`), one table of kinds.
//!
//! A stage is a function of a record and of model replies, and `Cx` is its only door to the world; so it
//! can be run again, in any order, with the journal answering. `plan` says what a stage file looks like,
//! `run` how records get from stage to stage.

pub mod agent;
mod ask;
mod canary;
mod checklist;
mod compile;
mod contract;
mod cx;
mod document;
mod does;
mod facts;
mod grammar;
mod hint;
mod judging;
mod kind;
mod kinds;
mod looks;
mod params;
mod scoring;
mod teaching;

pub use compile::{Compile, Files, Role, RoleKind};
pub use contract::{
    Each, Gather, Ruling, Sealed, Sink, SinkCx, Source, SourceCx, SourceItem, Stage, StageError,
    Step, To,
};
pub use cx::{Cx, Used};
pub use does::{Does, Kinds};
pub use facts::Facts;
pub use grammar::{Call, Fault, parse_call};
pub use judging::read_judgement;
pub use kind::{Arity, Kind, Param, Port, Reason, Ty, Wants, kind};
pub use kinds::{KINDS, POOL_KIND, QUOTA_KIND, SCORE_KIND, WRITTEN_PROMPTS, draw};
pub use looks::PURE;
pub use params::{Params, Value, value_of, value_of_text};
