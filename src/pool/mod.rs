//! Prompt sources: many formats in, one stream of `PoolRow`s out.
//!
//! A reader is a function that walks its source once, in order, in flat memory, and hands rows to `Out`.
//! Whatever it cannot use becomes a `Bad` with a place and a reason, never silence. Local paths and
//! buckets are one code path (`input`). Formats: `readers::READERS`. Duplicates and contamination are
//! told by `text`; a stage stores the images and makes records of the prompts.

mod ahead;
pub mod benchmark;
mod content;
mod detect;
mod digest;
mod draft;
mod error;
mod fields;
pub mod fingerprints;
mod image;
mod input;
mod inspect;
mod item;
mod lines;
mod open;
mod options;
mod out;
mod packed;
mod prompt;
pub mod readers;
pub mod report;
pub mod show;
mod source_file;
mod sources;
mod stdin;

pub use detect::{Detected, detect};
pub use digest::digest;
pub use error::PoolError;
pub use fields::Fields;
pub use inspect::{Inspection, inspect};
pub use item::{Bad, BadKind, Ending, PoolItem, PoolRow};
pub use open::{open, open_all};
pub use options::{Images, OnBad, SourceOptions};
pub use sources::{PoolSource, Sources};
pub use stdin::spooled;
