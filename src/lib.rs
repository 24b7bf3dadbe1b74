//! coldstart builds cold-start SFT data for agents that call an image generator, look at the
//! result, judge it, reflect and call again (GenAgent, arXiv 2601.18543, section 3.2).
//!
//! The idea that explains the crate: **a dataset is a pure function of (pipeline, prompt pool,
//! journal of model calls)**. Resuming, auditing, re-sampling and byte-identical rebuilds are all
//! the same act: run the function again with the journal answering.
//!
//! Invariants, held by `tests/tidy.rs` and by the property tests:
//! 1. `record`, `markup`, `media`, `rules`, `text`, `template`, `sample`, `export`, `benchmark` are pure:
//!    no I/O, no clock, no unseeded chance.
//! 2. Only `call` knows HTTP, only `store` knows where bytes lie, only `journal` its segments,
//!    only `archive` reads a RUN, only `cli` prints.
//! 3. Stages know neither the journal nor the network: `stage::Cx` is their only door.
//! 4. `archive`, `audit` and `view` never use `run`: they read a live, dead or foreign run.
//! 5. `check` and `run` compile the plan by the same function.
//! 6. Concurrency, arrival order, retries and crashes never show in the data.
//! 7. No record is lost: per stage, in = passed + dropped (with reason) + failed (with error).
//! 8. No paid reply is lost or bought twice: a reply counts once it is durable.
//!
//! There are no re-exports at the root: a path names the module where a thing lives, so that the
//! module table stays checkable.

pub mod archive;
pub mod audit;
pub mod benchmark;
pub mod builtin;
pub mod call;
pub mod cli;
pub mod deliver;
pub mod diag;
pub mod env;
pub mod export;
pub mod journal;
pub mod markup;
pub mod media;
pub mod plan;
pub mod pool;
pub mod record;
pub mod rules;
pub mod run;
pub mod sample;
pub mod serve;
pub mod sim;
pub mod stage;
pub mod store;
pub mod template;
pub mod text;
pub mod view;
