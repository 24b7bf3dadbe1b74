//! A dataset in a trainer's own form: written, proved, described.
//!
//! Two passes go over the rows, one that sees all prompts and settles the splits, one that streams
//! rows to files, so that memory holds neither images nor conversations of more than a few rows. The
//! forms themselves are in `crate::export::formats`.

mod carry;
mod error;
mod groups;
pub mod loader;
mod place;
mod proof;
mod render;
mod request;
mod select;
mod source;
mod verify;

pub use error::ExportError;
pub use place::{ACCOUNT, write};
pub use request::Request;
pub use select::{COLUMNS, Selection};
pub use source::{Shards, table1};
pub use verify::{Verified, verify};
