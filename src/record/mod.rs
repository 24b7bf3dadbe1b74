//! The typed data that flows through the pipeline: `Prompt`, `Round`, `Judgement`, `Trajectory`,
//! their ids, and the `Decision` that every stage leaves behind.
//!
//! Everything a later reader may ask of a record is a named, typed field; there are no maps of
//! anything. Symbols in the docs are the paper's: q, T, P, I, J, a. Records are made by `stage`,
//! stored by `store` and exported by `export`.

mod acceptance;
mod cause;
mod decision;
mod ending;
mod id;
mod message;
mod prompt;
mod report;
mod reward;
mod rollout;
mod session;
mod trajectory;

pub use acceptance::{Acceptance, Judged};
pub use cause::Cause;
pub use decision::{Decision, Disposition, Evidence, Vote};
pub use ending::{ENDINGS, Ending, EndingRow};
pub use id::{CallKey, Digest, Id, NanoUsd, ParseHexError};
pub use message::{Message, Part, Speaker};
pub use prompt::{Prompt, Region, Relation, Size, Spec, SpecObject};
pub use report::{CallsReport, DatasetReport, Purity, Report, RoleReport, StageReport, Stratum};
pub use reward::{Rejected, Reward};
pub use rollout::{Ended, Rollout, RolloutTurn};
pub use session::{KeptBudget, Session};
pub use trajectory::{
    Answer, Atom, AtomKind, Attempt, Check, CheckSource, Comparison, ImageRef, Judgement, Mime,
    Outcome, Preference, Round, Trajectory,
};
